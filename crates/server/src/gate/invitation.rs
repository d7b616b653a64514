//! The page that an invitation's link opens, and its form.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use trailbook_event::limits::PASSWORD_CHARS_MIN;
use trailbook_store::members::{InvitationKind, Member, SignInMethod};
use trailbook_store::{Error, Organization};

use super::form::{Form, FormToken};
use super::{Shown, Why, lead, let_in, notice, page, with_cookies};
use crate::app::App;
use crate::asker::Asker;
use crate::invitation::{self, Given, Open, Refused};
use crate::pages::{AcceptInvitation, Purpose, Wrong};
use crate::password::Password;
use crate::{mail, sign_in, status};

/// `GET /invitations/{secret}`
pub(crate) async fn show_invitation(
    State(app): State<Arc<App>>,
    Path(secret): Path<String>,
    request: Request,
) -> Response {
    let asker = Asker::of(request.extensions());
    match invitation::open(&app, &secret).await {
        Ok(Some(open)) => show(&app, &asker, (&secret, &open), &Typed::default()),
        Ok(None) => notice(&gone()),
        Err(error) => notice(&Shown::failed(&error)),
    }
}

/// `POST /invitations/{secret}`
pub(crate) async fn accept_invitation(
    State(app): State<Arc<App>>,
    Path(secret): Path<String>,
    request: Request,
) -> Response {
    let asker = Asker::of(request.extensions());
    let mut form = match Form::read(&app, request).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let open = match invitation::open(&app, &secret).await {
        Ok(Some(open)) => open,
        Ok(None) => return notice(&gone()),
        Err(error) => return notice(&Shown::failed(&error)),
    };
    let (password, again) = (form.take("password"), form.take("password_again"));
    let mut typed = Typed { email: form.text("email"), name: form.text("name"), ..Typed::default() };
    if !form.is_ours(&app, &asker) {
        typed.refusal = Some((Shown::foreign_form(), Wrong::None));
        return show(&app, &asker, (&secret, &open), &typed);
    }
    if open.asks_password(&app) && password != again {
        typed.refusal = Some((Shown::new(Why::Invalid, "The two passwords differ."), Wrong::PasswordAgain));
        return show(&app, &asker, (&secret, &open), &typed);
    }
    let password = Some(Password::new(password));
    let given = Given { email: Some(typed.email), name: Some(typed.name), password, enters: true };
    let method = if open.only_signs_in() { SignInMethod::Link } else { SignInMethod::Password };
    match invitation::accept(&app, &asker, &secret, given).await {
        Ok((organization, member)) => enter(&app, &asker, (&organization, member), method).await,
        Err(refused) => {
            let shown = shown(refused);
            if shown.0.why == Why::Gone {
                return notice(&shown.0);
            }
            typed.refusal = Some(shown);
            show(&app, &asker, (&secret, &open), &typed)
        }
    }
}

/// What somebody typed, and what is wrong with it.
#[derive(Default)]
struct Typed<'a> {
    email: &'a str,
    name: &'a str,
    refusal: Option<(Shown, Wrong)>,
}

fn gone() -> Shown {
    let text = "This invitation was used, was revoked or is over, or there never was one. Please ask for a new one.";
    Shown::new(Why::Gone, text)
}

fn shown(refused: Refused) -> (Shown, Wrong) {
    match refused {
        Refused::Gone => (gone(), Wrong::None),
        Refused::Email(reason) => (Shown::new(Why::Invalid, sentence(&reason)), Wrong::Email),
        Refused::Name(reason) => (Shown::new(Why::Invalid, sentence(&reason)), Wrong::Name),
        Refused::Password(reason) => (Shown::new(Why::Invalid, sentence(&reason)), Wrong::Password),
        Refused::Taken => {
            let text = "There is a member with this e-mail address already. Please sign in.";
            (Shown::new(Why::Taken, text), Wrong::None)
        }
        Refused::Throttled(seconds) => (sign_in::Refused::Throttled(seconds).into(), Wrong::None),
        Refused::Busy => (sign_in::Refused::Busy.into(), Wrong::None),
        Refused::Store(Error::TooMany(_)) => {
            let text = "The organization has as many members as it may have. Please tell its administrator.";
            (Shown::new(Why::Taken, text), Wrong::None)
        }
        Refused::Store(error) => (Shown::failed(&error), Wrong::None),
    }
}

/// A reason as a sentence.
fn sentence(reason: &str) -> String {
    let mut chars = reason.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// Signs in who has accepted; where the organization has a provider for that, they go there.
async fn enter(
    app: &App,
    asker: &Arc<Asker>,
    (organization, member): (&Organization, Member),
    method: SignInMethod,
) -> Response {
    if app.sign_in.demands_provider(organization) {
        return lead(status::NEXT, &format!("/sign-in?organization={}", organization.name()));
    }
    match sign_in::enter(app, asker, (organization, member), method).await {
        Ok(signed_in) => let_in(status::NEXT, signed_in, "/"),
        Err(refused) => notice(&refused.into()),
    }
}

fn show(app: &App, asker: &Asker, (secret, open): (&str, &Open), typed: &Typed<'_>) -> Response {
    let token = match FormToken::new(app, asker) {
        Ok(token) => token,
        Err(error) => return notice(&Shown::failed(&error)),
    };
    let (refusal, wrong) = typed.refusal.as_ref().map_or((None, Wrong::None), |(shown, wrong)| (Some(shown), *wrong));
    let template = AcceptInvitation {
        action: &format!("/invitations/{secret}"),
        csrf: &token.csrf,
        organization: open.organization.name(),
        purpose: match open.invitation.kind {
            InvitationKind::Join => Purpose::Join,
            InvitationKind::FirstAdmin => Purpose::FirstAdmin,
            InvitationKind::NewPassword => Purpose::NewPassword,
            InvitationKind::SignIn => Purpose::SignIn,
        },
        invited_by: &open.invitation.invited_by,
        expires: &mail::time(open.invitation.expires_ms),
        email: open.email().unwrap_or(typed.email),
        asks_email: open.asks_email(),
        name: typed.name,
        asks_name: open.asks_name(),
        asks_password: open.asks_password(app),
        password_chars_min: PASSWORD_CHARS_MIN,
        error: refusal.map(|refusal| refusal.text.as_str()),
        wrong,
    };
    let response = match refusal {
        Some(refusal) => refusal.page(&template),
        None => page(status::FOUND, &template),
    };
    with_cookies(response, [token.cookie])
}
