//! `trailbook verify`: checks what a server gave, without believing the server.
//!
//! All that is trusted is the log's key, which is given. `docs/verify.md` says how to do the same without this program.

mod event;
mod export;
mod files;
mod server;
mod tiles;

use std::path::{Path, PathBuf};

use clap::Args;
use trailbook_tlog::{Checkpoint, Note, VerifierKey};

use crate::exit::{Error, Exit};
use crate::output;

/// Check an export, a proof, a folder of tiles, or a running server's log
///
/// PATH is what `trailbook export` wrote, as a ZIP or unpacked; a proof of one event, as the server gives it at
/// /api/v1/events/ID/proof; or a folder with the tiles of a log. URL is the log of a running server, which ends in
/// /log/ID: it is checked against the checkpoint that --pin keeps, and then kept there.
///
/// What is proven is printed on standard output, in a sentence that names the key. Exit codes: 0 it is proven, 1 it is
/// not, 2 wrong usage, 3 the server or the network failed.
///
/// Such as: trailbook verify --key trailbook/log/7d3c…+1f2e3d4c+AX… export.zip
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// What is checked
    #[arg(value_name = "PATH|URL")]
    what: String,
    /// The key of the log, or a file that has it; get it another way than what is checked; can be repeated
    ///
    /// A witness's key can be given too: then its cosignature is asked for.
    #[arg(long = "key", value_name = "VKEY|FILE", required = true, env = "TRAILBOOK_LOG_KEY")]
    keys: Vec<String>,
    /// The event that a .tlog-proof file is about, as JSON
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// The file of the last checkpoint that was seen of a server's log; made where it is missing
    #[arg(long, value_name = "FILE")]
    pin: Option<PathBuf>,
    /// Read every entry of a server's log, not only what shows that it grew
    #[arg(long)]
    all: bool,
    /// A token of the server, for a log that is not public
    #[arg(long, env = "TRAILBOOK_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A certificate (PEM) to trust besides the system's, for a server of a private authority
    #[arg(long, value_name = "FILE", env = "TRAILBOOK_CA_CERT")]
    ca_cert: Option<PathBuf>,
}

/// Why nothing is proven.
pub(crate) enum Wrong {
    /// It is not what it says.
    Refused(String),
    /// It could not be looked at.
    Error(Error),
}

impl Wrong {
    fn refused(reason: impl Into<String>) -> Self {
        Wrong::Refused(reason.into())
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Wrong::Error(error)
    }
}

impl From<trailbook_tlog::Error> for Wrong {
    fn from(error: trailbook_tlog::Error) -> Self {
        Wrong::Refused(error.to_string())
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let keys = Keys::new(&arguments.keys)?;
    let is_url = arguments.what.starts_with("http://") || arguments.what.starts_with("https://");
    if !is_url && (arguments.pin.is_some() || arguments.all) {
        return Err(Error::Usage("--pin and --all are for the log of a running server".to_owned()));
    }
    let proven = if is_url { server::verify(&arguments, &keys).await } else { of_path(&arguments, &keys) };
    match proven {
        Ok(sentences) => {
            sentences.iter().try_for_each(|sentence| output::line(sentence))?;
            Ok(Exit::Done)
        }
        Err(Wrong::Refused(reason)) => {
            output::note(&format!("NOT PROVEN: {reason}"));
            Ok(Exit::Partly)
        }
        Err(Wrong::Error(error)) => Err(error),
    }
}

fn of_path(arguments: &Arguments, keys: &Keys) -> Result<Vec<String>, Wrong> {
    let path = Path::new(&arguments.what);
    let has = |name: &str| path.join(name).is_file();
    let is_proof = path.extension().is_some_and(|ending| ending == trailbook_tlog::proof_file::FILE_ENDING);
    match &arguments.event {
        Some(event) if is_proof => return event::verify_file(path, event, keys),
        Some(_) => return Err(Error::Usage("--event is for a .tlog-proof file".to_owned()).into()),
        None if is_proof => {
            return Err(Error::Usage("a .tlog-proof file needs --event: the event that it is about".to_owned()).into());
        }
        None => {}
    }
    if has(export::MANIFEST) || path.extension().is_some_and(|ending| ending == "zip") {
        return export::verify(path, keys);
    }
    if has("checkpoint") {
        return tiles::verify_folder(path, keys);
    }
    if path.is_file() {
        return event::verify(path, keys);
    }
    let reason = format!("{}: no export, no proof, and no folder with a checkpoint", path.display());
    Err(Error::Usage(reason).into())
}

/// The keys that are trusted.
pub(crate) struct Keys(Vec<VerifierKey>);

/// A checkpoint that is signed by its log's key.
pub(crate) struct Trusted {
    pub(crate) checkpoint: Checkpoint,
    /// By whom, in words.
    pub(crate) by: String,
}

impl Keys {
    fn new(given: &[String]) -> Result<Self, Error> {
        let read = |given: &String| {
            let text = if given.contains('+') && !Path::new(given).is_file() {
                given.clone()
            } else {
                let unreadable = |e| Error::Usage(format!("--key {given}: neither a key nor a file that has one: {e}"));
                std::fs::read_to_string(given).map_err(unreadable)?
            };
            VerifierKey::parse(text.trim()).map_err(|e| Error::Usage(format!("--key {given}: {e}")))
        };
        given.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// A note's checkpoint, if the key of its origin is one of ours and signed it. Witnesses of which we have the keys
    /// must have cosigned it.
    fn checkpoint(&self, note: &Note) -> Result<Trusted, Wrong> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let is_witness = |key: &&VerifierKey| key.algorithm() == trailbook_tlog::note::Algorithm::CosignatureV1;
        if !self.0.iter().any(|key| !is_witness(&key) && key.name() == checkpoint.origin) {
            let reason = format!("it is of the log {}, of which no key was given", checkpoint.origin);
            return Err(Wrong::Refused(reason));
        }
        let signed = note.verify(&self.0)?;
        let mut by = Vec::new();
        for key in self.0.iter().filter(|key| is_witness(key) || key.name() == checkpoint.origin) {
            let found = signed.iter().find(|signed| signed.key == *key);
            let found = found.ok_or_else(|| Wrong::Refused(format!("{} did not sign the checkpoint", key.name())))?;
            by.push(match found.time {
                Some(time) => format!("cosigned by {key} at {}", seconds(time)),
                None => format!("signed by {key}"),
            });
        }
        Ok(Trusted { checkpoint, by: by.join(", ") })
    }
}

/// A time in seconds since 1970, as RFC 3339 writes it.
fn seconds(time: u64) -> String {
    let ms = i64::try_from(time).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
    trailbook_event::Timestamp::from_millis(ms).to_string()
}

/// A number of things: `1 event`, `12,000 events`.
fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", crate::check::grouped(number), if number == 1 { one } else { many })
}
