//! The page that asks before something is gone for good: whoever means it types its name.

use askama::Template;
use axum::response::Response;

use super::answer::{self, Refusal, Why};
use super::frame::{Frame, Section};
use super::visit::Visit;
use crate::gate::form::Form;

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) section: Section,
    /// What is to be done, as a title: `Revoke the token`.
    pub(super) title: &'a str,
    /// What it is called, which is to be typed.
    pub(super) name: &'a str,
    /// What then happens, in sentences.
    pub(super) says: &'a str,
    /// What the button says.
    pub(super) button: &'a str,
    /// Where the form is sent.
    pub(super) action: &'a str,
    /// The page that it is of.
    pub(super) back: &'a str,
}

#[derive(Template)]
#[template(path = "ui/confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame<'a>,
    question: &'a Question<'a>,
    typed: &'a str,
    wrong: Option<&'a str>,
}

impl Question<'_> {
    /// Asks.
    pub(super) fn ask(&self, visit: &Visit) -> Response {
        answer::page(visit, &self.page(visit, "", None))
    }

    /// Asks again, unless the name was typed.
    pub(super) fn unless_confirmed(&self, visit: &Visit, form: &Form) -> Option<Response> {
        let typed = form.text("confirm").trim();
        if typed == self.name {
            return None;
        }
        let wrong = "This is not its name. Please type it as it stands above.";
        Some(answer::wrong(visit, Why::Invalid, &self.page(visit, typed, Some(wrong))))
    }

    /// Asks again, and says why it was not done.
    pub(super) fn refused(&self, visit: &Visit, refusal: &Refusal) -> Response {
        answer::wrong(visit, refusal.why, &self.page(visit, self.name, Some(&refusal.text)))
    }

    fn page<'a>(&'a self, visit: &'a Visit, typed: &'a str, wrong: Option<&'a str>) -> ConfirmPage<'a> {
        ConfirmPage { frame: Frame::in_section(visit, self.section).at(self.action), question: self, typed, wrong }
    }
}
