//! An issuer of tokens: its keys, and the check of what it signed.

use std::sync::Arc;

use reqwest::Url;

use super::{Claims, Document, Expected, KeySet, Refused, Token};

/// An issuer whose keys are at a URL.
#[derive(Debug)]
pub(crate) struct Issuer {
    keys: Document<KeySet>,
}

impl Issuer {
    /// The issuer whose keys are there. Nothing is asked yet.
    pub(crate) fn new(keys_url: Url, client: reqwest::Client) -> Self {
        Self { keys: Document::new(keys_url, client, Box::new(KeySet::parse)) }
    }

    /// Where its keys are.
    pub(crate) fn keys_url(&self) -> &Url {
        self.keys.url()
    }

    /// Whether the keys that are here are such that they could check the token. Nothing is asked.
    pub(crate) fn knows(&self, token: &Token<'_>) -> bool {
        self.keys.last().is_some_and(|keys| !keys.candidates(token.kid(), token.algorithm()).is_empty())
    }

    /// What a token says, if it is the issuer's and as expected.
    ///
    /// A key that is not known may be new, so the issuer is asked again, as seldom as [`Document`] has it; and so it is
    /// for a token without a key id whose signature does not fit.
    pub(crate) async fn verify(&self, token: &Token<'_>, expected: &Expected, now_ms: i64) -> Result<Claims, Refused> {
        token.check_header(expected)?;
        let keys = self.keys.get(now_ms).await?;
        let opened = match open(token, &keys) {
            Err(refused) if is_of_other_keys(&refused, token) => {
                let newer = self.keys.newer(&keys, now_ms).await?;
                open(token, &newer)
            }
            opened => opened,
        };
        let claims = opened?;
        claims.check(expected, now_ms)?;
        Ok(claims)
    }
}

/// Whether keys that the issuer has since then could check the token.
fn is_of_other_keys(refused: &Refused, token: &Token<'_>) -> bool {
    match refused {
        Refused::UnknownKey(_) => true,
        Refused::Signature => token.kid().is_none(),
        _ => false,
    }
}

fn open(token: &Token<'_>, keys: &Arc<KeySet>) -> Result<Claims, Refused> {
    let candidates = keys.candidates(token.kid(), token.algorithm());
    if candidates.is_empty() {
        let kid = token.kid().map_or_else(|| "for a token that names none".to_owned(), super::shown);
        return Err(Refused::UnknownKey(format!("{kid} for {}", token.algorithm().name())));
    }
    let opened = candidates.iter().map(|key| token.open(key));
    let mut refused = Refused::Signature;
    for one in opened {
        match one {
            Err(Refused::Signature) => {}
            Err(other) => refused = other,
            opened => return opened,
        }
    }
    Err(refused)
}
