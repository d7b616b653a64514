//! One element of `Forwarded` or `X-Forwarded-For`: who a proxy was asked by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who a proxy was asked by, as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// An address, its port taken off.
    Address(IpAddr),
    /// It does not say: `unknown`, a name of its own making, or nothing that can be read.
    Hidden,
}

/// An element of `Forwarded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) node: Node,
    pub(super) is_https: Option<bool>,
}

impl Element {
    /// Reads `for=…;proto=…` and what else there may be. Nothing if it is malformed.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut node, mut protocol) = (None, None);
        for pair in split_from_end(bytes, b';') {
            let pair = std::str::from_utf8(pair).ok()?;
            let (name, value) = pair.split_once('=')?;
            let value = unquote(value)?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return None;
            }
            let slot = match name.to_ascii_lowercase().as_str() {
                "for" => &mut node,
                "proto" => &mut protocol,
                _ => continue,
            };
            // RFC 7239 section 4: each at most once.
            if slot.replace(value).is_some() {
                return None;
            }
        }
        let node = node.map_or(Node::Hidden, |text| Node::parse(text.as_bytes()));
        Some(Self { node, is_https: protocol.and_then(|text| is_https(text.as_bytes())) })
    }
}

impl Node {
    /// Reads an address: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let address = std::str::from_utf8(bytes).ok().and_then(address);
        address.map_or(Self::Hidden, |address| Self::Address(address.to_canonical()))
    }
}

/// Whether a protocol is HTTPS; nothing if it is neither that nor HTTP.
pub(super) fn is_https(protocol: &[u8]) -> Option<bool> {
    match protocol {
        p if p.eq_ignore_ascii_case(b"https") => Some(true),
        p if p.eq_ignore_ascii_case(b"http") => Some(false),
        _ => None,
    }
}

/// The parts of a list, the last one first, without the white space around them. What is in quotes is not divided.
///
/// It is read from its end, as a proxy adds there: a quote that the caller opened and did not close is only met after
/// what the proxy wrote.
pub(super) fn split_from_end(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_quoted = false;
        let place = (0..text.len()).rev().find(|&place| match text.get(place) {
            Some(b'"') if !is_escaped(text, place) => {
                is_quoted = !is_quoted;
                false
            }
            Some(byte) => *byte == separator && !is_quoted,
            None => false,
        });
        let Some(place) = place else { return rest.take().map(<[u8]>::trim_ascii) };
        let (before, after) = text.split_at_checked(place)?;
        rest = Some(before);
        after.get(1..).map(<[u8]>::trim_ascii)
    })
}

/// Whether an odd number of backslashes stands before this place.
fn is_escaped(text: &[u8], place: usize) -> bool {
    let before = text.get(..place).unwrap_or_default();
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The value of a token or of a quoted string (RFC 9110 section 5.6.4). Nothing if it is neither.
fn unquote(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        // Addresses of IPv6 should stand in quotes, and do not always.
        let is_plain = !value.is_empty() && value.bytes().all(|b| is_token(b) || matches!(b, b':' | b'[' | b']'));
        return is_plain.then(|| value.to_owned());
    };
    let mut chars = quoted.strip_suffix('"')?.chars();
    let mut text = String::with_capacity(quoted.len());
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.push(chars.next()?),
            '"' => return None,
            _ => text.push(char),
        }
    }
    Some(text)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let is_whole = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return is_whole.then_some(address.into());
    }
    let (address, port) = text.split_once(':')?;
    let address: Ipv4Addr = address.parse().ok()?;
    is_port(port).then_some(address.into())
}

/// RFC 7239 section 6: a number, or a name that hides it.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}
