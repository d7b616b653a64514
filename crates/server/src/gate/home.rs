//! The way out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::form::Form;
use super::{Shown, Why, lead, notice, with_cookies};
use crate::api::problem::{Kind, Problem};
use crate::app::App;
use crate::asker::Asker;
use crate::own::{self, Deed, target};
use crate::status;

const SIGN_IN: &str = "/sign-in";

/// `POST /sign-out`
pub(crate) async fn sign_out(State(app): State<Arc<App>>, request: Request) -> Response {
    let asker = Asker::of(request.extensions());
    let form = match Form::read(&app, request).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let caller = match app.auth.of_session(&asker).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return lead(status::NEXT, SIGN_IN),
        Err(_) => return unavailable(),
    };
    if app.auth.check_csrf(&asker, Some(form.text("csrf"))).is_err() {
        return Problem::new(Kind::NotAllowed, "the form is not of a page of this session").into_response();
    }
    let (Some(member), Some(session)) = (caller.member(), caller.session()) else {
        return lead(status::NEXT, SIGN_IN);
    };
    let deed = Deed::of(&caller, "user.logout", "logout", format!("{} signed out", member.email)).to(vec![target(
        "user",
        member.uuid,
        Some(&member.email),
    )]);
    if let Err(error) = own::record(&app, deed).await {
        return notice(&Shown::failed(&error));
    }
    if let Err(error) = app.store.catalog().end_session(session.member, session.id).await {
        return notice(&Shown::failed(&error));
    }
    with_cookies(lead(status::NEXT, SIGN_IN), [app.auth.session_cookie(&asker, None)])
}

fn unavailable() -> Response {
    notice(&Shown::new(Why::Busy, "This does not work at the moment. Please try again later."))
}
