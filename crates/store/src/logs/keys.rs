//! The keys of logs, and the secret that they are sealed with in the catalog.
//!
//! A log has two: one signs its checkpoints, the other one says at which time its checkpoint was still the last. Who
//! has a copy of the catalog has neither: they are encrypted (AES-256-GCM) under a secret in a file of its own.

use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use trailbook_tlog::note::{Algorithm, SEED_BYTES};
use trailbook_tlog::{Checkpoint, Note, SigningKey};

use crate::Error;
use crate::object::{Folder, Objects as _};
use crate::secret::random;

/// The secret's file in a data folder.
const FILE: &str = "secret";
const SECRET_BYTES: usize = 32;
const IF_LOST: &str = "or, if it is lost, freeze the logs and open new ones with `trailbook log freeze --all`";

/// What seals keys.
pub(crate) struct Secret(LessSafeKey);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Reads the secret of a data folder, or the file at `path` if one is named. Where there is none, it is made,
    /// unless keys were sealed before: with another secret they could not be opened.
    ///
    /// On a crash: the file is there whole or not at all before the first key is sealed with it.
    pub(crate) fn open(data_dir: &Path, path: Option<&Path>, has_keys: bool) -> Result<Self, Error> {
        let path = path.map_or_else(|| data_dir.join(FILE), Path::to_owned);
        let shown = path.display();
        match std::fs::read(&path) {
            Ok(bytes) => {
                let bytes: [u8; SECRET_BYTES] = bytes.try_into().map_err(|bytes: Vec<u8>| {
                    Error::Open(format!("the secret {shown} has {} bytes, not {SECRET_BYTES}", bytes.len()))
                })?;
                Self::of(&bytes)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !has_keys => Self::make(&path),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::Open(format!(
                "the secret {shown} is missing, without which the keys of logs cannot be used: put it back, {IF_LOST}"
            ))),
            Err(e) => Err(Error::Open(format!("the secret {shown} cannot be read: {e}"))),
        }
    }

    /// Makes a secret.
    pub(crate) fn make(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::Open(format!("{} is no name for the secret", path.display())))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
        let secret: [u8; SECRET_BYTES] = random()?;
        let folder = Folder::beside(&folder.unwrap_or_else(|| PathBuf::from(".")))?;
        folder.remove_unfinished(name)?;
        let mut file = folder.create(name)?;
        file.write_all(&secret)?;
        file.finish()?;
        Self::of(&secret)
    }

    fn of(bytes: &[u8; SECRET_BYTES]) -> Result<Self, Error> {
        let key = UnboundKey::new(&AES_256_GCM, bytes);
        key.map(|key| Self(LessSafeKey::new(key))).map_err(|_| Error::Open("the secret is not accepted".to_owned()))
    }

    /// `nonce ‖ ciphertext ‖ tag`.
    fn seal(&self, plain: &[u8], about: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Open("a key cannot be sealed".to_owned());
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed)
            .map_err(failed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn unseal(&self, sealed: &[u8], about: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place(nonce, Aad::from(about), &mut plain).ok().map(|plain| plain.to_vec())
    }
}

/// The two keys of a log.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Signs checkpoints; it has the log's origin as its name.
    pub(crate) log: SigningKey,
    /// Says when a checkpoint was the last.
    pub(crate) clock: SigningKey,
}

impl Keys {
    /// Makes the keys of a log, and seals them.
    pub(crate) fn make(secret: &Secret, origin: &str, log_id: &[u8]) -> Result<(Self, Vec<u8>), Error> {
        let seeds: [u8; 2 * SEED_BYTES] = random()?;
        Ok((Self::of(&seeds, origin)?, secret.seal(&seeds, log_id)?))
    }

    /// Opens sealed keys.
    pub(crate) fn open(secret: &Secret, sealed: &[u8], origin: &str, log_id: &[u8]) -> Result<Self, Error> {
        let seeds = secret.unseal(sealed, log_id).and_then(|seeds| seeds.try_into().ok());
        let seeds: [u8; 2 * SEED_BYTES] = seeds.ok_or_else(|| {
            Error::Open(format!(
                "the keys of the log {origin} cannot be opened with this secret: give that which sealed them, {IF_LOST}"
            ))
        })?;
        Self::of(&seeds, origin)
    }

    /// Signs a checkpoint, and says that it is the last one at this time, in seconds since 1970.
    pub(crate) fn sign(&self, checkpoint: &Checkpoint, time: u64) -> Note {
        let text = checkpoint.to_string();
        let signatures = vec![self.log.sign(&text, time), self.clock.sign(&text, time)];
        Note::new(text, signatures)
    }

    fn of(seeds: &[u8; 2 * SEED_BYTES], origin: &str) -> Result<Self, Error> {
        let (log, clock) = seeds.split_at(SEED_BYTES);
        let key = |name: &str, algorithm, seed: &[u8]| {
            let seed = seed.try_into().unwrap_or(&[0; SEED_BYTES]);
            SigningKey::from_seed(name, algorithm, seed).map_err(|e| Error::Open(format!("a key of {origin}: {e}")))
        };
        Ok(Self {
            log: key(origin, Algorithm::Ed25519, log)?,
            clock: key(&format!("{origin}/clock"), Algorithm::CosignatureV1, clock)?,
        })
    }
}
