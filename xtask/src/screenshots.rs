//! `cargo xtask screenshots`: takes the pages of a demo in Chromium, for docs and for whoever looks at them.
//!
//! Which pages, at which sizes and in which theme is in `testdata/browser/pictures.mjs`. The events are the same each
//! time; their times end when the demo began.

use crate::demo::Demo;
use crate::repository;
use crate::test::environment;
use anyhow::{Context, Result, bail};

const SCRIPT: &str = "testdata/browser/screenshots.mjs";
const FOLDER: &str = "docs/pictures";
/// No picture may be larger: the repository keeps each that there ever was.
const PICTURE_BYTES_MAX: u64 = 150_000;

/// What pictures are set in, and the Debian packages of it: without these, names in Chinese are boxes.
const FONTS: [(&str, &str); 2] = [("Inter", "fonts-inter"), ("Droid Sans Fallback", "fonts-droid-fallback")];

/// Takes the pictures of these names, or all.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let families = repository::output(repository::command("fc-list")?.args([":", "family"]))?;
    for (family, package) in FONTS {
        if !families.contains(family) {
            bail!("the font {family} is missing: apt-get install --no-install-recommends {package}");
        }
    }
    let mut demo = Demo::start(&repository::debug_binary()?)?;
    let lines = demo.printed("sign in ", 1)?;
    let link = lines.iter().flat_map(|line| line.split_whitespace()).find(|word| word.starts_with("http"));
    let link = link.context("the demo printed no link to sign in")?;
    let mut take = repository::command("node")?;
    take.args([SCRIPT, link, FOLDER]).args(names);
    repository::run(environment::give_node(&mut take)?)?;
    demo.stop()?;
    check_sizes()
}

fn check_sizes() -> Result<()> {
    let folder = repository::root()?.join(FOLDER);
    for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {FOLDER}"))? {
        let entry = entry?;
        let bytes = entry.metadata()?.len();
        if bytes > PICTURE_BYTES_MAX {
            let name = entry.file_name();
            bail!("{FOLDER}/{} has {bytes} bytes, at most {PICTURE_BYTES_MAX} are allowed", name.to_string_lossy());
        }
    }
    Ok(())
}
