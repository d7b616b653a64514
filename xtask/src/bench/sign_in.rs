//! `cargo xtask bench sign-in`: whether the time of a refused sign-in tells an account that is not there from a
//! password that is wrong.
//!
//! Both are tried over HTTP in random order, one after the other, each from an address of its own, so that nobody has
//! to wait; the server takes the address from a header, as behind a proxy. What is told is the share of pairs, one try
//! of each kind, in which the unknown account took longer: a half, if a guesser learns nothing. The interval around it
//! is that of `DeLong` (1988) for the area under a ROC curve, which this share is.

use super::disk::{self, FsyncTimes};
use super::generate::Random;
use super::report::{machine, markdown};
use super::server::{Server, unix_seconds};
use super::storage::quantile_ms;
use crate::repository;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Tries of each kind.
const TRIES_DEFAULT: usize = 600;
/// Members, and as many addresses of nobody. With ten tries at each, none of them is slowed down.
const ACCOUNTS: usize = 60;
const TRIES_OF_ACCOUNT_MAX: usize = 19;
/// Tries of each kind that come before, and are not counted.
const WARM_UP: usize = 20;
const SCOPES: [&str; 3] = ["members.read", "members.write", "events.read"];
const PASSWORD: &str = "four crimson otters whistle";
const WRONG: &str = "nine silver badgers yawning";
/// Of a normal distribution, so much of which lies in the middle 95 %.
const NORMAL_95: f64 = 1.96;

/// What is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An account that is not there.
    Unknown,
    /// An account that is there, with another password than its own.
    Wrong,
}

/// How long the answers took, in the order of the tries.
struct Measured {
    unknown: Vec<Duration>,
    wrong: Vec<Duration>,
    fsync: FsyncTimes,
    load: String,
}

/// A share, and where it lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Share {
    share: f64,
    low: f64,
    high: f64,
}

