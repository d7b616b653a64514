//! The public keys of an issuer, as a JSON Web Key Set gives them (RFC 7517).
//!
//! A key of a kind that is not known, too short, for encryption, or given away with its private part is passed over, as
//! RFC 7517 section 5 has it; the others stay good.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, Needs};
use trailbook_event::limits::ISSUER_KEYS_MAX;

/// The bytes of an RSA key of 2,048 and of 8,192 bits, between which `ring` takes them.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// A key that checks signatures.
#[derive(Debug)]
pub(crate) struct Key {
    kid: Option<String>,
    /// The one algorithm that it is for, where its owner says so.
    algorithm: Option<Algorithm>,
    point: Point,
}

#[derive(Debug)]
enum Point {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Uncompressed (SEC 1 section 2.3.3), on the curve of this name.
    Ec {
        curve: &'static str,
        point: Vec<u8>,
    },
    Ed25519(Vec<u8>),
}

/// All keys of an issuer.
#[derive(Debug)]
pub(crate) struct KeySet(Vec<Arc<Key>>);

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<String>,
}

impl KeySet {
    /// Reads a set. One without a key that could be used is an error: it is no better than none.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let set: RawSet = serde_json::from_slice(bytes).map_err(|_| "it is no JSON Web Key Set".to_owned())?;
        if set.keys.len() > ISSUER_KEYS_MAX {
            return Err(format!("it has {} keys, more than {ISSUER_KEYS_MAX}", set.keys.len()));
        }
        let keys: Vec<_> = set.keys.into_iter().filter_map(Key::read).map(Arc::new).collect();
        if keys.is_empty() {
            return Err("it has no key that signatures could be checked with".to_owned());
        }
        Ok(Self(keys))
    }

    /// The keys that a token may be signed with: all of its key id that fit the algorithm. For a token without a key id
    /// the one key that fits, and nothing if there are more.
    pub(crate) fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<Arc<Key>> {
        let is_meant = |key: &&Arc<Key>| key.fits(algorithm) && (kid.is_none() || key.kid.as_deref() == kid);
        let found: Vec<_> = self.0.iter().filter(is_meant).cloned().collect();
        if kid.is_none() && found.len() > 1 { Vec::new() } else { found }
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let raw: RawKey = serde_json::from_value(value).ok()?;
        let is_for_signatures = raw.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && raw.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !is_for_signatures || raw.d.is_some() {
            return None;
        }
        let algorithm = match &raw.alg {
            Some(name) => Some(Algorithm::of_name(name)?),
            None => None,
        };
        let point = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", _) => rsa(&decoded(raw.n)?, &decoded(raw.e)?)?,
            ("EC", Some("P-256")) => ec("P-256", 32, &decoded(raw.x)?, &decoded(raw.y)?)?,
            ("EC", Some("P-384")) => ec("P-384", 48, &decoded(raw.x)?, &decoded(raw.y)?)?,
            ("OKP", Some("Ed25519")) => {
                let x = decoded(raw.x)?;
                (x.len() == signature::ED25519_PUBLIC_KEY_LEN).then_some(Point::Ed25519(x))?
            }
            _ => return None,
        };
        let key = Self { kid: raw.kid, algorithm: None, point };
        // One that is said to be for what it cannot do is wrong in a way that nobody meant.
        let fits = algorithm.is_none_or(|algorithm| key.fits(algorithm));
        fits.then_some(Self { algorithm, ..key })
    }

    /// Whether the algorithm is one for this key.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let is_kind = match (&self.point, algorithm.needs()) {
            (Point::Rsa { .. }, Needs::Rsa(_)) | (Point::Ed25519(_), Needs::Ed25519) => true,
            (Point::Ec { curve, .. }, Needs::Ec(needed, _)) => *curve == needed,
            _ => false,
        };
        // Two names of one algorithm.
        let is_same = |own: Algorithm| own == algorithm || matches!(self.point, Point::Ed25519(_));
        is_kind && self.algorithm.is_none_or(is_same)
    }

    /// Whether its owner signed these bytes.
    pub(super) fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        match (&self.point, algorithm.needs()) {
            (Point::Rsa { n, e }, Needs::Rsa(parameters)) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature).is_ok()
            }
            (Point::Ec { point, .. }, Needs::Ec(_, algorithm)) => {
                UnparsedPublicKey::new(algorithm, point).verify(signed, signature).is_ok()
            }
            (Point::Ed25519(point), Needs::Ed25519) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(signed, signature).is_ok()
            }
            _ => false,
        }
    }
}

fn decoded(member: Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(member?).ok()
}

fn rsa(n: &[u8], e: &[u8]) -> Option<Point> {
    // `ring` takes no leading zeros, which some issuers write.
    let trimmed = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let (n, e) = (trimmed(n), trimmed(e));
    RSA_BYTES.contains(&n.len()).then_some(Point::Rsa { n, e })
}

fn ec(curve: &'static str, coordinate_bytes: usize, x: &[u8], y: &[u8]) -> Option<Point> {
    const UNCOMPRESSED: u8 = 4;
    let is_whole = x.len() == coordinate_bytes && y.len() == coordinate_bytes;
    is_whole.then(|| Point::Ec { curve, point: [&[UNCOMPRESSED], x, y].concat() })
}
