//! What each kind of file may name, and what it may not.

use super::check;

fn lines(path: &str, text: &str) -> Vec<usize> {
    check(path, text).into_iter().map(|finding| finding.line).collect()
}

const NONE: [usize; 0] = [];

#[test]
fn pure_crates_name_no_input_output_and_no_clock() {
    let text = "use std::fs;\nuse tokio::sync;\nlet t = Instant::now();\nlet t = jiff::Timestamp::now();\n\
                std::env::var(\"\");\nuse std::time::SystemTime;\n";
    assert_eq!(lines("crates/event/src/a.rs", text), [1, 2, 3, 4, 5, 6]);
    assert_eq!(lines("crates/tlog/src/a.rs", text), [1, 2, 3, 4, 5, 6]);
    assert_eq!(lines("crates/store/src/a.rs", text), NONE);
}

#[test]
fn pure_crates_may_speak_of_files_and_use_them_in_tests() {
    let text =
        "//! Names neither std::fs nor tokio.\nlet a = \"tokio\";\n#[cfg(test)]\nmod tests {\n  use std::fs;\n}\n";
    assert_eq!(lines("crates/event/src/a.rs", text), NONE);
    assert_eq!(lines("crates/event/src/a/tests.rs", "use std::fs;"), NONE);
}

#[test]
fn a_grouped_use_hides_nothing() {
    assert_eq!(lines("crates/event/src/a.rs", "use std::{fmt, fs};\n"), [1]);
    assert_eq!(lines("crates/event/src/a.rs", "use std::{\n  fmt::{self},\n  net::IpAddr,\n};\nfs();\n"), [3]);
    assert_eq!(lines("crates/event/src/a.rs", "use std::{fmt, collections::{fs}};\nlet fs = 1;\n"), NONE);
}

#[test]
fn only_the_store_names_the_database_library() {
    assert_eq!(lines("crates/server/src/a.rs", "use sqlx::Row;\n"), [1]);
    assert_eq!(lines("crates/server/tests/a.rs", "use sqlx::Row;\n"), [1]);
    assert_eq!(lines("crates/store/src/a.rs", "use sqlx::Row;\n"), NONE);
    assert_eq!(lines("crates/server/src/a.rs", "// sqlx\n"), NONE);
}

#[test]
fn dialects_and_console_do_not_name_the_store() {
    let text = "use trailbook_store::Store;\n";
    assert_eq!(lines("crates/server/src/dialect/portal.rs", text), [1]);
    assert_eq!(lines("crates/server/src/dialect.rs", text), [1]);
    assert_eq!(lines("crates/server/src/ui/page.rs", text), [1]);
    assert_eq!(lines("crates/server/src/dialect/portal/tests.rs", text), NONE);
    assert_eq!(lines("crates/server/src/ingest.rs", text), NONE);
}

#[test]
fn one_file_chooses_status_codes() {
    let text = "let a: StatusCode = b;\nlet a = StatusCode::OK;\n";
    assert_eq!(lines("crates/server/src/api.rs", text), [2]);
    assert_eq!(lines("crates/server/src/status.rs", text), NONE);
    assert_eq!(lines("crates/server/src/api/tests.rs", text), NONE);
    assert_eq!(lines("crates/cli/src/send.rs", text), NONE);
}

#[test]
fn no_queue_is_without_a_limit() {
    assert_eq!(lines("crates/cli/tests/a.rs", "mpsc::unbounded_channel();\n"), [1]);
}
