//! Frames come back as they went in, and damaged ones are refused.

use trailbook_event::normalise::{Given, Normalised, normalise};
use trailbook_event::{Sealed, Timestamp, exclude, json, redact, seal};

use super::{decode, encode};

fn sealed(text: &str) -> Sealed {
    let given = Given {
        now: Timestamp::parse("2026-01-15T12:00:00Z").unwrap(),
        skew_ms_max: 0,
        random: [7; 10],
        keep_initiated: false,
    };
    let Normalised::Event(event) = normalise(json::parse(text.as_bytes()).unwrap(), text.len(), &given).unwrap() else {
        panic!("{text} is not an event");
    };
    let redacted = redact::Rules::default().apply(event);
    let exclude::Decision::Admitted(admitted) = exclude::Rules::default().decide(redacted) else {
        panic!("no rule excludes {text}");
    };
    seal::seal(&admitted, [3; 16]).unwrap()
}

fn two_events() -> Vec<Sealed> {
    vec![
        sealed(
            r#"{"source":"catalog","action":"a","actor":{"type":"user","id":"user:default/jane"},"meta":{"n":1e3}}"#,
        ),
        sealed(r#"{"source":"x","action":"b","context":{"request_url":"/a?b"},"targets":[{"type":"t","id":"\n"}]}"#),
    ]
}

#[test]
fn a_frame_comes_back_as_it_went_in() {
    let encoded = encode(&two_events()).unwrap();
    assert_eq!(decode(&encoded.payload).unwrap(), encoded.frame);
    let empty = encode(&[]).unwrap();
    assert_eq!(decode(&empty.payload).unwrap(), empty.frame);
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let payload = encode(&two_events()).unwrap().payload;
    for at in 0..payload.len() {
        for bit in 0..8 {
            let mut damaged = payload.clone();
            damaged[at] ^= 1 << bit;
            assert!(decode(&damaged).is_err(), "bit {bit} of byte {at}");
        }
        assert!(decode(&payload[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_header_that_asks_for_too_much_is_refused_before_anything_is_allocated() {
    let mut payload = encode(&two_events()).unwrap().payload;
    for range in [5..9, 9..13] {
        let mut damaged = payload.clone();
        damaged[range].copy_from_slice(&u32::MAX.to_le_bytes());
        let crc = crc32fast::hash(&damaged[5..]);
        damaged[1..5].copy_from_slice(&crc.to_le_bytes());
        assert!(decode(&damaged).unwrap_err().contains("too many"));
    }
    payload[0] = 2;
    assert!(decode(&payload).unwrap_err().contains("version is 2"));
}
