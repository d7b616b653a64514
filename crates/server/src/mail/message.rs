//! What a mail says: one invitation as plain text and as HTML.
//!
//! The names in it are what somebody typed. They are cut, brought onto one line and escaped, so that they are neither
//! headers nor markup, and nothing in them turns the direction of what follows.

use std::time::{Duration, UNIX_EPOCH};

use askama::Template;
use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use super::{Invitation, Purpose};
use trailbook_event::limits::MAIL_NAME_CHARS_MAX;

#[derive(Template)]
#[template(path = "mail/invitation.txt")]
struct Text<'a> {
    invited_by: &'a str,
    organization: &'a str,
    link: &'a str,
    expires: &'a str,
    is_join: bool,
}

#[derive(Template)]
#[template(path = "mail/invitation.html")]
struct Html<'a> {
    invited_by: &'a str,
    organization: &'a str,
    link: &'a str,
    expires: &'a str,
    is_join: bool,
}

/// The whole mail, for one recipient.
pub(super) fn compose(from: &Mailbox, to: &Address, invitation: &Invitation<'_>, now_ms: i64) -> Message {
    let organization = &one_line(invitation.organization, "an organization");
    let invited_by = &one_line(invitation.invited_by, "An administrator");
    let expires = &time(invitation.expires_at_ms);
    let link = invitation.link;
    let is_join = invitation.purpose == Purpose::Join;
    let text = Text { invited_by, organization, link, expires, is_join }.render();
    let html = Html { invited_by, organization, link, expires, is_join }.render();
    let rendered = "the templates name nothing that can fail";
    let parts = MultiPart::alternative_plain_html(text.expect(rendered), html.expect(rendered));
    let sent = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .date(sent)
        .message_id(Some(message_id(from)))
        .subject(subject(invitation.purpose, invited_by, organization))
        // Keeps holiday notices from being sent back.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(parts)
        .expect("a mail with a sender and a recipient is whole")
}

/// What looks like an encoded word would be decoded by who reads the mail, into anything.
fn subject(purpose: Purpose, invited_by: &str, organization: &str) -> String {
    let subject = match purpose {
        Purpose::Join => format!("{invited_by} invites you to {organization}"),
        Purpose::NewPassword => format!("{invited_by} lets you choose a new password for {organization}"),
    };
    subject.replace("=?", "= ?")
}

/// Random, and at the sender's domain rather than at the name of this machine, which is nobody's business.
fn message_id(from: &Mailbox) -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system has random bytes");
    format!("<{:032x}@{}>", u128::from_be_bytes(random), from.email.domain())
}

/// A time as people read it.
pub(crate) fn time(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX);
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// A name on one line, cut where it is too long.
fn one_line(name: &str, otherwise: &str) -> String {
    let name: String = name.chars().filter(|c| !turns_direction(*c)).collect();
    let words = name.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return otherwise.to_owned();
    }
    if line.chars().count() <= MAIL_NAME_CHARS_MAX {
        return line;
    }
    let kept: String = line.chars().take(MAIL_NAME_CHARS_MAX - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Marks, embeddings, overrides and isolates of the bidirectional algorithm, which are invisible and reach beyond the
/// name.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
