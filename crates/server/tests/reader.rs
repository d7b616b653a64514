//! Somebody who is signed in and opens pages, without a browser.

use reqwest::Method;
use trailbook_store::DEFAULT_ORGANIZATION;

use crate::harness::{Answer, Server, answer, escaped};

const JANE: &str = "jane@acme.example";

/// A member of the first organization who is signed in.
pub(crate) struct Reader {
    pub(crate) server: Server,
    cookie: String,
    csrf: String,
}

impl Reader {
    /// A member who holds a role.
    pub(crate) async fn of(server: Server, role: &str) -> Self {
        server.member(DEFAULT_ORGANIZATION, JANE, &[role]).await;
        let (cookie, csrf) = server.signed_in(DEFAULT_ORGANIZATION, JANE).await;
        Self { server, cookie, csrf }
    }

    /// The same, whose browser says in which time zone it is.
    pub(crate) fn in_zone(self, zone: &str) -> Self {
        let cookie = format!("{}; trailbook-zone={}", self.cookie, escaped(zone));
        Self { cookie, ..self }
    }

    /// The same, whose forms carry another token.
    pub(crate) fn with_csrf(self, csrf: &str) -> Self {
        Self { csrf: csrf.to_owned(), ..self }
    }

    /// Opens a page.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.server.request(Method::GET, path).header("cookie", &self.cookie)).await
    }

    /// What a script of the page gets.
    pub(crate) async fn part(&self, path: &str) -> Answer {
        answer(self.server.request(Method::GET, path).header("cookie", &self.cookie).header("hx-request", "true")).await
    }

    /// Sends a form of a page.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let own = [("csrf", self.csrf.as_str())];
        let all = own.iter().chain(fields).map(|(name, value)| format!("{name}={}", escaped(value)));
        let request = self.server.request(Method::POST, path).header("cookie", &self.cookie);
        let form = request.header("content-type", "application/x-www-form-urlencoded");
        answer(form.body(all.collect::<Vec<_>>().join("&"))).await
    }
}
