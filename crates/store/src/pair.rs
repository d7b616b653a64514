//! A folder of segments belongs to one catalog: each names the other.
//!
//! The catalog has a random name, made with it, and the file `catalog` of the folder holds the same. So a server that
//! is started with another catalog, or with a new and empty one because a setting was lost, is refused before it takes
//! the files for ones that nobody needs.
//!
//! On a crash: the file is there before the first segment is, whole or not at all.

use crate::manifest;
use crate::object::Objects;
use crate::secret::random;
use crate::{Catalog, Error};

/// The file that names the catalog.
const FILE: &str = "catalog";

/// Whether the folder names this catalog: `None` if it names none.
fn is_named(objects: &dyn Objects, name: &str) -> Result<Option<bool>, Error> {
    if !objects.list()?.iter().any(|file| file == FILE) {
        return Ok(None);
    }
    let object = objects.open(FILE)?;
    // A file of another length holds another name, however long it is.
    let mut bytes = vec![0; name.len()];
    let is_long = object.len() == name.len() as u64;
    if is_long {
        object.read_at(0, &mut bytes)?;
    }
    Ok(Some(is_long && bytes == name.as_bytes()))
}

/// Refuses a folder of another catalog; one that names none is let be.
pub(crate) fn verify(objects: &dyn Objects, name: &str) -> Result<(), Error> {
    match is_named(objects, name)? {
        Some(false) => Err(other()),
        Some(true) | None => Ok(()),
    }
}

/// Refuses a folder of another catalog. One that names none becomes this catalog's, unless it has segments that the
/// catalog does not know.
pub(crate) fn make(objects: &dyn Objects, name: &str, known: &[i64]) -> Result<(), Error> {
    match is_named(objects, name)? {
        Some(true) => return Ok(()),
        Some(false) => return Err(other()),
        None => {}
    }
    let is_unknown = |file: &&String| manifest::number_of(file).is_some_and(|id| !known.contains(&id));
    if let Some(unknown) = objects.list()?.iter().find(is_unknown) {
        return Err(Error::Open(format!(
            "the folder segments has files that the catalog does not know, such as {unknown}: give the catalog that it \
             was made with (the setting catalog, or catalog.sqlite), or move the files away if they are not needed"
        )));
    }
    let mut file = objects.create(FILE)?;
    file.write_all(name.as_bytes())?;
    file.finish()
}

fn other() -> Error {
    Error::Open(
        "the folder segments belongs to another catalog: give the catalog that it was made with (the setting catalog, \
         or catalog.sqlite), or another data_dir"
            .to_owned(),
    )
}

impl Catalog {
    /// The catalog's own name, which it was given when it was made.
    pub(crate) async fn name(&self) -> Result<String, Error> {
        sqlx::query_scalar("SELECT name FROM catalog_name WHERE id = 1")
            .fetch_one(self.pool())
            .await
            .map_err(Error::catalog("reading its name"))
    }
}

impl crate::catalog::Transaction {
    /// Gives the catalog its name, unless it has one.
    pub(crate) async fn give_name(&mut self) -> Result<(), Error> {
        let name: String = random::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        sqlx::query("INSERT INTO catalog_name (id, name) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
            .bind(name)
            .execute(self.connection())
            .await
            .map(drop)
            .map_err(Error::catalog("giving it a name"))
    }
}
