//! What needs another time than now; the rest is in the tests of the server.

use super::is_local_path;
use super::pending::{Pending, Sealer};
use trailbook_event::limits::{JWT_SKEW_SECONDS_MAX, RETURN_TO_BYTES_MAX, SIGN_IN_SECONDS_MAX};

const NOW_MS: i64 = 1_800_000_000_000;

#[test]
fn a_cookie_is_read_by_who_made_it_for_ten_minutes() {
    let sealer = Sealer::new(&[1; 32], "acme");
    let pending = Pending::new("/events", NOW_MS).unwrap();
    let cookie = sealer.seal(&pending).unwrap();
    let opened = sealer.open(&cookie, NOW_MS + SIGN_IN_SECONDS_MAX * 1_000).unwrap();
    assert_eq!((&opened.state, &opened.nonce, &opened.verifier), (&pending.state, &pending.nonce, &pending.verifier));
    assert_eq!(opened.return_to, "/events");
    let error = |sealer: &Sealer, cookie: &str, now_ms| sealer.open(cookie, now_ms).map(|_| ()).unwrap_err();
    assert_eq!(error(&sealer, &cookie, NOW_MS + SIGN_IN_SECONDS_MAX * 1_000 + 1), "the sign-in took too long");
    assert!(sealer.open(&cookie, NOW_MS - JWT_SKEW_SECONDS_MAX * 1_000).is_ok());
    assert_eq!(error(&sealer, &cookie, NOW_MS - JWT_SKEW_SECONDS_MAX * 1_000 - 1), "the sign-in took too long");
    let foreign = "the cookie is not of this server and provider";
    for other in [Sealer::new(&[1; 32], "other"), Sealer::new(&[2; 32], "acme")] {
        assert_eq!(error(&other, &cookie, NOW_MS), foreign);
    }
    for place in 0..cookie.len() {
        let mut changed = cookie.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        assert_eq!(error(&sealer, &String::from_utf8(changed).unwrap(), NOW_MS), foreign, "changed at {place}");
        let cut = &cookie[..place];
        assert!(sealer.open(cut, NOW_MS).is_err(), "cut at {place}");
    }
}

#[test]
fn the_longest_path_to_return_to_fits_into_a_cookie() {
    let path = format!("/{}", "\"".repeat(RETURN_TO_BYTES_MAX - 1));
    assert!(is_local_path(&path));
    assert!(!is_local_path(&format!("{path}a")));
    let sealer = Sealer::new(&[1; 32], "acme");
    let cookie = sealer.seal(&Pending::new(&path, NOW_MS).unwrap()).unwrap();
    assert_eq!(sealer.open(&cookie, NOW_MS).unwrap().return_to, path);
}

#[test]
fn only_paths_of_this_server_are_local() {
    for path in ["/", "/events?q=a%20b#top", "/a//b", "/.//evil.example"] {
        assert!(is_local_path(path), "{path}");
    }
    let elsewhere = [
        "",
        "events",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "https://evil.example",
        "/a\tb",
        "/\n/e",
        "/ü",
        " /",
    ];
    for path in elsewhere {
        assert!(!is_local_path(path), "{path}");
    }
}

#[test]
fn every_sign_in_has_values_of_its_own() {
    let (one, other) = (Pending::new("/", NOW_MS).unwrap(), Pending::new("/", NOW_MS).unwrap());
    let all = [&one.state, &one.nonce, &one.verifier, &other.state, &other.nonce, &other.verifier];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    // RFC 7636 section 4.1.
    assert!((43..=128).contains(&one.verifier.len()));
}
