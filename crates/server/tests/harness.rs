//! A server in this process, in a folder that vanishes, and a client of it.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use trailbook_server::settings::{Layer, Settings};
use trailbook_store::credential::{Grant, NewEntry, Permission, Restriction, new_token};
use trailbook_store::members::{Member, NewMember, NewRole};
use trailbook_store::{Catalog, Clock, DEFAULT_ORGANIZATION, Organization};

/// A test that hangs has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// The path of the native API.
pub(crate) const EVENTS: &str = "/api/v1/events";
/// The path of the Portal's API.
pub(crate) const AUDIT: &str = "/api/audit-log/v1/audit-event";
/// Where people reach a server that has an identity provider, as they see it.
pub(crate) const PUBLIC_URL: &str = "https://trailbook.test";
/// The least that is an event.
pub(crate) const MINIMAL: &str = r#"{"source":"s","action":"a"}"#;

/// The password of members in tests, and its hash at the usual cost.
pub(crate) const PASSWORD: &str = "seven purple walruses hum";
pub(crate) const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$Joh9rXFubLdw9l94RG4i4PIwwzMOojCTNakePHSIdfg";

/// The setting of a webhook.
pub(crate) const WEBHOOK: &str = r#"
    [[webhooks]]
    name = "from-port"
    from = "port"
    secret = "s-0123456789abcdef"
    signing_key = "the-key-of-port"
"#;

