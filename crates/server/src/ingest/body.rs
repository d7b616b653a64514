//! Reading a body: bounded in size as it arrives and after decompression, in time, and in memory over all requests.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
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

/// Reads a request's body and undoes its `Content-Encoding`.
pub(crate) async fn read<'a>(app: &'a App, headers: &HeaderMap, body: Body) -> Result<Whole<'a>, Problem> {
    let encoding = encoding(headers)?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if announced.is_some_and(|bytes: usize| bytes > BATCH_BYTES_MAX) {
        return Err(too_large());
    }
    let limit = Duration::from_secs(BODY_SECONDS_MAX);
    let read = async {
        // What a compressed or a chunked body will take is not known, so it is as much as it may.
        let bytes = announced.filter(|_| encoding == Encoding::Identity).unwrap_or(2 * BATCH_BYTES_MAX);
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(BODIES_KIB_MAX).min(BODIES_KIB_MAX);
        // The semaphore is never closed.
        let share =
            app.bodies.acquire_many(kib).await.map_err(|_| Problem::new(Kind::Busy, "the server is stopping"))?;
        let collected = Limited::new(body, BATCH_BYTES_MAX).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                return too_large();
            }
            Problem::new(Kind::InvalidBody, format!("the body broke off: {error}"))
        })?;
        Ok::<_, Problem>((collected.to_bytes(), share))
    };
    let timeout = |_| Problem::new(Kind::BodyTimeout, format!("the body took longer than {BODY_SECONDS_MAX} seconds"));
    let (bytes, share) = tokio::time::timeout(limit, read).await.map_err(timeout)??;
    let bytes = match encoding {
        Encoding::Identity => bytes,
        encoding => decoded(bytes, encoding).await?,
    };
    Ok(Whole { bytes, _share: share })
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

async fn decoded(bytes: Bytes, encoding: Encoding) -> Result<Bytes, Problem> {
    let work = move || decode(&bytes, encoding);
    let stopped = |_| Problem::new(Kind::Internal, "decompression stopped");
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

fn decode(bytes: &[u8], encoding: Encoding) -> Result<Bytes, Problem> {
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
    reader.by_ref().take(BATCH_BYTES_MAX as u64 + 1).read_to_end(&mut out).map_err(broken)?;
    if out.len() > BATCH_BYTES_MAX {
        return Err(too_large());
    }
    Ok(Bytes::from(out))
}

fn too_large() -> Problem {
    let detail =
        format!("the body has more than {BATCH_BYTES_MAX} bytes, as it came or decompressed; send it in parts");
    Problem::new(Kind::BodyTooLarge, detail)
}
