//! Signed notes and their keys, as in c2sp.org/signed-note.
//!
//! ```text
//! NOTE      := TEXT   LF   SIGNATURE+
//! SIGNATURE := U+2014 SP name SP base64( key id:4 bytes ‖ signature ) LF
//! VKEY      := name "+" key id:8 hex digits "+" base64( type:1 byte ‖ public key )
//! key id    := the first 4 bytes of SHA-256( name ‖ LF ‖ type ‖ public key )
//! ```

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::limits::{KEY_NAME_CHARS_MAX, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};
use crate::{Error, cosignature, hash, text};

/// The bytes of a private key.
pub const SEED_BYTES: usize = 32;

const PUBLIC_BYTES: usize = 32;
const NOTE: &str = "note";
const VKEY: &str = "verifier key";

/// What a key's signatures are made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Type 0x01: Ed25519 over the text.
    Ed25519,
    /// Type 0x04: Ed25519 over a time and the text (c2sp.org/tlog-cosignature).
    CosignatureV1,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Algorithm::Ed25519 => 0x01,
            Algorithm::CosignatureV1 => 0x04,
        }
    }
}

/// A public key with its name: what a signature is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    public: [u8; PUBLIC_BYTES],
}

impl VerifierKey {
    /// Reads `name+8 hex digits+base64`.
    pub fn parse(vkey: &str) -> Result<Self, Error> {
        let malformed = |reason: &str| Error::malformed(VKEY, reason);
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("it is not name+id+key"));
        };
        check_name(VKEY, name)?;
        let key = text::decode(VKEY, key)?;
        let (algorithm, public) = match key.split_first() {
            Some((0x01, public)) => (Algorithm::Ed25519, public),
            Some((0x04, public)) => (Algorithm::CosignatureV1, public),
            Some((kind, _)) => return Err(Error::malformed(VKEY, format!("keys of type {kind:#04x} are not known"))),
            None => return Err(malformed("it has no key")),
        };
        let public = public.try_into().map_err(|_| malformed("its key has not 32 bytes"))?;
        let vkey = Self { name: name.to_owned(), algorithm, public };
        let hex: String = vkey.id().iter().map(|byte| format!("{byte:02x}")).collect();
        if hex != id {
            return Err(malformed("its id is not that of its key"));
        }
        Ok(vkey)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its signatures are made over.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    pub fn public(&self) -> &[u8; PUBLIC_BYTES] {
        &self.public
    }

    /// The id that signatures name it by, beside its name.
    pub fn id(&self) -> [u8; 4] {
        let hash = hash::sha256(&[self.name.as_bytes(), b"\n", &[self.algorithm.byte()], &self.public]);
        let [a, b, c, d, ..] = hash.0;
        [a, b, c, d]
    }

    fn is_of(&self, signature: &Signature) -> bool {
        signature.name == self.name && signature.id == self.id()
    }

    /// Checks a signature over a text; the time that it names, in seconds since 1970, if it is a cosignature.
    fn check(&self, text: &str, signature: &Signature) -> Result<Option<u64>, Error> {
        let (time, message, bytes) = match self.algorithm {
            Algorithm::Ed25519 => (None, text.to_owned(), signature.bytes.as_slice()),
            Algorithm::CosignatureV1 => {
                let (time, bytes) = cosignature::split(&signature.bytes)?;
                (Some(time), cosignature::message(time, text), bytes)
            }
        };
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        let bad = || Error::BadSignature { key: self.name.clone() };
        key.verify(message.as_bytes(), bytes).map_err(|_| bad()).map(|()| time)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id: String = self.id().iter().map(|byte| format!("{byte:02x}")).collect();
        let key: Vec<u8> = std::iter::once(self.algorithm.byte()).chain(self.public).collect();
        write!(f, "{}+{id}+{}", self.name, text::encode(&key))
    }
}

/// A private key with its name.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifierKey,
}

