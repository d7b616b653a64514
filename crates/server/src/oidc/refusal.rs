//! Why nobody was signed in: a sentence for people, and a reason for the server's log.

use crate::jwt::{FetchError, NotThere, Refused};

/// Why, as far as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The path to return to leads elsewhere.
    ReturnElsewhere,
    /// The sign-in is not one that this browser has under way.
    Interrupted,
    /// The provider did not let the person in, or the person did not want to.
    Declined,
    /// What the provider answered is not as it must be.
    Untrusted,
    /// There is no e-mail address, or none that was verified.
    NoEmail,
    /// The address is not of an allowed domain.
    NotAllowed,
    /// The provider cannot be reached.
    Unavailable,
}

impl Kind {
    /// One sentence for whom it happens to.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Kind::ReturnElsewhere => "The page that you would return to is not one of this server.",
            Kind::Interrupted => {
                "This sign-in was begun in another browser, took too long or is done already; please sign in again."
            }
            Kind::Declined => "Your identity provider did not sign you in.",
            Kind::Untrusted => {
                "What your identity provider answered could not be trusted, so you were not signed in; please tell \
                 your administrator if it happens again."
            }
            Kind::NoEmail => {
                "Your identity provider gave no verified e-mail address for you; please ask its administrator for one."
            }
            Kind::NotAllowed => "Your e-mail address is not of a domain that may sign in here.",
            Kind::Unavailable => "Your identity provider cannot be reached at the moment; please try again later.",
        }
    }
}

/// Nobody was signed in. As a text it is the reason, which is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Refusal {
    kind: Kind,
    reason: String,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// Why, as far as people are told.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What a provider says when it gives no code (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6).
    pub(super) fn of_provider(error: &str) -> Self {
        let kind = match error {
            "temporarily_unavailable" | "server_error" => Kind::Unavailable,
            "invalid_request" | "unauthorized_client" | "unsupported_response_type" | "invalid_scope" => {
                Kind::Untrusted
            }
            _ => Kind::Declined,
        };
        Self::new(kind, format!("the provider answered with the error {}", shown(error)))
    }
}

/// What came from elsewhere as a log may show it: short, and nothing in it that a terminal obeys.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    format!("{:?}", text.chars().take(CHARS_MAX).collect::<String>())
}

impl From<NotThere> for Refusal {
    fn from(error: NotThere) -> Self {
        Self::new(Kind::Unavailable, error.to_string())
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        Self::new(Kind::Unavailable, error.to_string())
    }
}

impl From<Refused> for Refusal {
    fn from(error: Refused) -> Self {
        let kind = if matches!(error, Refused::NoKeys(_)) { Kind::Unavailable } else { Kind::Untrusted };
        Self::new(kind, format!("the ID token is refused: {error}"))
    }
}
