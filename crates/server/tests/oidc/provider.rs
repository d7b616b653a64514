//! The certified npm `oidc-provider`, in a process of its own on loopback.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::PUBLIC_URL;

const SCRIPT: &str = "../../testdata/oidc/provider.mjs";

pub(crate) struct RealProvider {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) issuer: String,
}

impl RealProvider {
    /// A provider with a client for each name of a provider of the server.
    pub(crate) fn start(names: &[&str]) -> Self {
        let clients = names.iter().map(|name| client_of(name, json!({}))).collect();
        Self::with(clients, true)
    }

    /// A provider with these clients, whose ID tokens say everything, or leave claims to userinfo.
    pub(crate) fn with(clients: Vec<Value>, in_id_token: bool) -> Self {
        assert!(
            std::env::var("TRAILBOOK_TEST_NODE_MODULES").is_ok(),
            "set TRAILBOOK_TEST_NODE_MODULES, or run `cargo xtask test`"
        );
        let person = |email: &str, verified: bool, groups: &[&str]| json!({ "email": email, "email_verified": verified, "name": "A Person", "groups": groups });
        let accounts = json!({
            "jane": person("jane@Acme.Example", true, &["auditors", "everybody"]),
            "joe": person("joe@acme.example", true, &[]),
            "mallory": person("jane@acme.example", false, &["auditors"]),
            "eve": person("eve@other.example", true, &["auditors"]),
            "nobody": { "name": "No Body" },
        });
        let given = json!({ "clients": clients, "accounts": accounts, "in_id_token": in_id_token });
        let mut process = Command::new("node")
            .args([SCRIPT, &given.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let issuer = line(&mut answers);
        Self { process, orders, answers, issuer }
    }

    /// Gives it new keys; the old ones are gone.
    pub(crate) fn rotate(&mut self) {
        self.orders.write_all(b"rotate\n").unwrap();
        assert_eq!(line(&mut self.answers), "rotate");
    }

    /// The setting of it, as a provider of this name; more settings after it.
    pub(crate) fn setting(&self, name: &str, more: &str) -> String {
        setting(name, &self.issuer, more)
    }
}

impl Drop for RealProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client of the provider, with more than every client has.
pub(crate) fn client_of(name: &str, more: Value) -> Value {
    let mut client = json!({
        "client_id": format!("trailbook-{name}"),
        "client_secret": SECRET,
        "redirect_uris": [format!("{PUBLIC_URL}/sign-in/{name}/callback")],
    });
    let members = client.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    client
}

/// With what `application/x-www-form-urlencoded` escapes, as RFC 6749 has it for `client_secret_basic`.
const SECRET: &str = "a secret: +&%=";

/// The setting of a provider, with more settings after it. They may give another secret; `PUBLIC` gives none.
pub(crate) fn setting(name: &str, issuer: &str, more: &str) -> String {
    let secret = if more.contains("client_secret") { String::new() } else { format!("client_secret = {SECRET:?}") };
    format!(
        "[[identity_providers]]\nname = {name:?}\nissuer = {issuer:?}\nclient_id = \"trailbook-{name}\"\n{secret}\n{}\n",
        more.replace(PUBLIC, "")
    )
}

/// Says that the server has no secret.
pub(crate) const PUBLIC: &str = "# no client_secret";

fn line(answers: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    assert!(answers.read_line(&mut line).unwrap() > 0, "the provider ended; is oidc-provider installed?");
    line.trim_end().to_owned()
}
