//! Passwords: what may be one, and how they are kept.
//!
//! A password is kept as argon2id (RFC 9106) in a PHC string, which names its own cost, so that the cost can be raised
//! later. What is hashed are the bytes of its UTF-8 as they came: nothing is cut off, folded or brought into another
//! form of Unicode. One that is typed where letters are composed in another way is another password.
//!
//! [`Hasher::verify`] does the same work whether there is an account or not, so its time tells nothing of that. It
//! tells a little as long as hashes of an older cost are in use: [`Hasher::needs_rehash`] says which.

mod rules;

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use trailbook_event::limits::{
    PASSWORD_MEMORY_KIB_MAX, PASSWORD_PASSES_MAX, PASSWORDS_HASHED_MAX, PASSWORDS_WAITING_MAX,
};
use zeroize::Zeroizing;

pub(crate) use rules::{Person, Weak};

/// What somebody typed as a password. It does not show itself, and is wiped when the last copy is dropped.
///
/// What it was read from is not wiped: a request's body goes back to the system as it is. Neither are the pieces that
/// judging a new one makes.
#[derive(Clone)]
pub(crate) struct Password(Arc<Zeroizing<String>>);

impl Password {
    /// The text as it came.
    pub(crate) fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// Refuses what is no good as a new password of this person. Takes a few milliseconds.
    #[cfg(test)]
    fn check(&self, person: &Person<'_>) -> Result<(), Weak> {
        rules::check(self.text(), &person.words())
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why a password was not hashed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// It is no good as a new one; the reason is for the person.
    #[error(transparent)]
    Weak(#[from] Weak),
    /// So many wait already that this one is not taken.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// A stored hash is not one that this server makes.
    #[error("a stored hash of a password cannot be used: {0}")]
    Damaged(String),
    /// The work itself failed.
    #[error("hashing a password failed: {0}")]
    Failed(String),
}

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

/// What [OWASP's Password Storage Cheat Sheet][owasp] asks of argon2id at least. More memory would be taken from the
/// queries of everybody else, who share this machine.
///
/// [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
pub(crate) const COST: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// Hashes passwords and compares them with their hashes, a few at once, on threads that may block.
#[derive(Debug)]
pub(crate) struct Hasher {
    cost: Params,
    /// What passwords of accounts that do not exist are compared with.
    nobody: PasswordHash,
    /// Those that are hashed.
    turns: Arc<Semaphore>,
    /// Those, and those that wait for their turn.
    places: Arc<Semaphore>,
}

impl Hasher {
    /// One whose hashes cost so much.
    pub(crate) fn new(cost: Cost) -> Result<Self, PasswordError> {
        let cost = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(OUTPUT_BYTES)).map_err(failed)?;
        Ok(Self {
            nobody: nobody(&cost)?,
            cost,
            turns: Arc::new(Semaphore::new(PASSWORDS_HASHED_MAX)),
            places: Arc::new(Semaphore::new(PASSWORDS_HASHED_MAX.saturating_add(PASSWORDS_WAITING_MAX))),
        })
    }

    /// The hash of a new password, if it may be one.
    pub(crate) async fn hash_new(&self, password: &Password, person: &Person<'_>) -> Result<String, PasswordError> {
        let (checked, words) = (password.clone(), person.words());
        self.run(move || rules::check(checked.text(), &words)).await??;
        self.hash(password).await
    }

    /// The hash of a password, whatever the rules are now: of one whose owner has just signed in with it.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, PasswordError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|e| PasswordError::Failed(format!("no randomness: {e}")))?;
        let (password, argon2) = (password.clone(), argon2(self.cost.clone()));
        let hash = move || argon2.hash_password_with_salt(password.text().as_bytes(), &salt);
        Ok(self.run(hash).await?.map_err(failed)?.to_string())
    }

    /// Whether this is the password that the hash was made of. Without a hash, as there is no such account, or it has
    /// no password, the same is done with one that no password has, and the answer is no.
    pub(crate) async fn verify(&self, password: &Password, hash: Option<&str>) -> Result<bool, PasswordError> {
        let against = self.against(hash)?;
        let (password, argon2) = (password.clone(), argon2(self.cost.clone()));
        let verify = move || argon2.verify_password(password.text().as_bytes(), &against);
        let is_same = match self.run(verify).await? {
            Ok(()) => true,
            Err(password_hash::Error::PasswordInvalid) => false,
            Err(error) => return Err(failed(error)),
        };
        Ok(is_same && hash.is_some())
    }

    /// Whether a password that was just verified should be hashed anew, as its hash was not made at today's cost.
    pub(crate) fn needs_rehash(&self, hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else { return true };
        let is_current = |params: Params| {
            (params.m_cost(), params.t_cost(), params.p_cost(), params.output_len())
                == (self.cost.m_cost(), self.cost.t_cost(), self.cost.p_cost(), self.cost.output_len())
        };
        hash.algorithm != self.nobody.algorithm
            || hash.version != self.nobody.version
            || !Params::try_from(&hash).is_ok_and(is_current)
    }

    /// What a password is compared with.
    fn against(&self, hash: Option<&str>) -> Result<PasswordHash, PasswordError> {
        let Some(hash) = hash else { return Ok(self.nobody.clone()) };
        let damaged = |reason: String| PasswordError::Damaged(reason);
        let hash = PasswordHash::new(hash).map_err(|e| damaged(e.to_string()))?;
        let params = Params::try_from(&hash).map_err(|e| damaged(e.to_string()))?;
        if params.m_cost() > PASSWORD_MEMORY_KIB_MAX || params.t_cost() > PASSWORD_PASSES_MAX {
            return Err(damaged(format!("it asks for {} KiB and {} passes", params.m_cost(), params.t_cost())));
        }
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(damaged("it has no salt or no hash".to_owned()));
        }
        Ok(hash)
    }

    /// Does some work when it is its turn. It keeps its turn until it has ended, even if nobody waits any more.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        // The semaphore is never closed.
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        work.await.map_err(failed)
    }
}

fn argon2(cost: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
}

/// A hash that no password is known to have: 32 zeros. Comparing with it is the same work as with any other.
fn nobody(cost: &Params) -> Result<PasswordHash, PasswordError> {
    Ok(PasswordHash {
        algorithm: Ident::new(Algorithm::Argon2id.as_str()).map_err(failed)?,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(cost).map_err(failed)?,
        salt: Some(Salt::new(&[0; SALT_BYTES]).map_err(failed)?),
        hash: Some(Output::new(&[0; OUTPUT_BYTES]).map_err(failed)?),
    })
}

fn failed(error: impl fmt::Display) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
