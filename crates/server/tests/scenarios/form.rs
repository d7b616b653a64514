//! The form of a scenario's file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// The server's configuration file, in TOML.
    #[serde(default)]
    pub(super) settings: String,
    /// The tokens, by name.
    #[serde(default)]
    pub(super) tokens: BTreeMap<String, Token>,
    /// What is recorded before the first step, in order.
    #[serde(default)]
    pub(super) given: Vec<Given>,
    /// What is asked, in order.
    pub(super) steps: Vec<Step>,
}

/// A token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) organization: Option<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) restrictions: Vec<Access>,
}

/// An entry of Backstage's `accessRestrictions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    pub(super) plugin: String,
    pub(super) permissions: Option<Vec<String>>,
    pub(super) actions: Option<Vec<String>>,
}

/// Events of one organization, recorded in one write.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) organization: Option<String>,
    /// The system whose records they are; our own form where absent.
    pub(super) from: Option<String>,
    pub(super) events: Vec<Value>,
}

/// A request, and what must be answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: String,
    /// How often the request is sent; every answer must be as expected.
    #[serde(default = "once")]
    pub(super) times: u32,
    pub(super) request: Request,
    pub(super) answer: Expected,
}

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    #[serde(default = "get")]
    pub(super) method: String,
    pub(super) path: String,
    /// The name of the token that it bears.
    pub(super) token: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// A text is sent as it is, all else as JSON.
    #[serde(default)]
    pub(super) body: Value,
    /// Spaces are added to the body until it has so many bytes.
    pub(super) padded_to_bytes: Option<usize>,
}

/// An answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// JSON where the answer is JSON, else its text; not looked at where absent.
    pub(super) body: Option<Value>,
    /// Names for later steps: what they stand for is at a JSON pointer of the answer.
    #[serde(default)]
    pub(super) keep: BTreeMap<String, String>,
}

impl Scenario {
    /// Reads a file.
    pub(super) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }
}

fn once() -> u32 {
    1
}

fn get() -> String {
    "GET".to_owned()
}
