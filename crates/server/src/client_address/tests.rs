//! Tests of callers' addresses, with callers who say that they are somebody else.

use axum::http::HeaderValue;
use proptest::prelude::{any, prop, prop_assert_eq, proptest};

use super::*;

const PROXY: &str = "10.0.0.1";
const CALLER: &str = "203.0.113.7";
const SPOOFED: &str = "198.51.100.66";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn proxies(believed: Believed) -> TrustedProxies {
    TrustedProxies::parse(&["10.0.0.0/8", "fd00::/8", "192.0.2.10"], believed).unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut headers = HeaderMap::new();
    lines.iter().map(line).for_each(|(name, value)| {
        headers.append(name, value);
    });
    headers
}

fn origin_of(peer: &str, lines: &[(&str, &str)]) -> Origin {
    proxies(Believed::Either).origin(Origin { address: ip(peer), is_https: false }, &headers(lines))
}

/// The caller of a request that came over the proxy.
fn caller(lines: &[(&str, &str)]) -> IpAddr {
    origin_of(PROXY, lines).address
}

#[test]
fn the_headers_of_a_peer_that_is_no_trusted_proxy_are_ignored() {
    let lines =
        [("forwarded", "for=198.51.100.66;proto=https"), ("x-forwarded-for", SPOOFED), ("x-forwarded-proto", "https")];
    assert_eq!(origin_of(CALLER, &lines), Origin { address: ip(CALLER), is_https: false });
    let none = TrustedProxies::default().origin(Origin { address: ip(PROXY), is_https: true }, &headers(&lines));
    assert_eq!(none, Origin { address: ip(PROXY), is_https: true });
}

#[test]
fn a_proxy_without_headers_is_the_caller() {
    let peer = Origin { address: ip(PROXY), is_https: true };
    assert_eq!(proxies(Believed::Either).origin(peer, &HeaderMap::new()), peer);
}

#[test]
fn a_proxy_says_who_it_was_asked_by() {
    for (value, address) in [
        (CALLER, CALLER),
        (" 203.0.113.7 ", CALLER),
        ("203.0.113.7:51234", CALLER),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:203.0.113.7", CALLER),
        ("[::ffff:203.0.113.7]:1", CALLER),
    ] {
        assert_eq!(caller(&[("x-forwarded-for", value)]), ip(address), "{value}");
        assert_eq!(caller(&[("forwarded", &format!("for=\"{}\"", value.trim()))]), ip(address), "{value}");
    }
    for value in [
        "for=203.0.113.7",
        "For=\"203.0.113.7:_port\";By=10.0.0.1",
        "proto=https;host=\"a,b;c\\\"d\";for=203.0.113.7",
        "for=198.51.100.66, for=203.0.113.7",
        "secret=\"a\\\\\" ; for=203.0.113.7",
        "for=\"\\203.0.113.7\"",
    ] {
        assert_eq!(caller(&[("forwarded", value)]), ip(CALLER), "{value}");
    }
}

#[test]
fn trusted_proxies_in_a_row_are_passed_over() {
    let row = "198.51.100.66, 203.0.113.7, 192.0.2.10, fd00::1, 10.9.9.9";
    assert_eq!(caller(&[("x-forwarded-for", row)]), ip(CALLER));
    let row = "for=198.51.100.66, for=203.0.113.7, for=\"[fd00::1]\", for=10.9.9.9";
    assert_eq!(caller(&[("forwarded", row)]), ip(CALLER));
    // Where all are proxies, the first of them asks for itself.
    assert_eq!(caller(&[("x-forwarded-for", "10.3.3.3, 10.2.2.2")]), ip("10.3.3.3"));
    assert_eq!(origin_of("::ffff:10.0.0.1", &[("x-forwarded-for", CALLER)]).address, ip(CALLER));
}

