//! Looks for the programs that the other steps need, and installs what is missing where that is possible.
//!
//! Packages are installed only by root and only with apt-get; otherwise the step says what to install.

use crate::test::environment;
use crate::{postgres, repository};
use anyhow::{Result, bail};
use std::path::Path;

struct Need {
    what: &'static str,
    is_there: fn() -> bool,
    /// The name of the Debian package.
    package: &'static str,
}

const NEEDS: [Need; 13] = [
    Need { what: "a C compiler (cc)", is_there: || has("cc"), package: "build-essential" },
    Need { what: "git", is_there: || has("git"), package: "git" },
    Need { what: "curl", is_there: || has("curl"), package: "curl" },
    Need {
        what: "the PostgreSQL server programs, 15 or newer",
        is_there: || postgres::server_programs().is_some(),
        package: "postgresql",
    },
    Need { what: "strace, for tests of a disk that fails", is_there: || has("strace"), package: "strace" },
    Need { what: "Go, for a verifier that is not ours", is_there: || has("go"), package: "golang-go" },
    Need {
        what: "Go's x/mod, for the same",
        is_there: || Path::new("/usr/share/gocode/src/golang.org/x/mod/sumdb").is_dir(),
        package: "golang-golang-x-mod-dev",
    },
    Need {
        what: "Python with cryptography, for the verifier of docs/verify.md",
        is_there: || {
            let command = repository::command("python3");
            command.is_ok_and(|mut command| repository::output(command.args(["-c", "import cryptography"])).is_ok())
        },
        package: "python3-cryptography",
    },
    Need {
        what: "Python's venv, for readers of our formats that are not ours",
        is_there: || {
            let command = repository::command("python3");
            command.is_ok_and(|mut command| repository::output(command.args(["-c", "import venv, ensurepip"])).is_ok())
        },
        package: "python3-venv",
    },
    Need {
        what: "Node.js, for an OpenID provider that is not ours and the driver of Chromium",
        is_there: || has("node"),
        package: "nodejs",
    },
    Need { what: "npm, for the same", is_there: || has("npm"), package: "npm" },
    Need { what: "Chromium, for tests of pages", is_there: || has("chromium"), package: "chromium" },
    Need { what: "runuser", is_there: || !repository::is_root() || has("runuser"), package: "util-linux" },
];

/// Makes sure that everything is there.
pub(crate) fn run() -> Result<()> {
    let lacking = missing();
    if !lacking.is_empty() {
        install(&lacking)?;
    }
    if let Some(need) = missing().first() {
        bail!("{} was installed but is still not found", need.what);
    }
    let version = environment::node_version()?;
    if version < environment::NODE_VERSION_MIN {
        bail!("Node.js {version} is too old for what tests run with it: {} is", environment::NODE_VERSION_MIN);
    }
    for (component, program) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if repository::output(repository::cargo()?.args([program, "--version"])).is_err() {
            bail!("cargo {program} is missing: rustup component add {component}");
        }
    }
    println!("a C compiler, git, curl, PostgreSQL, Go, Python, Node.js, Chromium, rustfmt and clippy are there");
    Ok(())
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !(need.is_there)()).collect()
}

fn install(needs: &[&Need]) -> Result<()> {
    let packages: Vec<&str> = needs.iter().map(|need| need.package).collect();
    let names: Vec<&str> = needs.iter().map(|need| need.what).collect();
    let packages_line = packages.join(" ");
    println!("missing: {}", names.join(", "));
    if !repository::is_root() || !has("apt-get") {
        bail!("install {}; on Debian: sudo apt-get install --no-install-recommends {packages_line}", names.join(", "));
    }
    println!("installing with apt-get: {packages_line}");
    let apt = || -> Result<_> {
        let mut command = repository::command("apt-get")?;
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        Ok(command)
    };
    repository::run(apt()?.arg("update"))?;
    repository::run(apt()?.args(["install", "-y", "--no-install-recommends"]).args(&packages))
}

fn has(program: &str) -> bool {
    repository::find_program(program).is_some()
}
