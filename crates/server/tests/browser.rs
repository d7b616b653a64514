//! A browser without a window: it keeps cookies, and fills in the forms of pages and of the provider of tests.

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, Url};

use crate::harness::{Answer, PUBLIC_URL, Server, answer, client, escaped};

/// Redirects and forms between leaving the server and coming back.
const STEPS_MAX: usize = 20;

pub(crate) struct Browser {
    client: reqwest::Client,
    /// The server, which it knows as [`PUBLIC_URL`].
    server: String,
    cookies: Vec<Cookie>,
}

struct Cookie {
    origin: String,
    path: String,
    name: String,
    value: String,
}

impl Browser {
    pub(crate) fn of(server: &Server) -> Self {
        let server = format!("http://{}", server.address());
        Self { client: client().build().unwrap(), server, cookies: Vec::new() }
    }

    /// Begins a sign-in; the URL of the provider that the server leads to.
    pub(crate) async fn begin(&mut self, provider: &str) -> Url {
        let answer = self.visit(&format!("{PUBLIC_URL}/sign-in/{provider}?return_to=%2Fevents%3Fq%3D1")).await;
        assert_eq!(answer.status, 302, "{}", answer.text());
        Url::parse(answer.header("location")).unwrap()
    }

    /// Signs in at the provider; the URL of the server that it leads back to, which is not visited yet.
    pub(crate) async fn sign_in_there(&mut self, provider: Url, login: &str) -> Url {
        self.at_provider(provider, Some(login)).await
    }

    /// Turns round at the provider.
    pub(crate) async fn abort_there(&mut self, provider: Url) -> Url {
        self.at_provider(provider, None).await
    }

    /// The whole way.
    pub(crate) async fn sign_in(&mut self, provider: &str, login: &str) -> Answer {
        let there = self.begin(provider).await;
        let back = self.sign_in_there(there, login).await;
        self.visit(back.as_str()).await
    }

    /// Opens a page, without following where it leads.
    pub(crate) async fn visit(&mut self, url: &str) -> Answer {
        self.send(Method::GET, &Url::parse(url).unwrap(), None).await
    }

    /// Fills in the form of a page, or its first form, and sends it; without following where that leads. A field that
    /// is named here replaces the one that the page has.
    pub(crate) async fn fill(&mut self, page: &str, fields: &[(&str, &str)]) -> Answer {
        let page = Url::parse(PUBLIC_URL).unwrap().join(page).unwrap();
        let text = self.send(Method::GET, &page, None).await.text();
        let action = page.join(between(&text, "<form ", ">").split_once("action=\"").unwrap().1.trim_end_matches('"'));
        let mut all = filled(between(&text, "<form ", "</form>"));
        all.retain(|(name, _)| fields.iter().all(|(given, _)| given != name));
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.post(action.unwrap().as_str(), &all).await
    }

    /// Sends a form.
    pub(crate) async fn post(&mut self, url: &str, fields: &[(String, String)]) -> Answer {
        let url = Url::parse(PUBLIC_URL).unwrap().join(url).unwrap();
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        self.send(Method::POST, &url, Some(pairs.join("&"))).await
    }

    /// Its cookies, as a header has them.
    pub(crate) fn cookies(&self) -> String {
        self.cookies.iter().map(|one| format!("{}={}", one.name, one.value)).collect::<Vec<_>>().join("; ")
    }

    async fn at_provider(&mut self, provider: Url, login: Option<&str>) -> Url {
        let mut url = provider;
        let mut form: Option<String> = None;
        for _ in 0..STEPS_MAX {
            if url.as_str().starts_with(PUBLIC_URL) {
                return url;
            }
            let method = if form.is_some() { Method::POST } else { Method::GET };
            let answer = self.send(method, &url, form.take()).await;
            if let Some(to) = answer.headers.get(LOCATION) {
                url = url.join(to.to_str().unwrap()).unwrap();
                continue;
            }
            let page = answer.text();
            assert_eq!(answer.status, 200, "{url}: {page}");
            let action = between(&page, "action=\"", "\"");
            let action = url.join(action).unwrap();
            match login {
                None => url = Url::parse(&format!("{action}/abort")).unwrap(),
                Some(login) => {
                    let prompt = between(&page, "name=\"prompt\" value=\"", "\"");
                    form = Some(format!("prompt={prompt}&login={}&password=any", escaped(login)));
                    url = action;
                }
            }
        }
        panic!("the provider does not lead back: {url}");
    }

    async fn send(&mut self, method: Method, url: &Url, form: Option<String>) -> Answer {
        let address = url.as_str().replace(PUBLIC_URL, &self.server);
        let is_sent = |one: &&Cookie| one.origin == origin(url) && is_below(url.path(), &one.path);
        let cookies = self.cookies.iter().filter(is_sent).map(|one| format!("{}={}", one.name, one.value));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let mut request = self.client.request(method, address);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies);
        }
        if let Some(form) = form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        }
        let answer = answer(request).await;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            self.keep(cookie.to_str().unwrap(), url);
        }
        answer
    }

    fn keep(&mut self, cookie: &str, url: &Url) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attribute = |wanted: &str| {
            let mut pairs = parts.clone().filter_map(|part| part.split_once('='));
            pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned())
        };
        let path = attribute("path").unwrap_or_else(|| "/".to_owned());
        let origin = origin(url);
        self.cookies.retain(|one| (&one.origin, &one.path, one.name.as_str()) != (&origin, &path, name));
        if !value.is_empty() {
            self.cookies.push(Cookie { origin, path, name: name.to_owned(), value: value.to_owned() });
        }
    }

    /// The cookies of the server, as one browser would give them to another.
    pub(crate) fn steal_cookies(&mut self, from: &Browser) {
        let of_server = from.cookies.iter().filter(|one| one.origin == PUBLIC_URL);
        let copy = |one: &Cookie| Cookie {
            origin: one.origin.clone(),
            // Sent to any page: not what a browser does, but what somebody can do by hand.
            path: "/".to_owned(),
            name: one.name.clone(),
            value: one.value.clone(),
        };
        self.cookies = of_server.map(copy).collect();
    }
}

/// What a page says in its notice.
pub(crate) fn notice(answer: &Answer) -> String {
    let page = answer.text();
    let (_, rest) = page.split_once("role=\"alert\">").unwrap_or_else(|| panic!("no notice in {page}"));
    rest.split_once("</p>").unwrap().0.to_owned()
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn is_below(path: &str, of: &str) -> bool {
    let of = of.trim_end_matches('/');
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

/// What the fields of a form hold before anything is typed.
fn filled(form: &str) -> Vec<(String, String)> {
    let tags = form.split("<input ").skip(1).filter_map(|rest| rest.split('>').next());
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, " value").unwrap_or_default()))).collect()
}
