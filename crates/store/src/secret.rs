//! Random keys of the server's own: for what it signs and only itself checks.

use crate::{Catalog, Error};

/// A key of the server's own.
pub type SecretKey = [u8; 32];

impl Catalog {
    /// The key of this name; it is made when it is first asked for, and all servers at one catalog have the same.
    pub async fn secret(&self, name: &'static str) -> Result<SecretKey, Error> {
        let doing = Error::catalog("reading a key of the server");
        sqlx::query("INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(random::<32>()?.to_vec())
            .execute(self.pool())
            .await
            .map_err(&doing)?;
        let value: Vec<u8> = sqlx::query_scalar("SELECT value FROM secrets WHERE name = $1")
            .bind(name)
            .fetch_one(self.pool())
            .await
            .map_err(&doing)?;
        let damaged = |_| Error::Damaged { what: format!("the key {name}"), reason: "it has not 32 bytes".to_owned() };
        value.try_into().map_err(damaged)
    }
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut random = [0; N];
    getrandom::fill(&mut random).map_err(|e| Error::Open(format!("the system gives no randomness: {e}")))?;
    Ok(random)
}
