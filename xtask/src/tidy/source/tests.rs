//! Good and bad files, with the limits tested at n and n + 1.

use super::check;

fn whats(path: &str, text: &str) -> Vec<String> {
    check(path, text).into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
}

fn file_of(lines: usize) -> String {
    format!("//! A file.\n{}", "fn f() {}\n".repeat(lines - 1))
}

#[test]
fn a_good_file_passes() {
    assert_eq!(whats("crates/a/src/a.rs", "//! A.\n\nfn f() {}\n"), [""; 0]);
}

#[test]
fn a_file_at_the_limit_passes_and_one_over_fails() {
    assert_eq!(whats("a.rs", &file_of(800)), [""; 0]);
    assert_eq!(whats("a.rs", &file_of(801)), ["801: 801 lines that are not tests, at most 800 are allowed"]);
}

#[test]
fn tests_are_not_counted() {
    assert_eq!(whats("a/tests.rs", &file_of(900)), [""; 0]);
    assert_eq!(whats("a/tests/b.rs", &file_of(900)), [""; 0]);
    let tail = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", file_of(800), "fn t() {}\n".repeat(50));
    assert_eq!(whats("a.rs", &tail), [""; 0]);
    let after = format!("{tail}fn g() {{}}\n");
    assert_eq!(whats("a.rs", &after).len(), 1);
}

#[test]
fn a_line_at_the_limit_passes_and_one_over_fails() {
    let line = |length: usize| format!("//! A.\n// {}\n", "é".repeat(length - 3));
    assert_eq!(whats("a.rs", &line(120)), [""; 0]);
    assert_eq!(whats("a.rs", &line(121)), ["2: 121 characters, at most 120 are allowed"]);
}

#[test]
fn long_lines_with_an_address_or_a_literal_of_a_test_pass() {
    let long = "x".repeat(130);
    assert_eq!(whats("a.rs", &format!("//! A.\n// https://example.com/{long}\n")), [""; 0]);
    let literal = format!("//! A.\nconst A: &str = \"{long}\";\n");
    assert_eq!(whats("a/tests.rs", &literal), [""; 0]);
    assert_eq!(whats("a.rs", &literal).len(), 1);
}

#[test]
fn a_file_begins_with_its_module_doc() {
    let finding = "1: the first line must be a module doc: `//!` and what this file is";
    assert_eq!(whats("a.rs", "// A.\n"), [finding]);
    assert_eq!(whats("a.rs", "\n//! A.\n"), [finding]);
    assert_eq!(whats("a.rs", ""), [finding]);
}

#[test]
fn names_that_say_nothing_fail() {
    let text = "//! A.\n";
    assert_eq!(whats("a/mod.rs", text), ["1: `foo.rs` beside `foo/`, never `mod.rs`"]);
    assert_eq!(whats("a/utils.rs", text), ["1: `utils` does not say what is inside"]);
    assert_eq!(whats("a/common/b.rs", text), ["1: `common` does not say what is inside"]);
    assert_eq!(whats("a.rs", "//! A.\npub mod misc {}\n"), ["2: module `misc` does not say what is inside"]);
    assert_eq!(whats("a.rs", "//! A.\nmod uncommon; // mod misc;\n"), [""; 0]);
}

#[test]
fn what_is_left_over_is_found_in_code_but_not_in_words() {
    let bad = "//! A.\ntodo!();\nunimplemented!(\"\");\ndbg!(1);\n#[ignore]\n#[should_panic]\n// FIXME: a\n/* XXX */\n";
    let lines: Vec<usize> = check("a.rs", bad).into_iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8]);
    let good = "//! Says todo! and dbg! in words.\nlet a = \"todo!() FIXME\";\nmy_dbg!(a);\n// XXXL\n";
    assert_eq!(whats("a.rs", good), [""; 0]);
}
