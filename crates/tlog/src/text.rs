//! What the text formats share: lines, base64, decimal numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Hash};

/// Standard base64 with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64 with padding, in its one canonical form.
pub(crate) fn decode(what: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|e| Error::malformed(what, format!("{text:?} is not base64: {e}")))
}

/// Reads a hash in base64.
pub(crate) fn hash(what: &'static str, text: &str) -> Result<Hash, Error> {
    let bytes = decode(what, text)?;
    let bytes = bytes.try_into().map_err(|_| Error::malformed(what, format!("{text:?} is no hash of 32 bytes")))?;
    Ok(Hash(bytes))
}

/// Reads a decimal number in its one canonical form: ASCII digits without leading zeros.
pub(crate) fn decimal(what: &'static str, text: &str) -> Result<u64, Error> {
    let is_canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = if is_canonical { text.parse().ok() } else { None };
    number.ok_or_else(|| Error::malformed(what, format!("{text:?} is not a decimal number of 64 bits")))
}

/// Takes the first line, which must end in a line feed.
pub(crate) fn line<'a>(what: &'static str, text: &mut &'a str) -> Result<&'a str, Error> {
    let (line, rest) = text.split_once('\n').ok_or_else(|| Error::malformed(what, "it ends too early"))?;
    *text = rest;
    Ok(line)
}

/// Takes lines of hashes up to an empty line, which is taken too.
pub(crate) fn hashes(what: &'static str, text: &mut &str, most: usize) -> Result<Vec<Hash>, Error> {
    let mut hashes = Vec::new();
    loop {
        let line = line(what, text)?;
        if line.is_empty() {
            return Ok(hashes);
        }
        if hashes.len() == most {
            return Err(Error::malformed(what, format!("it has more than {most} hashes")));
        }
        hashes.push(hash(what, line)?);
    }
}

/// Hashes, one a line, and an empty line.
pub(crate) fn push_hashes(out: &mut String, hashes: &[Hash]) {
    for hash in hashes {
        out.push_str(&hash.to_string());
        out.push('\n');
    }
    out.push('\n');
}
