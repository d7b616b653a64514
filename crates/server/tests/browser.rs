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

    /// Fills in the first form of a page, and sends it; without following where that leads. A field that is named here
    /// replaces the one that the page has.
    pub(crate) async fn fill(&mut self, page: &str, fields: &[(&str, &str)]) -> Answer {
        let text = self.text_of(page).await;
        self.fill_in(page, between(&text, "<form ", "</form>"), fields).await
    }

    /// The same with the form of a page that is sent to this path.
    pub(crate) async fn fill_form(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let text = self.text_of(page).await;
        let mut forms = text.split("<form ").skip(1).filter_map(|rest| rest.split("</form>").next());
        let form = forms.find(|form| action_of(form) == action);
        self.fill_in(page, form.unwrap_or_else(|| panic!("no form for {action} in {text}")), fields).await
    }

    /// The text of a page.
    pub(crate) async fn text_of(&mut self, page: &str) -> String {
        let page = Url::parse(PUBLIC_URL).unwrap().join(page).unwrap();
        self.send(Method::GET, &page, None).await.text()
    }

    async fn fill_in(&mut self, page: &str, form: &str, fields: &[(&str, &str)]) -> Answer {
        let page = Url::parse(PUBLIC_URL).unwrap().join(page).unwrap();
        let action = page.join(&action_of(form)).unwrap();
        let mut all = filled(form);
        all.retain(|(name, _)| fields.iter().all(|(given, _)| given != name));
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.post(action.as_str(), &all).await
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

/// Where a form is sent.
fn action_of(form: &str) -> String {
    attribute(form.split('>').next().unwrap(), "action").expect("a form says where it is sent")
}

/// What the fields of a form hold before anything is typed: no box that is not ticked, and no button.
fn filled(form: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for tag in form.split("<input ").skip(1).filter_map(|rest| rest.split('>').next()) {
        let is_box = matches!(attribute(tag, "type").as_deref(), Some("checkbox" | "radio"));
        let is_left_out = is_box && !has(tag, "checked") || has(tag, "disabled");
        if let Some(name) = attribute(tag, "name").filter(|_| !is_left_out) {
            all.push((name, attribute(tag, "value").unwrap_or_default()));
        }
    }
    for (tag, inner) in elements(form, "textarea") {
        all.push((attribute(tag, "name").unwrap(), unescaped(inner.strip_prefix('\n').unwrap_or(inner))));
    }
    for (tag, inner) in elements(form, "select") {
        let options: Vec<&str> = inner.split("<option ").skip(1).filter_map(|rest| rest.split('>').next()).collect();
        let chosen = options.iter().find(|option| has(option, "selected")).or(options.first());
        all.push((attribute(tag, "name").unwrap(), chosen.and_then(|tag| attribute(tag, "value")).unwrap_or_default()));
    }
    all
}

/// The tags and contents of elements of this name.
fn elements<'a>(form: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let (begin, end) = (format!("<{name} "), format!("</{name}>"));
    let all = form.split(&begin).skip(1).map(|rest| rest.split(&end).next().unwrap());
    all.map(|element| element.split_once('>').unwrap()).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (before, rest) = tag.split_once(&format!("{name}=\""))?;
    if !before.is_empty() && !before.ends_with(char::is_whitespace) {
        return attribute(rest.split_once('"')?.1, name);
    }
    rest.split('"').next().map(unescaped)
}

/// Whether a tag has an attribute without a value.
fn has(tag: &str, name: &str) -> bool {
    tag.split_ascii_whitespace().any(|word| word == name)
}

/// A text of a page as it was before its template escaped it.
pub(crate) fn unescaped(text: &str) -> String {
    let signs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    signs.iter().fold(text.to_owned(), |text, (escaped, sign)| text.replace(escaped, sign))
}