#[test]
fn a_caller_who_writes_the_header_himself_does_not_win() {
    for before in [SPOOFED, "10.0.0.2", "garbage", "\"", ",,,", "198.51.100.66, 10.0.0.3", "unknown", "for=\"a", "\\\""]
    {
        assert_eq!(caller(&[("x-forwarded-for", &format!("{before}, {CALLER}"))]), ip(CALLER), "{before}");
        let lines = [("x-forwarded-for", before), ("x-forwarded-for", CALLER)];
        assert_eq!(caller(&lines), ip(CALLER), "{before}");
        let forwarded = format!("for={before}, for={CALLER}");
        assert_eq!(caller(&[("forwarded", &forwarded)]), ip(CALLER), "{forwarded}");
        let lines = [("forwarded", before), ("forwarded", "for=203.0.113.7")];
        assert_eq!(caller(&lines), ip(CALLER), "{before}");
    }
    // What a proxy took from him into its own element, and put into quotes.
    let forwarded = format!("for={CALLER};host=\"x\\\", for={SPOOFED};y=\\\"\"");
    assert_eq!(caller(&[("forwarded", &forwarded)]), ip(CALLER));
}

#[test]
fn lines_of_one_header_are_one_list() {
    let lines =
        [("x-forwarded-for", SPOOFED), ("x-forwarded-for", "203.0.113.7, 10.1.1.1"), ("x-forwarded-for", "10.2.2.2")];
    assert_eq!(caller(&lines), ip(CALLER));
}

#[test]
fn what_cannot_be_read_ends_at_the_last_good_hop() {
    for bad in [
        "",
        "unknown",
        "_hidden",
        "garbage",
        "203.0.113.7:",
        "203.0.113.7:123456",
        "203.0.113.7:_",
        "[203.0.113.7]",
        "[::1",
        "::1]",
        "fe80::1%eth0",
        "203.0.113",
        "203.0.113.07",
        "0x7f.1",
        "203.0.113.7 198.51.100.66",
        "é",
    ] {
        let lines = [("x-forwarded-for", format!("{SPOOFED}, {bad}"))];
        assert_eq!(caller(&[(lines[0].0, &lines[0].1)]), ip(PROXY), "{bad}");
        let further = format!("{SPOOFED}, {bad}, 10.7.7.7");
        assert_eq!(caller(&[("x-forwarded-for", &further)]), ip("10.7.7.7"), "{bad}");
        let forwarded = format!("for={SPOOFED}, for=\"{bad}\", for=10.7.7.7");
        assert_eq!(caller(&[("forwarded", &forwarded)]), ip("10.7.7.7"), "{bad}");
    }
    for bad in [
        "for",
        "=",
        "for=",
        "for =203.0.113.7",
        "for=203.0.113.7;for=198.51.100.66",
        "for=203.0.113.7;",
        "for=\"203.0.113.7",
        "for=203.0.113.7\"",
        "for=\"203.0.113.7\"x",
        "for=\"203.0.113.7\\\"",
        "fo r=1;for=203.0.113.7",
        "proto=https",
        "é=1;for=203.0.113.7",
    ] {
        assert_eq!(caller(&[("forwarded", bad)]), ip(PROXY), "{bad}");
    }
}

