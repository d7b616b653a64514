//! One Chromium for all tests of this binary; each scenario has its own cookies in it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::{PASSWORD, Server, answer, client};

const PLAYER: &str = "../../testdata/browser/scenarios.mjs";

/// What plays scenarios. It ends when its input does, which is when this process does.
struct Player {
    url: String,
    _process: Child,
    _input: ChildStdin,
}

/// Plays `console/<name>.mjs` at a server. The script gets the values.
#[track_caller]
pub(crate) fn scenario(server: &Server, name: &str, values: Value) -> impl Future<Output = ()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/console/{name}.mjs"));
    let order = json!({"script": script, "url": format!("http://{}", server.address()), "values": values});
    async move {
        let played = client().build().unwrap().post(player().url.as_str()).body(order.to_string());
        let answer = answer(played).await;
        assert!(answer.status == 200, "{}", answer.text());
    }
}

/// A member with these roles, as scenarios sign them in.
pub(crate) async fn member(server: &Server, roles: &[&str]) -> Value {
    let email = "jane@acme.example";
    server.member(trailbook_store::DEFAULT_ORGANIZATION, email, roles).await;
    json!({"organization": trailbook_store::DEFAULT_ORGANIZATION, "email": email, "password": PASSWORD})
}

fn player() -> &'static Player {
    static PLAYER_OF_ALL: OnceLock<Player> = OnceLock::new();
    PLAYER_OF_ALL.get_or_init(|| {
        assert!(
            std::env::var("TRAILBOOK_TEST_NODE_MODULES").is_ok(),
            "set TRAILBOOK_TEST_NODE_MODULES, or run `cargo xtask test`"
        );
        let mut process = Command::new("node")
            .args([PLAYER, env!("CARGO_TARGET_TMPDIR")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http"), "the player of scenarios ended; is Chromium installed?");
        Player { url: url.trim_end().to_owned(), _process: process, _input: input }
    })
}
