//! What an e-mail address may be.
//!
//! One form for each: trimmed, the domain in small letters. The part before the `@` stays as it is, because its server
//! alone knows whether case counts there. ASCII alone, so that no two addresses look the same; a domain with other
//! letters is written `xn--…`.

use lettre::Address;

use trailbook_event::limits::EMAIL_BYTES_MAX;

/// The one form of an address that somebody gave, or why it is none.
pub(crate) fn check_email(text: &str) -> Result<String, String> {
    parse(text).map(|address| address.to_string())
}

/// The same, for a mail.
pub(super) fn parse(text: &str) -> Result<Address, String> {
    let text = text.trim();
    if text.len() > EMAIL_BYTES_MAX {
        return Err(format!("an e-mail address has at most {EMAIL_BYTES_MAX} bytes, not {}", text.len()));
    }
    if !text.is_ascii() {
        return Err("an e-mail address has letters of ASCII only; write other domains as xn--…".to_owned());
    }
    let wrong = || "must be an e-mail address, such as jane@acme.example".to_owned();
    let (user, domain) = text.split_once('@').ok_or_else(wrong)?;
    // What a quoted user and an address in brackets are good for, nobody needs here.
    if user.contains('"') || domain.contains(['@', '[']) {
        return Err(wrong());
    }
    Address::new(user, domain.to_ascii_lowercase()).map_err(|_| wrong())
}
