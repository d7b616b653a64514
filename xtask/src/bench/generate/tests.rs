//! The generator makes what it says.

use super::{Generator, REQUEST_ID_CHARS, Random, Zipf, rfc3339};
use serde_json::Value;

#[test]
fn events_are_json_of_about_850_bytes() {
    let mut generator = Generator::new(1_800_000_000);
    let body = generator.body(5000);
    let text = String::from_utf8(body.bytes).expect("UTF-8");
    assert_eq!(text.lines().count(), 5000);
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let meta_bytes = event["meta"].to_string().len();
        assert!((100..=300).contains(&meta_bytes), "{meta_bytes}");
    }
    let mean = generator.event_bytes_mean();
    assert!((800.0..900.0).contains(&mean), "{mean}");
}

#[test]
fn three_in_ten_have_a_request_id_and_its_place_is_known() {
    let mut generator = Generator::new(1_800_000_000);
    let body = generator.body(5000);
    assert!((1400..1600).contains(&body.request_id_offsets.len()));
    for offset in body.request_id_offsets {
        assert_eq!(&body.bytes[offset..offset + REQUEST_ID_CHARS], "0".repeat(REQUEST_ID_CHARS).as_bytes());
        assert_eq!(body.bytes[offset - 1], b'"');
        assert_eq!(body.bytes[offset + REQUEST_ID_CHARS], b'"');
    }
}

#[test]
fn zipf_prefers_the_first() {
    let (zipf, mut random) = (Zipf::new(1000, 1.0), Random::new(1));
    let mut counts = vec![0_u32; 1000];
    for _ in 0..100_000 {
        counts[zipf.sample(&mut random)] += 1;
    }
    // 1 / H(1000) = 13.4 % for the first, half of it for the second.
    assert!((12_500..14_300).contains(&counts[0]), "{}", counts[0]);
    assert!((6_100..7_300).contains(&counts[1]), "{}", counts[1]);
    assert!(counts[999] < 60);
}

#[test]
fn times_are_right_around_the_end_of_february() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(951_782_399_999), "2000-02-28T23:59:59.999Z");
    assert_eq!(rfc3339(951_868_800_000), "2000-03-01T00:00:00.000Z");
    assert_eq!(rfc3339(1_798_761_599_001), "2026-12-31T23:59:59.001Z");
}