impl SigningKey {
    /// The key of this name, algorithm and seed of 32 random bytes.
    pub fn from_seed(name: &str, algorithm: Algorithm, seed: &[u8; SEED_BYTES]) -> Result<Self, Error> {
        check_name("key", name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        let pair = pair.map_err(|_| Error::malformed("key", "its seed is not accepted"))?;
        let public = pair.public_key().as_ref().try_into();
        let public = public.map_err(|_| Error::malformed("key", "its public key has not 32 bytes"))?;
        Ok(Self { pair, public: VerifierKey { name: name.to_owned(), algorithm, public } })
    }

    /// Its public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// Signs a text: Ed25519, or a cosignature that names the time, in seconds since 1970.
    pub fn sign(&self, text: &str, time: u64) -> Signature {
        let bytes = match self.public.algorithm {
            Algorithm::Ed25519 => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            Algorithm::CosignatureV1 => {
                let signature = self.pair.sign(cosignature::message(time, text).as_bytes());
                [time.to_be_bytes().as_slice(), signature.as_ref()].concat()
            }
        };
        Signature { name: self.public.name.clone(), id: self.public.id(), bytes }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Signature {
    /// Reads a line without its line feed.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let malformed = || Error::malformed(NOTE, format!("{line:?} is no signature line"));
        let (name, blob) =
            line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or_else(malformed)?;
        check_name(NOTE, name)?;
        let blob = text::decode(NOTE, blob)?;
        let (id, bytes) = blob.split_first_chunk::<4>().filter(|(_, bytes)| !bytes.is_empty()).ok_or_else(malformed)?;
        Ok(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }

    /// The name of the key that made it, as it says.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of that key.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }
}

impl fmt::Display for Signature {
    /// The line without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\u{2014} {} {}", self.name, text::encode(&[&self.id, self.bytes.as_slice()].concat()))
    }
}

/// A text with signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A signature that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The key that made it.
    pub key: VerifierKey,
    /// When, in seconds since 1970, if it is a cosignature.
    pub time: Option<u64>,
}

impl Note {
    /// A note of a text, which ends in a line feed, and its signatures.
    pub fn new(text: String, signatures: Vec<Signature>) -> Self {
        Self { text, signatures }
    }

    /// Reads a note; its signatures are not checked.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let malformed = |reason: &str| Error::malformed(NOTE, reason);
        if note.len() > NOTE_BYTES_MAX {
            return Err(Error::malformed(NOTE, format!("it has more than {NOTE_BYTES_MAX} bytes")));
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(malformed("it has a control character"));
        }
        // The last empty line: the text may have others.
        let cut = note.rfind("\n\n").ok_or_else(|| malformed("it has no empty line before its signatures"))?;
        let (text, signatures) = note.split_at(cut + 1);
        let lines = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or_else(|| malformed("it has no signature, or no line feed at its end"))?;
        if lines.split('\n').count() > NOTE_SIGNATURES_MAX {
            return Err(Error::malformed(NOTE, format!("it has more than {NOTE_SIGNATURES_MAX} signatures")));
        }
        let signatures = lines.split('\n').map(Signature::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, which ends in a line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, checked or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature.
    pub fn add(&mut self, signature: Signature) {
        self.signatures.push(signature);
    }

    /// Checks the signatures of known keys and says which signed. Those of other keys are passed over; a wrong one of a
    /// known key, or none at all, is an error.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<Signed>, Error> {
        let mut signed = Vec::new();
        for signature in &self.signatures {
            if let Some(key) = keys.iter().find(|key| key.is_of(signature)) {
                signed.push(Signed { key: key.clone(), time: key.check(&self.text, signature)? });
            }
        }
        if signed.is_empty() {
            let names: Vec<&str> = self.signatures.iter().map(Signature::name).collect();
            return Err(Error::NotSigned { signed_by: names.join(", ") });
        }
        Ok(signed)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// Refuses names that a note cannot carry.
fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if (1..=KEY_NAME_CHARS_MAX).contains(&length)
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
    {
        return Ok(());
    }
    let rule = format!("1 to {KEY_NAME_CHARS_MAX} characters, no white space, no `+`");
    Err(Error::malformed(what, format!("{name:?} is no name of a key: {rule}")))
}
