//! The query string of a URL, decoded.

use percent_encoding::percent_decode_str;

/// Names and values in their order, `+` and `%XX` decoded. An error is the name, as it came, of a pair that is not
/// percent-encoded UTF-8.
pub(crate) fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        decoded(name).zip(decoded(value)).ok_or_else(|| name.to_owned())
    };
    query.unwrap_or_default().split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> Option<String> {
    let is_hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    if text.match_indices('%').any(|(at, _)| !is_hex(at + 1) || !is_hex(at + 2)) {
        return None;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn pairs_are_decoded_in_order() {
        let all = pairs(Some("a=1&b=x+y%2Bz&&c&outcome!=failed&url=/a?b=c")).unwrap();
        let expected = [("a", "1"), ("b", "x y+z"), ("c", ""), ("outcome!", "failed"), ("url", "/a?b=c")];
        assert_eq!(all, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(pairs(None).unwrap(), []);
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        for query in ["a=%ff", "a=%zz", "a=%", "a=%4", "a=1%+1", "b=1&a=%e"] {
            assert_eq!(pairs(Some(query)), Err("a".to_owned()), "{query}");
        }
        assert_eq!(pairs(Some("%ff=1")), Err("%ff".to_owned()));
    }
}
