//! What the lexer makes of comments, literals and test items.

use super::{Line, is_test_path, lines, names};

fn one(text: &str) -> Line {
    lines("a.rs", text).into_iter().next().expect("a text with one line")
}

#[test]
fn comments_and_strings_are_no_code() {
    let line = one("let a = \"x // no\"; // yes \"y\"");
    assert_eq!(line.code, "let a = \"\"; ");
    assert_eq!(line.comment, " yes \"y\"");
    assert!(line.has_literal);
}

#[test]
fn escapes_and_raw_strings_end_where_they_end() {
    assert_eq!(one(r#"f("a\"b", c)"#).code, "f(\"\", c)");
    assert_eq!(one(r##"f(r#"a"b"#, br"\", c)"##).code, "f(\"\", b\"\", c)");
    assert_eq!(one("r#type.x(var\"\")").code, "r#type.x(var\"\")");
}

#[test]
fn characters_and_lifetimes_are_told_apart() {
    assert_eq!(one(r#"f('"', '\'', '\u{41}', '\\') // x"#).code, "f(' ', ' ', ' ', ' ') ");
    assert_eq!(one("fn f<'a>(x: &'a str) // y").code, "fn f<'a>(x: &'a str) ");
}

#[test]
fn comments_nest_and_strings_span_lines() {
    let all = lines("a.rs", "a /* b /* c\n d */ e */ f\ng(\"h\n//i\\\n\", j)\nk");
    let code: Vec<&str> = all.iter().map(|line| line.code.as_str()).collect();
    assert_eq!(code, ["a ", " f", "g(\"\"", "", ", j)", "k"]);
    assert_eq!(all.iter().map(|line| line.has_literal).collect::<Vec<_>>(), [false, false, true, true, true, false]);
}

#[test]
fn an_item_for_tests_ends_with_its_brace_or_semicolon() {
    let text = "a();\n#[cfg(test)]\nmod tests {\n  fn f() {}\n}\nb();\n#[cfg(test)]\nmod more;\nc();\n\
                #[cfg(test)]\nfn g(x: [u8; 2]) {\n}\nd();";
    let tests: Vec<usize> = lines("a.rs", text).iter().filter(|line| line.is_test).map(|line| line.number).collect();
    assert_eq!(tests, [2, 3, 4, 5, 7, 8, 10, 11, 12]);
}

#[test]
fn test_files_are_known_by_their_path() {
    assert!(is_test_path("crates/a/src/b/tests.rs"));
    assert!(is_test_path("crates/a/tests/it/main.rs"));
    assert!(!is_test_path("crates/a/src/tests_of.rs"));
    assert!(lines("x/tests.rs", "a\nb").iter().all(|line| line.is_test));
}

#[test]
fn a_name_is_whole() {
    assert!(names("use ::std::fs;", "std::fs"));
    assert!(names("a(std::fs::read)", "std::fs"));
    assert!(!names("std::fsx", "std::fs"));
    assert!(!names("my_sqlx::a", "sqlx"));
    assert!(names("x = StatusCode::OK", "StatusCode::"));
}
