//! What errors of the store and of queries become.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;

use super::Problem;

fn answered(problem: impl Into<Problem>) -> (StatusCode, HeaderMap, String) {
    let problem: Problem = problem.into();
    let detail = problem.1.detail.clone();
    let (parts, _) = problem.into_response().into_parts();
    (parts.status, parts.headers, detail)
}

#[test]
fn what_may_go_better_later_says_when_to_try_again() {
    use trailbook_store::Error;
    for (error, status, seconds, words) in [
        (Error::Full { bytes: 7 }, 503, "1", "the memory for recent events is full (7 bytes)"),
        (Error::Busy, 503, "1", "too many writes are waiting"),
        (Error::DiskFull, 507, "10", "events are taken again as soon as there is room"),
    ] {
        let (found, headers, detail) = answered(error);
        assert_eq!(found.as_u16(), status);
        assert_eq!(headers.get(header::RETRY_AFTER).unwrap(), seconds);
        assert!(detail.contains(words), "{detail}");
    }
}

#[test]
fn a_damaged_file_is_no_reason_to_try_again_and_one_that_cannot_be_read_is() {
    use trailbook_query::Error;
    let damaged = Error::Damaged { what: "the file 0000000012.rows".to_owned(), reason: "it is missing".to_owned() };
    let (status, headers, detail) = answered(damaged);
    assert_eq!((status.as_u16(), headers.get(header::RETRY_AFTER)), (500, None));
    assert_eq!(detail, "the file 0000000012.rows is damaged: it is missing");
    let (status, headers, detail) = answered(Error::Failed("the file 0000000012.rows cannot be read".to_owned()));
    assert_eq!(status.as_u16(), 503);
    assert_eq!(headers.get(header::RETRY_AFTER).unwrap(), "1");
    assert_eq!(detail, "the file 0000000012.rows cannot be read");
}
