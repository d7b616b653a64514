//! The query string of a URL, decoded.

use percent_encoding::percent_decode_str;

/// Names and values in their order, `+` and `%XX` decoded. An error names the pair that is not UTF-8.
pub(crate) fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(String::from).map_err(|_| text.to_owned())
    };
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Ok((decode(name)?, decode(value)?))
    };
    query.unwrap_or_default().split('&').filter(|text| !text.is_empty()).map(pair).collect()
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
    fn what_is_not_utf_8_is_named() {
        assert_eq!(pairs(Some("a=%ff")), Err("%ff".to_owned()));
    }
}
