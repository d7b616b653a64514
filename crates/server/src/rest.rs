//! The rest of a body whose request was answered before all of it was read.
//!
//! A client may look for the answer only when it has sent everything, and a connection that is closed under it takes
//! the answer along. So what is left of a refused body is read and thrown away, up to a limit, while the answer goes
//! out.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;
use trailbook_event::limits::{REST_BYTES_MAX, REST_SECONDS_MAX};

/// The body, with its rest looked after.
pub(crate) fn kept(body: Body) -> Body {
    if body.is_end_stream() { body } else { Body::new(Kept(Some(body))) }
}

/// A body that is read to its end even when it is dropped before.
struct Kept(Option<Body>);

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // At its end, or broken: nothing is left.
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        // There is no runtime when the process ends.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(pass_over(body));
        }
    }
}

async fn pass_over(body: Body) {
    let mut rest = Limited::new(body, REST_BYTES_MAX);
    let read = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Whoever is not through by then has to do without an answer.
    let _ = tokio::time::timeout(Duration::from_secs(REST_SECONDS_MAX), read).await;
}
