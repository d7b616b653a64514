//! Sends requests that were built before, over blocking sockets that stay open, one thread a connection.

#[cfg(test)]
mod tests;

use super::generate::{Body, REQUEST_ID_CHARS, Random};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// After so many answers that are not 201 a connection gives up.
const REFUSED_MAX: u64 = 10;
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// When a run ends.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) duration: Duration,
    pub(super) events_max: u64,
}

/// What a run did.
#[derive(Default)]
pub(super) struct Load {
    pub(super) events: u64,
    pub(super) elapsed: Duration,
    pub(super) refused: u64,
    /// What the first refusal said.
    pub(super) refusal: Option<String>,
    /// Sorted.
    pub(super) latencies_us: Vec<u32>,
    pub(super) client_cpu_us: f64,
}

/// One HTTP request, ready to send.
pub(super) struct Request {
    bytes: Vec<u8>,
    request_id_offsets: Vec<usize>,
}

impl Request {
    pub(super) fn new(address: &str, token: &str, body: &Body) -> Self {
        // One object and many lines are told apart by this type.
        let is_batch = body.bytes.contains(&b'\n');
        let kind = if is_batch { "application/x-ndjson" } else { "application/json" };
        let length = body.bytes.len();
        let head = format!(
            "POST /api/v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        let request_id_offsets = body.request_id_offsets.iter().map(|offset| head.len() + offset).collect();
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&body.bytes);
        Self { bytes, request_id_offsets }
    }

    /// Gives every event that has a request id a new one.
    fn renew_request_ids(&mut self, random: &mut Random) {
        for &offset in &self.request_id_offsets {
            let text = [random.next(), random.next()].map(hexadecimal);
            if let Some(place) = self.bytes.get_mut(offset..offset + REQUEST_ID_CHARS) {
                place.copy_from_slice(text.as_flattened());
            }
        }
    }
}

fn hexadecimal(number: u64) -> [u8; REQUEST_ID_CHARS / 2] {
    std::array::from_fn(|index| {
        let digit = (number >> (index * 4) & 0xf) as u8;
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    })
}

/// Sends the requests of each pool on its own connection, again and again, until a limit is reached.
pub(super) fn run(address: &str, pools: Vec<Vec<Request>>, per_request: usize, limits: Limits) -> Result<Load> {
    let per_request = per_request as u64;
    let streams = pools.iter().map(|_| connect(address)).collect::<Result<Vec<_>>>()?;
    let sent = AtomicU64::new(0);
    let cpu_before = super::server::process_cpu_us("self")?;
    let start = Instant::now();
    let may_send = || {
        start.elapsed() < limits.duration
            && sent.fetch_add(per_request, Ordering::Relaxed) + per_request <= limits.events_max
    };
    let parts: Vec<Result<Load>> = std::thread::scope(|scope| {
        let numbered = streams.into_iter().zip(pools).enumerate();
        let threads: Vec<_> = numbered
            .map(|(index, (stream, pool))| {
                let may_send = &may_send;
                scope.spawn(move || Connection::new(stream, index as u64).send_all(pool, per_request, may_send))
            })
            .collect();
        let panicked = || Err(anyhow::anyhow!("a connection's thread panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut load = Load { elapsed: start.elapsed(), ..Load::default() };
    load.client_cpu_us = super::server::process_cpu_us("self")? - cpu_before;
    for part in parts {
        let part = part?;
        load.events += part.events;
        load.refused += part.refused;
        load.refusal = load.refusal.or(part.refusal);
        load.latencies_us.extend(part.latencies_us);
    }
    load.latencies_us.sort_unstable();
    Ok(load)
}

fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    Ok(stream)
}

struct Connection {
    stream: TcpStream,
    /// What was read of the answer.
    buffer: Vec<u8>,
    /// Where the next read goes.
    chunk: Vec<u8>,
    random: Random,
}

impl Connection {
    fn new(stream: TcpStream, seed: u64) -> Self {
        Self { stream, buffer: Vec::with_capacity(64 * 1024), chunk: vec![0; 32 * 1024], random: Random::new(seed + 1) }
    }

    fn send_all(mut self, mut pool: Vec<Request>, per_request: u64, may_send: &dyn Fn() -> bool) -> Result<Load> {
        let mut load = Load::default();
        let mut next = 0;
        while load.refused < REFUSED_MAX && may_send() {
            let count = pool.len().max(1);
            let request = pool.get_mut(next % count).context("a connection has no requests")?;
            next += 1;
            request.renew_request_ids(&mut self.random);
            let start = Instant::now();
            self.stream.write_all(&request.bytes).context("sending a request")?;
            let (status, body) = self.answer()?;
            load.latencies_us.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
            if status != 201 {
                load.refused += 1;
                load.refusal.get_or_insert_with(|| format!("{status}: {}", String::from_utf8_lossy(&body)));
                continue;
            }
            load.events += per_request;
            if next == 1 {
                check_answer(&body, per_request)?;
            }
        }
        Ok(load)
    }

    /// Reads one answer: its status and its body.
    fn answer(&mut self) -> Result<(u16, Vec<u8>)> {
        self.buffer.clear();
        let head_length = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more()?;
        };
        let head = String::from_utf8_lossy(self.buffer.get(..head_length).unwrap_or_default()).into_owned();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).context("an answer without a status")?;
        let length = content_length(&head).with_context(|| format!("an answer without a length: {head}"))?;
        while self.buffer.len() < head_length + length {
            self.read_more()?;
        }
        Ok((status, self.buffer.split_off(head_length)))
    }

    fn read_more(&mut self) -> Result<()> {
        let length = self.stream.read(&mut self.chunk).context("reading an answer")?;
        if length == 0 {
            bail!("the server closed a connection before it answered");
        }
        self.buffer.extend_from_slice(self.chunk.get(..length).unwrap_or_default());
        Ok(())
    }
}

fn content_length(head: &str) -> Option<usize> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next()?.1.trim().parse().ok()
}

/// The first answer of a connection has to name one sequence for each event.
fn check_answer(body: &[u8], per_request: u64) -> Result<()> {
    let text = String::from_utf8_lossy(body);
    let named = text.matches("\"sequence\"").count() as u64;
    if named != per_request {
        bail!("{per_request} events were sent, but the answer names {named} sequences: {text:.300}");
    }
    Ok(())
}