/// Runs a behaviour on its own runtime, with a limit.
pub(crate) fn run(behaviour: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, behaviour).await.expect("the test hangs") });
    runtime.shutdown_background();
}

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    dir: TempDir,
    stop: oneshot::Sender<()>,
    work: JoinHandle<Result<(), trailbook_server::Error>>,
    client: reqwest::Client,
    scheme: &'static str,
    /// A token that may read and write the events of the first organization.
    pub(crate) token: String,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The problem document of a refusal.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// A server with settings, as a configuration file has them.
    pub(crate) async fn with(toml: &str) -> Self {
        Self::open(TempDir::new().unwrap(), toml).await
    }

    /// A server with settings that no configuration gives.
    pub(crate) async fn changed(toml: &str, change: impl FnOnce(&mut Settings)) -> Self {
        Self::open_changed(TempDir::new().unwrap(), toml, change).await
    }

    pub(crate) async fn open(dir: TempDir, toml: &str) -> Self {
        Self::open_changed(dir, toml, |_| {}).await
    }

    async fn open_changed(dir: TempDir, toml: &str, change: impl FnOnce(&mut Settings)) -> Self {
        // A second call finds it done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let own = Layer {
            data_dir: Some(dir.path().to_owned()),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            ..Layer::default()
        };
        // Most tests count what they recorded; those of self-audit say that reads are recorded too.
        // Some ask as often as they can until something is so.
        let counting = Layer { record_reads: Some(false), requests_per_minute: Some(u32::MAX), ..Layer::default() };
        let settings = own.over(Layer::from_toml(toml).unwrap()).over(counting).resolve();
        let mut settings = settings.unwrap();
        change(&mut settings);
        let running = trailbook_server::start(settings).await.unwrap();
        let address = running.address();
        let (stop, stopped) = oneshot::channel();
        let work = tokio::spawn(running.run_until(async move {
            let _ = stopped.await;
        }));
        let scheme = if toml.contains("tls_cert") { "https" } else { "http" };
        let client = client().tls_danger_accept_invalid_certs(scheme == "https").build().unwrap();
        let token = new_token().unwrap();
        let mut server = Self { address, dir, stop, work, client, scheme, token };
        server.token = server.full_token().await;
        server
    }

    /// Stops in order and gives the folder.
    pub(crate) async fn stop(self) -> TempDir {
        self.stop.send(()).unwrap();
        self.work.await.unwrap().unwrap();
        self.dir
    }

    /// Stops in order and starts again on the same folder; tokens stay.
    pub(crate) async fn restart(self, toml: &str) -> Self {
        let token = self.token.clone();
        let dir = self.stop().await;
        Self { token, ..Self::open(dir, toml).await }
    }

    /// Starts again on a folder, with a token that it knows already.
    pub(crate) async fn reopen(dir: TempDir, token: String) -> Self {
        Self { token, ..Self::open(dir, "").await }
    }

    /// Asks it to stop; the work ends when it has.
    pub(crate) fn begin_stop(self) -> (JoinHandle<Result<(), trailbook_server::Error>>, TempDir) {
        self.stop.send(()).unwrap();
        (self.work, self.dir)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The catalog, opened beside the server as the commands open it.
    pub(crate) async fn catalog(&self) -> Catalog {
        Catalog::open(self.dir.path(), None, Clock::system()).await.unwrap()
    }

    async fn full_token(&self) -> String {
        self.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsWrite, Permission::EventsRead]).await
    }

    /// A new token of an organization, which is made if need be.
    pub(crate) async fn scoped(&self, organization: &str, scopes: &[Permission]) -> String {
        self.granted(organization, Grant { scopes: scopes.to_vec(), restrictions: Vec::new() }).await
    }

    /// A new token that is restricted as Backstage's are.
    pub(crate) async fn restricted(&self, plugin: &str, permission: Option<&str>, action: Option<&str>) -> String {
        let list = |one: Option<&str>| one.map(|one| vec![one.to_owned()]);
        let (permissions, actions) = (list(permission), list(action));
        let restriction = Restriction { plugin: plugin.to_owned(), permissions, actions };
        self.granted(DEFAULT_ORGANIZATION, Grant { scopes: Vec::new(), restrictions: vec![restriction] }).await
    }

    /// A new token, which the server knows when this returns.
    pub(crate) async fn granted(&self, organization: &str, grant: Grant) -> String {
        let token = new_token().unwrap();
        self.create_entry(organization, &format!("n{token}"), &token, grant).await;
        self.until_known(&token).await;
        token
    }

    /// Makes a role of an organization, which is made if need be.
    pub(crate) async fn create_role(&self, organization: &str, role: &NewRole) {
        let catalog = self.catalog().await;
        let (organization, _) = catalog.organization_or_new(organization).await.unwrap();
        catalog.create_role(&organization, role).await.unwrap();
    }

    /// The first organization, in the catalog beside the server.
    pub(crate) async fn first_organization(&self) -> (Catalog, Organization) {
        let catalog = self.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        (catalog, organization)
    }

    /// A member who holds these roles, with [`PASSWORD`]. The server knows them when this returns.
    pub(crate) async fn member(&self, organization: &str, email: &str, roles: &[&str]) -> Member {
        let catalog = self.catalog().await;
        let (organization, _) = catalog.organization_or_new(organization).await.unwrap();
        let credentials = catalog.credentials().await.unwrap();
        let role = |handle: &&str| credentials.directory().role(&organization, handle).unwrap().id;
        let new = NewMember {
            email: email.to_owned(),
            name: format!("Name of {email}"),
            password: Some(PASSWORD_HASH.to_owned()),
            provided: None,
            roles: roles.iter().map(role).collect(),
            groups: Vec::new(),
        };
        let member = catalog.create_member(&organization, &new).await.unwrap();
        // A token of nobody's makes the server look.
        self.get("nobody-has-this-token", "/api/v1/me").await;
        member
    }

    /// A new token of a member, which the server knows when this returns.
    pub(crate) async fn personal_token(&self, organization: &str, member: &Member, scopes: &[Permission]) -> String {
        let catalog = self.catalog().await;
        let (organization, _) = catalog.organization_or_new(organization).await.unwrap();
        let token = new_token().unwrap();
        let given = (scopes.to_vec(), None);
        catalog.create_personal_token(&organization, member, (&token, &token), given).await.unwrap();
        self.until_known(&token).await;
        token
    }

    /// The cookie of a member who signs in, and the token of its forms.
    pub(crate) async fn signed_in(&self, organization: &str, email: &str) -> (String, String) {
        let body = json!({"organization": organization, "email": email, "password": PASSWORD});
        let answer = self.post_to("/api/v1/session", "", &[], body.to_string()).await;
        let csrf = answer.expect(201)["csrf_token"].as_str().unwrap().to_owned();
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        (cookie, csrf)
    }

    pub(crate) async fn create_entry(&self, organization: &str, name: &str, token: &str, grant: Grant) {
        let catalog = self.catalog().await;
        let (organization, _) = catalog.organization_or_new(organization).await.unwrap();
        let (name, token) = (name.to_owned(), token.to_owned());
        catalog
            .create_entry(NewEntry { organization, name, token, grant: Some(grant), expires_ms: None })
            .await
            .unwrap();
    }

    /// Waits until the server has read its credentials again, a second at most.
    pub(crate) async fn until_known(&self, token: &str) {
        let deadline = Instant::now() + Duration::from_secs(1);
        while self.get(token, "/api/v1/me").await.status == 401 {
            assert!(Instant::now() < deadline, "a token is not known after a second");
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}://{}{path}", self.scheme, self.address))
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(token)).await
    }

    /// The answer to a query of the native API that must succeed.
    pub(crate) async fn list(&self, query: &str) -> Value {
        self.get(&self.token, &format!("{EVENTS}?{query}")).await.expect(200)
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.post_with(&[], body).await
    }

    pub(crate) async fn post_with(&self, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        self.post_as(&self.token, headers, body).await
    }

    pub(crate) async fn post_as(
        &self,
        token: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        self.post_to(EVENTS, token, headers, body).await
    }

    pub(crate) async fn post_to(
        &self,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.request(Method::POST, path).body(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await
    }

    /// How many events the first organization has, but for the server's own.
    pub(crate) async fn total(&self) -> u64 {
        self.list("limit=1&source!=trailbook").await["total"].as_u64().unwrap()
    }

    /// Fails unless nothing was ever recorded but by the server itself: the next event comes right after that.
    pub(crate) async fn expect_nothing_recorded(&self) {
        assert_eq!(self.total().await, 0);
        let own = self.list("limit=1").await["total"].clone();
        let answer = self.post(MINIMAL).await.expect(201);
        assert_eq!(answer["events"][0]["sequence"], own, "a refused write took a sequence");
    }

    /// Why the last sign-in failed, as the log of the first organization has it.
    pub(crate) async fn reason(&self) -> String {
        let failed = self.list("source=trailbook&action=user.login&outcome=failed&limit=1").await;
        failed["data"][0]["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends bytes as they are, and reads until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may have refused and closed before all was written.
        let _ = stream.write_all(bytes).await;
        let mut out = Vec::new();
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut out)).await.unwrap_or_else(|_| {
            panic!("no end of the answer to {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]))
        });
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The head of a request whose connection closes after it.
    pub(crate) fn head(&self, first_line: &str, headers: &str) -> String {
        let token = &self.token;
        format!("{first_line}\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{headers}\r\n")
    }
}

/// A client of servers on this machine.
pub(crate) fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(reqwest::redirect::Policy::none())
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

/// The values of a query, escaped.
pub(crate) fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A file of the repository's test data.
pub(crate) fn testdata(name: &str) -> String {
    let path = Path::new("../../testdata").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The time of the server, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Clock::system().now_ms()
}

/// So many milliseconds from now, as a time of an event.
pub(crate) fn from_now(ms: i64) -> String {
    trailbook_event::Timestamp::from_millis(Clock::system().now_ms() + ms).to_string()
}

/// The ids of a page.
pub(crate) fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}
