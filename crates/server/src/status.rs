//! The HTTP status of every answer, for each family of APIs. No other file names a status.
//!
//! | family | errors | body |
//! |---|---|---|
//! | native | [`api::Problem`](crate::api::problem::Problem) | RFC 9457 `application/problem+json` |
//! | Portal | [`portal::Refusal`](crate::dialect::portal::Refusal) | Backstage's error body |
//! | Spectra Assure | [`spectra::Refusal`] | `{"detail": "…"}` |
//! | Port | [`port::Refusal`] | `{ok, error, message}` |
//! | WSO2 | [`wso2::Refusal`] | its gateway's `{code, message, description}` |
//! | pages | [`gate::Why`](crate::gate::Why) | a page that says so in a sentence |
//! | console | [`ui::Why`] | the same |
//! | operations | none: they answer what is so | text |

use axum::http::StatusCode;

use crate::api::problem::Kind;
use crate::dialect::portal::Name;
use crate::dialect::{port, spectra, wso2};
use crate::gate::Why;
use crate::ui;

/// Something was read.
pub(crate) const FOUND: StatusCode = StatusCode::OK;
/// Events are durable.
pub(crate) const RECORDED: StatusCode = StatusCode::CREATED;
/// A part of something was read.
pub(crate) const PART: StatusCode = StatusCode::PARTIAL_CONTENT;
/// Something was done, and there is nothing to show of it.
pub(crate) const DONE: StatusCode = StatusCode::NO_CONTENT;
/// A form was taken, and another page comes next.
pub(crate) const NEXT: StatusCode = StatusCode::SEE_OTHER;
/// The browser goes on elsewhere.
pub(crate) const AWAY: StatusCode = StatusCode::FOUND;
/// The browser has it already, as it is.
pub(crate) const SAME: StatusCode = StatusCode::NOT_MODIFIED;
/// The server can, or cannot, do its work now.
pub(crate) fn readiness(is_ready: bool) -> StatusCode {
    if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// The status of a problem of the native API.
pub(crate) fn native(kind: Kind) -> StatusCode {
    match kind {
        Kind::InvalidBody | Kind::InvalidEvents | Kind::InvalidParameter => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated | Kind::SignInFailed => StatusCode::UNAUTHORIZED,
        Kind::NotAllowed => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Kind::KeyInWork | Kind::NotReady | Kind::Conflict => StatusCode::CONFLICT,
        Kind::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UrlTooLong => StatusCode::URI_TOO_LONG,
        Kind::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::NoSuchRange => StatusCode::RANGE_NOT_SATISFIABLE,
        Kind::TooMany | Kind::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Kind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Kind::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Damaged | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status of a page that says why something was not done.
pub(crate) fn page(why: Why) -> StatusCode {
    match why {
        Why::Untrusted => StatusCode::BAD_REQUEST,
        Why::NotAllowed => StatusCode::FORBIDDEN,
        Why::Gone => StatusCode::NOT_FOUND,
        Why::Taken => StatusCode::CONFLICT,
        Why::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Why::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Why::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The status of a page of the console that says why something was not done.
pub(crate) fn ui(why: ui::Why) -> StatusCode {
    match why {
        ui::Why::Invalid => StatusCode::BAD_REQUEST,
        ui::Why::NotAllowed => StatusCode::FORBIDDEN,
        ui::Why::NotFound => StatusCode::NOT_FOUND,
        ui::Why::Conflict => StatusCode::CONFLICT,
        ui::Why::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ui::Why::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ui::Why::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Why the console shows a refusal of the API.
pub(crate) fn why(status: StatusCode) -> ui::Why {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ui::Why::NotAllowed,
        StatusCode::NOT_FOUND => ui::Why::NotFound,
        StatusCode::CONFLICT => ui::Why::Conflict,
        StatusCode::TOO_MANY_REQUESTS => ui::Why::TooMany,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => ui::Why::Busy,
        _ if status.is_client_error() => ui::Why::Invalid,
        _ => ui::Why::Failed,
    }
}

/// The status that Backstage gives to an error of this name (`MiddlewareFactory.error`).
pub(crate) fn portal(name: Name) -> StatusCode {
    match name {
        Name::Input => StatusCode::BAD_REQUEST,
        Name::Authentication => StatusCode::UNAUTHORIZED,
        Name::NotAllowed => StatusCode::FORBIDDEN,
        Name::NotFound => StatusCode::NOT_FOUND,
        Name::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Name::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Name::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status that the Spectra Assure dialect gives to a refusal.
pub(crate) fn spectra(kind: spectra::Kind) -> StatusCode {
    match kind {
        spectra::Kind::Invalid => StatusCode::BAD_REQUEST,
        spectra::Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        spectra::Kind::NotAllowed => StatusCode::FORBIDDEN,
        spectra::Kind::NotFound => StatusCode::NOT_FOUND,
        spectra::Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        spectra::Kind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        spectra::Kind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status that Port documents for an error, or the one that fits where it documents none.
pub(crate) fn port(name: port::Name) -> StatusCode {
    match name {
        port::Name::Invalid | port::Name::AnswerTooLarge => StatusCode::UNPROCESSABLE_ENTITY,
        port::Name::Unauthorized => StatusCode::UNAUTHORIZED,
        port::Name::Forbidden => StatusCode::FORBIDDEN,
        port::Name::NotFound => StatusCode::NOT_FOUND,
        port::Name::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        port::Name::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        port::Name::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        port::Name::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status that WSO2's gateway gives to a refusal.
pub(crate) fn wso2(name: wso2::Name) -> StatusCode {
    match name {
        wso2::Name::Invalid => StatusCode::BAD_REQUEST,
        wso2::Name::MissingCredentials | wso2::Name::InvalidCredentials => StatusCode::UNAUTHORIZED,
        wso2::Name::NotAllowed => StatusCode::FORBIDDEN,
        wso2::Name::NotFound => StatusCode::NOT_FOUND,
        wso2::Name::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        wso2::Name::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        wso2::Name::Throttled => StatusCode::TOO_MANY_REQUESTS,
        wso2::Name::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        wso2::Name::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
