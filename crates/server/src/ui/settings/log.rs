//! The settings of the audit log: which time range pages show first, and what is kept out.

pub(in crate::ui) mod rules;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use self::rules::{Rule, Rules};
use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::frame::{Frame, Section};
use crate::ui::visit::{Sent, Visit};

/// The path of the page.
const PATH: &str = "/settings/log";
/// Where the API has the settings of the organization.
const SETTINGS: &str = "/api/v1/settings";

#[derive(Template)]
#[template(path = "ui/settings/log.html")]
struct LogPage<'a> {
    frame: Frame<'a>,
    /// What pages show first; nothing for who may not see it.
    default_range: Option<String>,
    rules: Vec<Rule>,
    may_write_settings: bool,
    may_write_rules: bool,
    done: Option<&'static str>,
    wrong: Option<&'a str>,
}

/// What is shown of `GET /api/v1/settings`.
#[derive(Deserialize)]
struct Settings {
    default_range: String,
}

impl LogPage<'_> {
    /// The ranges to choose from: name, words, whether it is the one.
    fn ranges(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let now = self.default_range.as_deref();
        RANGES.into_iter().map(move |(name, words)| (name, words, now == Some(name)))
    }

    /// The range in words.
    fn range_words(&self) -> &'static str {
        self.ranges().find(|(_, _, is_now)| *is_now).map_or("", |(_, words, _)| words)
    }
}

const RANGES: [(&str, &str); 2] = [("24h", "The last 24 hours"), ("30d", "The last 30 days")];

/// `GET /settings/log`
pub(in crate::ui) async fn show_log(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    match read(&console, &visit, None).await {
        Ok(page) => answer::page(&visit, &page),
        Err(refusal) => refusal.page(&visit),
    }
}

/// `POST /settings/log` with `default_range`
pub(in crate::ui) async fn change_log(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    let body = json!({ "default_range": form.text("default_range") });
    let Err(refusal) = console.send(&visit, Method::PATCH, SETTINGS, &body).await else {
        return answer::lead(&visit, "/settings/log?done=range");
    };
    match read(&console, &visit, Some(&refusal.text)).await {
        Ok(page) => answer::wrong(&visit, refusal.why, &page),
        Err(refusal) => refusal.page(&visit),
    }
}

async fn read<'a>(console: &Console, visit: &'a Visit, wrong: Option<&'a str>) -> Result<LogPage<'a>, Refusal> {
    let default_range = match visit.may(Permission::SettingsRead) {
        true => Some(console.get::<Settings>(visit, SETTINGS).await?.default_range),
        false => None,
    };
    let rules: Rules = console.get(visit, rules::RULES).await?;
    Ok(LogPage {
        frame: Frame::in_section(visit, Section::Settings).at(PATH),
        default_range,
        rules: rules.data,
        may_write_settings: visit.may(Permission::SettingsWrite),
        may_write_rules: visit.may(Permission::RulesWrite),
        done: visit.parameter("done").and_then(|word| done(&word)),
        wrong,
    })
}

/// What has been done, in a sentence.
fn done(word: &str) -> Option<&'static str> {
    Some(match word {
        "range" => "The time range has been saved. Members see it when they open the logs next.",
        "created" => "The rule holds from now on. What is in the log already stays there.",
        "saved" => "The rule has been changed. What is in the log already stays there.",
        "deleted" => "The rule has been removed. What it kept out is recorded from now on.",
        _ => return None,
    })
}
