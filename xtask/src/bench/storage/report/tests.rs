//! The tables, from results as the processes print them.

use super::super::{parse_count, parse_results};
use super::{Run, agreement, digits, grouped, growth, peer_facts, queries};

const OURS: &str = r#"{"kind":"fact","system":"ours","name":"events","value":1000.0}
{"kind":"file","system":"ours","name":"catalog.sqlite","count":1,"bytes":90000}
{"kind":"query","system":"ours","row":"newest","runs":200,"check":7,"p50_ms":0.5,"p99_ms":2.25,"first_cold_ms":3.0,"first_again_ms":0.75}
{"kind":"query","system":"ours","row":"id","runs":200,"check":200,"p50_ms":0.1,"p99_ms":0.2,"first_cold_ms":3.0,"first_again_ms":0.75}
{"kind":"missing","system":"ours","row":"facet","reason":"not there yet"}"#;

const POSTGRES: &str = r#"{"kind":"fact","system":"postgres","name":"events","value":1000}
{"kind":"fact","system":"postgres","name":"bytes_per_event","value":2000.0}
{"kind":"query","system":"postgres","row":"newest","runs":200,"check":7,"p50_ms":21.0,"p99_ms":40.0,"first_cold_ms":3.0,"first_again_ms":0.75}
{"kind":"query","system":"postgres","row":"id","runs":200,"check":199,"p50_ms":0.2,"p99_ms":0.3,"first_cold_ms":3.0,"first_again_ms":0.75}"#;

fn ours() -> Run {
    Run { events: 1000, results: parse_results(OURS).unwrap() }
}

fn line<'a>(table: &'a str, label: &str) -> Vec<&'a str> {
    let line = table.lines().find(|line| line.contains(label)).expect(label);
    line.split('|').map(str::trim).collect()
}

#[test]
fn a_row_has_all_systems_and_the_ratio() {
    let table = queries(&ours(), &parse_results(POSTGRES).unwrap());
    let cells = line(&table, "newest 100 of an organization");
    assert_eq!(cells[2..], ["0.500", "2.25", "3.00 (0.750)", "21.0", "40.0", "42.0", "–", "–", "–", ""]);
    assert_eq!(line(&table, "events by action")[2], "not there yet");
}

#[test]
fn a_peer_with_fewer_events_says_so() {
    let fewer = POSTGRES.replace("\"value\":1000}", "\"value\":500}");
    let table = queries(&ours(), &parse_results(&fewer).unwrap());
    assert!(table.lines().next().unwrap().contains("PostgreSQL of 500 p50"), "{table}");
}

#[test]
fn bytes_on_disk_are_those_of_all_files() {
    let table = peer_facts(&ours(), &parse_results(POSTGRES).unwrap());
    assert_eq!(line(&table, "bytes an event on disk")[2..5], ["90.0", "2000.0", "–"]);
}

#[test]
fn other_answers_are_named() {
    let text = agreement(&ours(), &parse_results(POSTGRES).unwrap());
    assert!(text.contains("PostgreSQL: the same answers in 1 of 2 rows; others in \"one event by its id\""), "{text}");
    assert!(text.contains("ClickHouse: holds other events"), "{text}");
}

#[test]
fn sizes_stand_side_by_side() {
    let table = growth(&[ours(), ours()]);
    assert_eq!(line(&table, "newest 100 of an organization")[2..4], ["0.500 / 2.25", "0.500 / 2.25"]);
}

#[test]
fn numbers_are_short() {
    assert_eq!([999, 1000, 10_000_000].map(grouped), ["999", "1,000", "10,000,000"]);
    assert_eq!([0.12345, 9.876, 98.76, 1234.5].map(digits), ["0.123", "9.88", "98.8", "1,235"]);
}

#[test]
fn counts_have_suffixes() {
    assert_eq!(parse_count("10M").unwrap(), 10_000_000);
    assert_eq!(parse_count("200k").unwrap(), 200_000);
    assert_eq!(parse_count("7").unwrap(), 7);
    for wrong in ["", "0", "M", "1G", "-1", "99999999999999999999"] {
        assert!(parse_count(wrong).is_err(), "{wrong}");
    }
}
