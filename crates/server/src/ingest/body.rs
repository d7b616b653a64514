//! Reading a body: bounded in size as it arrives and after decompression, in time, and in memory over all requests.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::SemaphorePermit;
use trailbook_event::limits::{BATCH_BYTES_MAX, BODIES_KIB_MAX, BODY_SECONDS_MAX, ZSTD_WINDOW_LOG_MAX};

use crate::api::problem::{Kind, Problem};
use crate::app::App;

/// A body in memory. Its share of all bodies' memory is given back when it is dropped.
pub(crate) struct Whole<'a> {
    pub(crate) bytes: Bytes,
    _share: SemaphorePermit<'a>,
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads a request's body of events and undoes its `Content-Encoding`.
pub(crate) async fn read<'a>(app: &'a App, headers: &HeaderMap, body: Body) -> Result<Whole<'a>, Problem> {
    read_up_to(BATCH_BYTES_MAX, app, headers, body).await
}

/// Reads a request's body of at most so many bytes and undoes its `Content-Encoding`.
pub(crate) async fn read_up_to<'a>(
    bytes_max: usize,
    app: &'a App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Whole<'a>, Problem> {
    let encoding = encoding(headers)?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if announced.is_some_and(|bytes: usize| bytes > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let limit = Duration::from_secs(BODY_SECONDS_MAX);
    let timeout = |_| Problem::new(Kind::BodyTimeout, format!("the body took longer than {BODY_SECONDS_MAX} seconds"));
    let (bytes, mut share) = tokio::time::timeout(limit, collect(app, body, bytes_max)).await.map_err(timeout)??;
    let bytes = match encoding {
        Encoding::Identity => bytes,
        encoding => {
            share.merge(room(app, bytes_max)?);
            decoded(bytes, encoding, bytes_max).await?
        }
    };
    Ok(Whole { bytes, _share: share })
}

/// Takes memory for what has arrived, chunk by chunk, so that slow senders hold no more than they sent.
async fn collect(app: &App, body: Body, bytes_max: usize) -> Result<(Bytes, SemaphorePermit<'_>), Problem> {
    let mut body = Limited::new(body, bytes_max);
    let mut share = room(app, 0)?;
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                return too_large(bytes_max);
            }
            Problem::new(Kind::InvalidBody, format!("the body broke off: {error}"))
        })?;
        let Ok(chunk) = frame.into_data() else { continue };
        if whole.is_empty() && body.is_end_stream() {
            share.merge(room(app, chunk.len())?);
            return Ok((chunk, share));
        }
        let held = whole.capacity();
        whole.extend_from_slice(&chunk);
        share.merge(room(app, whole.capacity() - held)?);
    }
    Ok((Bytes::from(whole), share))
}

/// A share of the memory for bodies, if there is so much left.
fn room(app: &App, bytes: usize) -> Result<SemaphorePermit<'_>, Problem> {
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(BODIES_KIB_MAX);
    app.bodies.try_acquire_many(kib).map_err(|_| Problem::new(Kind::Busy, "too many bodies are in memory"))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, second) = (values.next(), values.next());
    let name = first.map(|v| v.to_str().unwrap_or("?").trim().to_ascii_lowercase()).unwrap_or_default();
    match (name.as_str(), second) {
        ("" | "identity", None) => Ok(Encoding::Identity),
        ("gzip" | "x-gzip", None) => Ok(Encoding::Gzip),
        ("zstd", None) => Ok(Encoding::Zstd),
        _ => {
            let detail = format!("Content-Encoding must be gzip or zstd or absent, not {name:?}");
            Err(Problem::new(Kind::UnsupportedEncoding, detail))
        }
    }
}

async fn decoded(bytes: Bytes, encoding: Encoding, bytes_max: usize) -> Result<Bytes, Problem> {
    let work = move || decode(&bytes, encoding, bytes_max);
    let stopped = |_| Problem::new(Kind::Internal, "decompression stopped");
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

fn decode(bytes: &[u8], encoding: Encoding, bytes_max: usize) -> Result<Bytes, Problem> {
    let broken = |error: std::io::Error| {
        let name = if encoding == Encoding::Gzip { "gzip" } else { "zstd" };
        Problem::new(Kind::InvalidBody, format!("the body is not whole {name}: {error}"))
    };
    let mut reader: Box<dyn Read> = match encoding {
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(bytes).map_err(broken)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
            Box::new(decoder)
        }
        _ => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
    };
    let mut out = Vec::new();
    reader.by_ref().take(bytes_max as u64 + 1).read_to_end(&mut out).map_err(broken)?;
    if out.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(Bytes::from(out))
}

fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("the body has more than {bytes_max} bytes, as it came or decompressed; send it in parts");
    Problem::new(Kind::BodyTooLarge, detail)
}
