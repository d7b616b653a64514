//! Links to the files of exports: whoever has one may fetch the file, without a token, as long as it holds.
//!
//! A link names the export, the format, the credential that it was given to, and its end; a signature of the server
//! stands under all of it. It ends with the export, and with the credential: whose token is revoked has no links
//! either.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use trailbook_event::Uuid;
use trailbook_store::SecretKey;

use super::format::Format;

/// What links are signed with.
#[derive(Debug)]
pub(crate) struct LinkKey(hmac::Key);

/// What a link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) export: Uuid,
    pub(crate) format: Format,
    pub(crate) credential: Uuid,
    /// When it ends, in milliseconds since 1970.
    pub(crate) expires_ms: i64,
}

impl Link {
    /// The path that a file has.
    fn path(&self) -> String {
        format!("/api/v1/exports/{}/files/{}", self.export, self.format.name())
    }

    /// What is signed.
    fn text(&self) -> String {
        format!("trailbook/export-link/v1\n{}\n{}\n{}", self.path(), self.credential, self.expires_ms)
    }
}

impl LinkKey {
    pub(crate) fn new(secret: &SecretKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The path and query of a link.
    pub(crate) fn path_and_query(&self, link: &Link) -> String {
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, link.text().as_bytes()));
        let Link { credential, expires_ms, .. } = link;
        format!("{}?credential={credential}&expires={expires_ms}&signature={signature}", link.path())
    }

    /// Whether this server signed the link. Takes the same time whatever is wrong.
    pub(crate) fn has_signed(&self, link: &Link, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        hmac::verify(&self.0, link.text().as_bytes(), &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_link() {
        let key = LinkKey::new(&[7; 32]);
        let link =
            Link { export: Uuid::from_u128(1), format: Format::Cef, credential: Uuid::from_u128(3), expires_ms: 4 };
        let text = key.path_and_query(&link);
        let signature = text.rsplit_once('=').unwrap().1;
        assert!(key.has_signed(&link, signature));
        for other in [
            Link { export: Uuid::from_u128(2), ..link },
            Link { format: Format::Csv, ..link },
            Link { credential: Uuid::from_u128(34), ..link },
            Link { expires_ms: 5, ..link },
        ] {
            assert!(!key.has_signed(&other, signature), "{other:?}");
        }
        assert!(!LinkKey::new(&[8; 32]).has_signed(&link, signature));
        assert!(!key.has_signed(&link, "") && !key.has_signed(&link, "%"));
    }
}