/// Runs the benchmark.
pub(super) fn run(words: &[String]) -> Result<()> {
    let tries = match words {
        [] => TRIES_DEFAULT,
        [flag, count] if flag == "--tries" => count.parse().with_context(|| format!("--tries {count}"))?,
        _ => bail!("`bench sign-in` takes --tries N, not `{}`", words.join(" ")),
    };
    let all = tries.saturating_add(WARM_UP);
    if tries < 2 || all > ACCOUNTS * TRIES_OF_ACCOUNT_MAX {
        bail!("--tries must be 2 to {}: more would be slowed down", ACCOUNTS * TRIES_OF_ACCOUNT_MAX - WARM_UP);
    }
    let folder = repository::target_folder()?.join(format!("bench-sign-in-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&folder, tries);
    std::fs::remove_dir_all(&folder).ok();
    publish(&measured?)
}

fn measure(folder: &Path, tries: usize) -> Result<Measured> {
    repository::run(repository::cargo()?.args(["build", "--release", "--locked"]))?;
    let binary = repository::release_binary()?;
    let fsync = disk::measure(folder)?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let flags = ["--trusted-proxies", r#"["127.0.0.1"]"#];
    let mut server = Server::start_with(&binary, folder, &SCOPES, &flags)?;
    eprintln!("{ACCOUNTS} members …");
    make_members(&server)?;
    eprintln!("{tries} tries of each kind …");
    let mut random = Random::new(unix_seconds()?);
    let mut measured = Measured { unknown: Vec::new(), wrong: Vec::new(), fsync, load };
    for (number, (kind, of_kind)) in in_random_order(tries.saturating_add(WARM_UP), &mut random).into_iter().enumerate()
    {
        let took = attempt(&server, number, kind, of_kind)?;
        match kind {
            _ if of_kind < WARM_UP => {}
            Kind::Unknown => measured.unknown.push(took),
            Kind::Wrong => measured.wrong.push(took),
        }
    }
    server.stop()?;
    Ok(measured)
}

/// Invites and accepts.
fn make_members(server: &Server) -> Result<()> {
    let emails: Vec<String> = (0..ACCOUNTS).map(|account| email(Kind::Wrong, account)).collect();
    let invited = ask(server, "/api/v1/invitations", &server.token, &json!({"emails": emails}))?;
    let links = invited.get("data").and_then(Value::as_array).context("no invitations were made")?;
    for (account, link) in links.iter().filter_map(|one| one.get("link")?.as_str()).enumerate() {
        let token = link.rsplit_once('/').context("a link without a secret")?.1;
        let given = json!({"token": token, "name": format!("Member {account}"), "password": PASSWORD});
        ask(server, "/api/v1/invitations/accept", "", &given)?;
    }
    // Who is a member can sign in.
    let good = json!({"email": email(Kind::Wrong, ACCOUNTS - 1), "password": PASSWORD});
    ask(server, "/api/v1/session", "", &good).map(drop).context("a member cannot sign in")
}

/// Addresses of both kinds are equally long.
fn email(kind: Kind, account: usize) -> String {
    match kind {
        Kind::Unknown => format!("nobody-{account:04}@acme.example"),
        Kind::Wrong => format!("member-{account:04}@acme.example"),
    }
}

/// As many of each kind, each with its number among its kind.
fn in_random_order(tries: usize, random: &mut Random) -> Vec<(Kind, usize)> {
    let mut left = [tries, tries];
    let mut order = Vec::with_capacity(tries * 2);
    while let [unknown, wrong] = left
        && unknown + wrong > 0
    {
        let is_unknown = random.below((unknown + wrong) as u64) < unknown as u64;
        let (kind, rest) = if is_unknown { (Kind::Unknown, unknown) } else { (Kind::Wrong, wrong) };
        order.push((kind, tries - rest));
        left = if is_unknown { [unknown - 1, wrong] } else { [unknown, wrong - 1] };
    }
    order
}

/// Tries to sign in, and says how long the answer took on a connection that was there.
fn attempt(server: &Server, number: usize, kind: Kind, of_kind: usize) -> Result<Duration> {
    let from = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + u32::try_from(number)?);
    let body = json!({"email": email(kind, of_kind % ACCOUNTS), "password": WRONG}).to_string();
    let request = request("/api/v1/session", &format!("x-forwarded-for: {from}\r\n"), &body);
    let mut stream = TcpStream::connect(server.address())?;
    let mut answer = String::new();
    let start = Instant::now();
    stream.write_all(request.as_bytes())?;
    stream.read_to_string(&mut answer)?;
    let took = start.elapsed();
    if !answer.starts_with("HTTP/1.0 401") {
        bail!("a sign-in that had to be refused was answered:\n{answer}");
    }
    Ok(took)
}

fn request(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.0\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// The JSON of an answer to something that must succeed.
fn ask(server: &Server, path: &str, token: &str, body: &Value) -> Result<Value> {
    let headers = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let mut stream = TcpStream::connect(server.address())?;
    stream.write_all(request(path, &headers, &body.to_string()).as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    if !head.starts_with("HTTP/1.0 20") {
        bail!("POST {path}: {} {body}", head.lines().next().unwrap_or_default());
    }
    Ok(serde_json::from_str(body)?)
}

/// In which share of all pairs the one of the first list is longer; equal ones count a half.
fn share_longer(these: &[Duration], those: &[Duration]) -> Share {
    let above = |one: &Duration, others: &[Duration]| -> f64 {
        let counts = others.iter().map(|other| match one.cmp(other) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        });
        counts.sum::<f64>() / others.len().max(1) as f64
    };
    let of_these: Vec<f64> = these.iter().map(|one| above(one, those)).collect();
    let of_those: Vec<f64> = those.iter().map(|one| 1.0 - above(one, these)).collect();
    let share = mean(&of_these);
    let spread =
        (variance(&of_these) / these.len().max(1) as f64 + variance(&of_those) / those.len().max(1) as f64).sqrt();
    Share { share, low: share - NORMAL_95 * spread, high: share + NORMAL_95 * spread }
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

fn variance(all: &[f64]) -> f64 {
    let mean = mean(all);
    all.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / all.len().saturating_sub(1).max(1) as f64
}

const HEAD: &str =
    "# Measured: the time of a refused sign-in\n\nMade by `cargo xtask bench sign-in`; do not edit by hand.\n";

const NOTES: &str = "\
Unknown accounts and wrong passwords were tried in random order, one after the other, each from an address of its
own, at 60 accounts of either kind. The share is of all pairs, one of each kind: at 0.5 whoever guesses learns
nothing. Every refusal is recorded and synced before it is answered, so the disk's fsync is in each time. Values of
tokens are not measured: a token is found by its SHA-256, of which nobody can choose a part, and the comparison that
decides takes constant time (`Credentials::find`).\n";

fn publish(measured: &Measured) -> Result<()> {
    let row = |name: &str, times: &[Duration]| {
        let cells = [times.len() as f64, quantile_ms(times, 50), quantile_ms(times, 90), quantile_ms(times, 99)];
        let [count, p50, p90, p99] = cells;
        vec![name.to_owned(), format!("{count}"), format!("{p50:.2}"), format!("{p90:.2}"), format!("{p99:.2}")]
    };
    let head = ["", "tries", "p50, ms", "p90, ms", "p99, ms"].map(str::to_owned).to_vec();
    let times = markdown(&[head, row("unknown account", &measured.unknown), row("wrong password", &measured.wrong)]);
    let Share { share, low, high } = share_longer(&measured.unknown, &measured.wrong);
    let told =
        format!("The unknown account took longer in **{share:.3}** of all pairs (95 %: {low:.3} to {high:.3}).\n");
    println!("{times}\n{told}");
    let fsync = measured.fsync.one.as_secs_f64() * 1e3;
    let about = format!("- fsync p50 of the disk: {fsync:.3} ms\n- load at the start: {}\n", measured.load.trim());
    let text = format!("{HEAD}\n{}{about}\n{times}\n{told}\n{NOTES}", machine());
    std::fs::write(repository::root()?.join("bench/results-sign-in.md"), text).context("writing the results")?;
    println!("written to bench/results-sign-in.md");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(all: &[u64]) -> Vec<Duration> {
        all.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn the_share_is_a_half_of_equal_times_and_one_of_longer_ones() {
        let same = share_longer(&ms(&[1, 2, 3, 4]), &ms(&[4, 3, 2, 1]));
        assert!((same.share - 0.5).abs() < 1e-9 && same.low < 0.5 && same.high > 0.5, "{same:?}");
        assert_eq!(share_longer(&ms(&[5, 6]), &ms(&[1, 2])), Share { share: 1.0, low: 1.0, high: 1.0 });
        assert!((share_longer(&ms(&[1, 3]), &ms(&[2, 2])).share - 0.5).abs() < 1e-9);
        assert!((share_longer(&ms(&[2, 3]), &ms(&[1, 2])).share - 0.875).abs() < 1e-9);
    }

    #[test]
    fn every_try_comes_once() {
        let order = in_random_order(50, &mut Random::new(7));
        for kind in [Kind::Unknown, Kind::Wrong] {
            let numbers: Vec<usize> = order.iter().filter(|(one, _)| *one == kind).map(|(_, number)| *number).collect();
            assert_eq!(numbers, (0..50).collect::<Vec<_>>());
        }
    }
}