#[test]
fn two_headers_that_do_not_agree_are_not_believed() {
    let lines =
        [("forwarded", "for=198.51.100.66;proto=https"), ("x-forwarded-for", CALLER), ("x-forwarded-proto", "http")];
    assert_eq!(origin_of(PROXY, &lines), Origin { address: ip(PROXY), is_https: false });
    let agreed = [("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "198.51.100.66, 203.0.113.7:80")];
    assert_eq!(caller(&agreed), ip(CALLER));
    let of = |believed| proxies(believed).origin(Origin { address: ip(PROXY), is_https: false }, &headers(&lines));
    assert_eq!(of(Believed::XForwarded), Origin { address: ip(CALLER), is_https: false });
    assert_eq!(of(Believed::Forwarded), Origin { address: ip(SPOOFED), is_https: true });
}

#[test]
fn https_is_what_the_callers_own_proxy_says() {
    let is_https = |lines: &[(&str, &str)]| origin_of(PROXY, lines).is_https;
    for (protocols, row, is) in [
        ("https", CALLER, true),
        ("HTTPS", CALLER, true),
        ("http", CALLER, false),
        ("gopher", CALLER, false),
        ("https, http", CALLER, false),
        ("https, http", "203.0.113.7, 10.1.1.1", true),
        ("https, http, https", "203.0.113.7, 10.1.1.1", false),
        ("https", "203.0.113.7, 10.1.1.1", true),
    ] {
        let lines = [("x-forwarded-for", row), ("x-forwarded-proto", protocols)];
        assert_eq!(is_https(&lines), is, "{protocols} {row}");
    }
    assert!(is_https(&[("x-forwarded-proto", "https")]));
    assert!(is_https(&[("forwarded", "for=_hidden;proto=https")]));
    assert!(is_https(&[("forwarded", "for=203.0.113.7;proto=https, for=10.1.1.1;proto=http")]));
    assert!(!is_https(&[("forwarded", "for=198.51.100.66;proto=https, for=203.0.113.7;proto=http")]));
    let peer = Origin { address: ip(PROXY), is_https: true };
    let silent = proxies(Believed::Either).origin(peer, &headers(&[("x-forwarded-for", CALLER)]));
    assert!(silent.is_https, "what the connection itself is, where nothing is said");
}

#[test]
fn so_many_hops_are_read_and_not_one_more() {
    let row = |proxies: usize| format!("{CALLER}{}", ", 10.1.1.1".repeat(proxies));
    assert_eq!(caller(&[("x-forwarded-for", &row(FORWARDED_HOPS_MAX - 1))]), ip(CALLER));
    assert_eq!(caller(&[("x-forwarded-for", &row(FORWARDED_HOPS_MAX))]), ip("10.1.1.1"));
}

#[test]
fn proxies_are_addresses_and_networks_and_never_everybody() {
    let parse = |entry: &str| TrustedProxies::parse(&[entry], Believed::Either);
    for good in ["10.0.0.1", "10.0.0.0/8", "10.1.2.3/8", "::1", "fd00::/8", " ::ffff:10.0.0.0/104 "] {
        assert!(parse(good).is_ok(), "{good}");
    }
    assert!(parse("::ffff:10.0.0.0/104").unwrap().trusts(ip("10.9.9.9")));
    assert!(!parse("10.0.0.1").unwrap().trusts(ip("10.0.0.2")));
    for bad in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "*"] {
        assert!(parse(bad).unwrap_err().contains("must be an address or a network"), "{bad}");
    }
    for everybody in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
        assert!(parse(everybody).unwrap_err().contains("is everybody"), "{everybody}");
    }
    let many = |n| TrustedProxies::parse(&vec!["10.0.0.1"; n], Believed::Either);
    assert!(many(RULES_MAX).is_ok() && many(RULES_MAX + 1).is_err());
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_and_the_last_element_of_the_proxy_wins(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "[for=\"\\\\,; .:0-9\\[\\]a-z]{0,100}",
    ) {
        for before in [&bytes, text.as_bytes()] {
            let Ok(value) = HeaderValue::from_bytes(before) else { continue };
            for name in [header::FORWARDED, X_FORWARDED_FOR, X_FORWARDED_PROTO] {
                let mut headers = HeaderMap::new();
                headers.append(name, value.clone());
                let peer = Origin { address: ip(PROXY), is_https: false };
                let _ = proxies(Believed::Either).origin(peer, &headers);
            }
            for (name, own) in [(X_FORWARDED_FOR, CALLER.to_owned()), (header::FORWARDED, format!("for={CALLER}"))] {
                let mut headers = HeaderMap::new();
                headers.append(name, HeaderValue::from_bytes(&[before, b", ", own.as_bytes()].concat()).unwrap());
                let peer = Origin { address: ip(PROXY), is_https: false };
                prop_assert_eq!(proxies(Believed::Either).origin(peer, &headers).address, ip(CALLER));
            }
        }
    }
}
