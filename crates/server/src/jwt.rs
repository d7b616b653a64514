//! JWTs of an issuer (RFC 7519), checked with the keys that it publishes, as RFC 8725 advises.
//!
//! A token is taken only if its algorithm is one of ours ([`Algorithm`]: asymmetric all of them, so neither `none` nor
//! a public key taken for a secret), fits the key, and was asked for; and if who issued it, whom it is for and its time
//! are as expected. What a token says is read only after its signature was found good. Why one is refused goes to the
//! server's log and has nothing of the token in it but the names that its header gives.

mod algorithm;
mod claims;
mod document;
mod fetch;
mod issuer;
mod key;
mod service_token;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use trailbook_event::limits::JWT_BYTES_MAX;

pub(crate) use algorithm::Algorithm;
pub(crate) use claims::Claims;
pub(crate) use document::{Document, NotThere};
pub(crate) use fetch::{FetchError, client, fetch, is_loopback};
pub(crate) use issuer::Issuer;
pub(crate) use key::{Key, KeySet};
pub(crate) use service_token::ServiceTokens;

/// What a token must be to be taken. An empty list of issuers, audiences or algorithms asks for nothing there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// Who may have issued it.
    pub(crate) issuers: Vec<String>,
    /// Whom it may be for; one of its own audiences must be among them.
    pub(crate) audiences: Vec<String>,
    /// What it may be signed with.
    pub(crate) algorithms: Vec<Algorithm>,
    /// What its header may say that it is, lower-case and without `application/`. One that says nothing is taken.
    pub(crate) types: Vec<&'static str>,
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It is no JWT.
    #[error("it is no signed JWT: {0}")]
    Malformed(&'static str),
    /// Its header asks for what is not done.
    #[error("its header {0}")]
    Header(String),
    /// The issuer has no key that it could be signed with.
    #[error("its issuer publishes no key {0}")]
    UnknownKey(String),
    /// The signature is not that of the key.
    #[error("its signature is not of the issuer's key")]
    Signature,
    /// A claim is missing or not as expected.
    #[error("its claim {claim} {reason}")]
    Claim {
        /// Which.
        claim: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There are no keys to check it with.
    #[error("the keys of its issuer are not there: {0}")]
    NoKeys(#[from] NotThere),
}

/// The header of a token (RFC 7515 section 4.1). Keys that it brings along (`jwk`, `jku`, `x5c`, `x5u`) are not read.
#[derive(Debug, Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
    b64: Option<bool>,
}

/// A token that was taken apart and not yet checked.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    /// Lower-case, without `application/`.
    typ: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refused> {
        if text.len() > JWT_BYTES_MAX {
            return Err(Refused::Malformed("it is too long"));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refused::Malformed("it has no three parts"))?;
        let (header, payload) = signed.split_once('.').ok_or(Refused::Malformed("it has no three parts"))?;
        if payload.contains('.') {
            return Err(Refused::Malformed("it has more than three parts"));
        }
        let header: RawHeader = serde_json::from_slice(&decoded(header)?)
            .map_err(|_| Refused::Malformed("its header is not what a header is"))?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(Refused::Header("has crit or b64, and no extension is known here".to_owned()));
        }
        let algorithm = Algorithm::of_name(&header.alg)
            .ok_or_else(|| Refused::Header(format!("has the algorithm {}, which is not taken", shown(&header.alg))))?;
        let typ = header.typ.map(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
        });
        Ok(Self { algorithm, kid: header.kid, typ, signed, payload, signature: decoded(signature)? })
    }

    /// The key that it says it is signed with.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What it is signed with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What it says that it is.
    pub(crate) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Checks all that the header says.
    fn check_header(&self, expected: &Expected) -> Result<(), Refused> {
        if !expected.algorithms.is_empty() && !expected.algorithms.contains(&self.algorithm) {
            return Err(Refused::Header(format!("has the algorithm {}, which is not expected", self.algorithm.name())));
        }
        match &self.typ {
            Some(typ) if !expected.types.contains(&typ.as_str()) => {
                Err(Refused::Header(format!("has the type {}, which is not expected", shown(typ))))
            }
            _ => Ok(()),
        }
    }

    /// What it says, if the key's owner signed it.
    fn open(&self, key: &Key) -> Result<Claims, Refused> {
        if !key.fits(self.algorithm) || !key.verify(self.algorithm, self.signed.as_bytes(), &self.signature) {
            return Err(Refused::Signature);
        }
        Claims::parse(&decoded(self.payload)?)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed("a part of it is not base64url"))
}

/// A name of a header as a log may show it: short, and nothing in it that a terminal obeys.
fn shown(name: &str) -> String {
    const CHARS_MAX: usize = 40;
    format!("{:?}", name.chars().take(CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests;
