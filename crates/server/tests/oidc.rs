//! Sign-in through OpenID Connect, with the certified npm `oidc-provider`, and with a provider that lies.

pub(crate) mod hostile;
mod lies;
mod members;
pub(crate) mod provider;

use std::net::Ipv4Addr;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::Instant;
use trailbook_event::limits::{ISSUER_SECONDS_MAX, SIGN_IN_CODE_BYTES_MAX};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::members::{Member, Provided};

use crate::browser::{Browser, notice};
use crate::harness::{Answer, PUBLIC_URL, Server, escaped, run};
use hostile::Hostile;
use provider::{PUBLIC, RealProvider, client_of, setting};

const ALL_SCOPES: &str = r#"scopes = ["openid", "email", "profile", "groups"]"#;
const GROUPS: &str = r#"
    scopes = ["openid", "email", "profile", "groups"]
    groups = { auditors = "reviewers", admins = "admins" }
    default_groups = ["members"]
"#;

/// A server with these providers.
pub(crate) async fn serve(providers: &str) -> Server {
    Server::with(&format!("public_url = {PUBLIC_URL:?}\n{providers}")).await
}

/// A member of the first organization, and the handles of their groups.
async fn member(server: &Server, email: &str) -> (Member, Vec<String>) {
    let catalog = server.catalog().await;
    let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
    let (member, _) = catalog.member_of_email(&organization, email).await.unwrap().expect("there is such a member");
    let credentials = catalog.credentials().await.unwrap();
    let groups = credentials.directory().groups_of(member.id);
    (member, groups.iter().map(|group| group.handle.clone()).collect())
}

async fn create_groups(server: &Server, handles: &[&str]) {
    let catalog = server.catalog().await;
    let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
    for handle in handles {
        catalog.create_group(&organization, handle, (handle, "")).await.unwrap();
    }
}

/// Nobody was signed in: the status, a sentence for people without internals, and the reason in the log.
#[track_caller]
fn assert_refused(answer: &Answer, reason: &str, (status, expected): (u16, &str)) {
    assert!(reason.contains(expected), "{reason:?} should say {expected:?}");
    assert_eq!(answer.status, status, "{}", answer.text());
    let text = notice(answer);
    assert!(text.ends_with('.') && !text.contains(expected), "{text}");
    for internal in ["http", "token", "nonce", "code", "claim", "issuer"] {
        assert!(!text.contains(internal), "{text}");
    }
}

async fn refused(server: &Server, answer: &Answer, status: u16, reason: &str) {
    assert_refused(answer, &server.reason().await, (status, reason));
}

#[test]
fn somebody_signs_in() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", GROUPS)).await;
        create_groups(&server, &["reviewers", "admins", "members"]).await;
        let mut browser = Browser::of(&server);
        let answer = browser.sign_in("acme", "jane").await;
        assert_eq!((answer.status, answer.header("location")), (302, "/events?q=1"), "{}", answer.text());
        let (jane, groups) = member(&server, "jane@acme.example").await;
        let provided = Provided { issuer: provider.issuer.clone(), subject: "jane".to_owned() };
        assert_eq!((jane.provided, jane.name.as_str(), jane.has_password), (Some(provided), "A Person", false));
        assert_eq!(groups, ["reviewers"]);
        let home = browser.visit(&format!("{PUBLIC_URL}/account")).await;
        assert!(home.status == 200 && home.text().contains("jane@acme.example"), "{}", home.text());
        assert_eq!(Browser::of(&server).sign_in("acme", "joe").await.status, 302);
        assert_eq!(member(&server, "joe@acme.example").await.1, ["members"]);
    });
}

#[test]
fn the_provider_is_asked_for_a_code_with_pkce_and_the_cookie_is_kept_from_scripts() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        let answer = Browser::of(&server).visit(&format!("{PUBLIC_URL}/sign-in/acme")).await;
        let to = reqwest::Url::parse(answer.header("location")).unwrap();
        let value = |wanted: &str| to.query_pairs().find(|(name, _)| name == wanted).unwrap().1.into_owned();
        assert_eq!(value("response_type"), "code");
        assert_eq!(value("response_mode"), "query");
        assert_eq!(value("code_challenge_method"), "S256");
        assert_eq!(value("redirect_uri"), format!("{PUBLIC_URL}/sign-in/acme/callback"));
        assert_eq!(value("scope"), "openid email profile");
        for random in ["state", "nonce", "code_challenge"] {
            assert_eq!(value(random).len(), 43, "{random} is of 32 bytes");
        }
        let cookie = answer.header("set-cookie");
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/sign-in/acme", "Max-Age=600"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        for secret in [value("state"), value("nonce")] {
            assert!(!cookie.contains(&secret), "the cookie is encrypted: {cookie}");
        }
    });
}

#[test]
fn every_algorithm_that_is_taken_signs_in_and_no_other() {
    run(async {
        let taken = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"];
        let name = |algorithm: &str| algorithm.to_lowercase();
        let all = [&taken[..], &["ES512", "HS256"]].concat();
        let client = |one: &&str| client_of(&name(one), json!({ "id_token_signed_response_alg": one }));
        let provider = RealProvider::with(all.iter().map(client).collect(), true);
        let settings: String = all.iter().map(|one| provider.setting(&name(one), "")).collect();
        let server = serve(&settings).await;
        for algorithm in taken {
            let answer = Browser::of(&server).sign_in(&name(algorithm), "jane").await;
            assert_eq!(answer.status, 302, "{algorithm}: {} {}", answer.text(), server.reason().await);
        }
        for algorithm in ["ES512", "HS256"] {
            let answer = Browser::of(&server).sign_in(&name(algorithm), "jane").await;
            refused(&server, &answer, 400, "which is not taken").await;
        }
    });
}

#[test]
fn a_client_proves_who_it_is_as_the_provider_wants_it() {
    run(async {
        let public = json!({ "token_endpoint_auth_method": "none", "client_secret": null });
        let clients = vec![client_of("basic", json!({})), client_of("public", public)];
        let provider = RealProvider::with(clients, true);
        let settings = [provider.setting("basic", ""), provider.setting("public", PUBLIC)].concat();
        let server = serve(&settings).await;
        for name in ["basic", "public"] {
            let answer = Browser::of(&server).sign_in(name, "jane").await;
            assert_eq!(answer.status, 302, "{name}: {} {}", answer.text(), server.reason().await);
        }
        let wrong = provider.setting("basic", "client_secret = 'another'");
        let server = serve(&wrong).await;
        let answer = Browser::of(&server).sign_in("basic", "jane").await;
        refused(&server, &answer, 400, "invalid_client").await;
    });
}

#[test]
fn userinfo_is_asked_where_the_id_token_says_too_little() {
    run(async {
        let provider = RealProvider::with(vec![client_of("acme", json!({}))], false);
        let server = serve(&provider.setting("acme", GROUPS)).await;
        create_groups(&server, &["reviewers"]).await;
        assert_eq!(Browser::of(&server).sign_in("acme", "jane").await.status, 302);
        let (jane, groups) = member(&server, "jane@acme.example").await;
        assert_eq!((jane.name.as_str(), groups), ("A Person", vec!["reviewers".to_owned()]));
    });
}

#[test]
fn an_address_is_verified_and_of_an_allowed_domain() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "allowed_domains = ['ACME.example']")).await;
        assert_eq!(Browser::of(&server).sign_in("acme", "jane").await.status, 302);
        for (login, reason) in [("mallory", "verified"), ("nobody", "no address"), ("eve", "allowed_domains")] {
            let answer = Browser::of(&server).sign_in("acme", login).await;
            let logged = server.reason().await;
            assert!(logged.contains(reason), "{login}: {logged}");
            assert_eq!(answer.status, 403, "{login}: {}", answer.text());
        }
        let server = serve(&provider.setting("acme", "trust_email = true")).await;
        assert_eq!(Browser::of(&server).sign_in("acme", "mallory").await.status, 302);
        let (member, _) = member(&server, "jane@acme.example").await;
        assert_eq!(member.provided.map(|provided| provided.subject).as_deref(), Some("mallory"));
    });
}

#[test]
fn who_turns_round_is_not_signed_in() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        let mut browser = Browser::of(&server);
        let there = browser.begin("acme").await;
        let back = browser.abort_there(there).await;
        let answer = browser.visit(back.as_str()).await;
        refused(&server, &answer, 403, "access_denied").await;
    });
}

#[test]
fn a_way_back_is_gone_once() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        let mut browser = Browser::of(&server);
        let there = browser.begin("acme").await;
        let back = browser.sign_in_there(there, "jane").await;
        let mut copy = Browser::of(&server);
        copy.steal_cookies(&browser);
        assert_eq!(browser.visit(back.as_str()).await.status, 302);
        let again = browser.visit(back.as_str()).await;
        refused(&server, &again, 400, "no sign-in under way").await;
        // Nor for whoever has kept the cookie.
        let again = copy.visit(back.as_str()).await;
        refused(&server, &again, 400, "done before").await;
    });
}

#[test]
fn a_code_that_was_used_is_refused_by_the_provider() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        let mut browser = Browser::of(&server);
        let there = browser.begin("acme").await;
        let used = browser.sign_in_there(there, "jane").await;
        assert_eq!(browser.visit(used.as_str()).await.status, 302);
        let there = browser.begin("acme").await;
        let replayed = with(&used, "state", &value(&there, "state"));
        let answer = browser.visit(replayed.as_str()).await;
        refused(&server, &answer, 400, "invalid_grant").await;
    });
}

#[test]
fn a_code_of_another_sign_in_fails_for_its_verifier() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        let (mut own, mut of_attacker) = (Browser::of(&server), Browser::of(&server));
        let there = of_attacker.begin("acme").await;
        let stolen = of_attacker.sign_in_there(there, "eve").await;
        let there = own.begin("acme").await;
        let injected = with(&stolen, "state", &value(&there, "state"));
        let answer = own.visit(injected.as_str()).await;
        refused(&server, &answer, 400, "invalid_grant").await;
    });
}

#[test]
fn the_state_of_another_browser_is_refused() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        let (mut own, mut of_attacker) = (Browser::of(&server), Browser::of(&server));
        let there = of_attacker.begin("acme").await;
        let back = of_attacker.sign_in_there(there, "eve").await;
        // One that never began, and one that has a sign-in of its own under way.
        let answer = own.visit(back.as_str()).await;
        refused(&server, &answer, 400, "no sign-in under way").await;
        own.begin("acme").await;
        let answer = own.visit(back.as_str()).await;
        refused(&server, &answer, 400, "not that of the browser").await;
        // Neither spent it.
        assert_eq!(of_attacker.visit(back.as_str()).await.status, 302);
    });
}

#[test]
fn answers_of_one_provider_are_not_taken_for_those_of_another() {
    run(async {
        let (first, second) = (RealProvider::start(&["first"]), RealProvider::start(&["second"]));
        let server = serve(&[first.setting("first", ""), second.setting("second", "")].concat()).await;
        // The answer of the second, given to a sign-in at the first: as it is, unnamed, and under a false name.
        for (issuer, reason) in [(second.issuer.as_str(), "of another issuer"), ("", "does not name its issuer")] {
            let mut browser = Browser::of(&server);
            let there = browser.begin("second").await;
            let of_second = browser.sign_in_there(there, "jane").await;
            let there = browser.begin("first").await;
            let mixed = with(&with(&of_second, "state", &value(&there, "state")), "iss", issuer);
            let mixed = mixed.as_str().replace("/sign-in/second/", "/sign-in/first/");
            let answer = browser.visit(&mixed).await;
            refused(&server, &answer, 400, reason).await;
        }
        // A sign-in that was begun at the first cannot be finished at the second.
        let (mut browser, mut other) = (Browser::of(&server), Browser::of(&server));
        let there = browser.begin("first").await;
        let back = browser.sign_in_there(there, "jane").await;
        other.steal_cookies(&browser);
        let answer = other.visit(&back.as_str().replace("/sign-in/first/", "/sign-in/second/")).await;
        refused(&server, &answer, 400, "not of this server and provider").await;
        assert_eq!(browser.visit(back.as_str()).await.status, 302, "and is good where it was begun");
    });
}

#[test]
fn a_code_of_an_honest_provider_is_not_brought_to_one_that_lies() {
    run(async {
        // The attacker's provider sends people to the honest one, and would be given the code that comes of it.
        let honest = RealProvider::start(&["hostile"]);
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        let mut browser = Browser::of(&server);
        let there = browser.begin("hostile").await;
        let honest_there =
            there.as_str().replace(&format!("{}/authorize", hostile.issuer), &format!("{}/auth", honest.issuer));
        let back = browser.sign_in_there(honest_there.parse().unwrap(), "jane").await;
        assert_eq!(value(&back, "iss"), honest.issuer);
        let answer = browser.visit(back.as_str()).await;
        refused(&server, &answer, 400, "of another issuer").await;
        assert_eq!(hostile.codes_seen(), 0);
    });
}

#[test]
fn new_keys_of_the_provider_are_found_while_the_server_runs() {
    run(async {
        let mut provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        assert_eq!(Browser::of(&server).sign_in("acme", "jane").await.status, 302);
        provider.rotate();
        let answer = Browser::of(&server).sign_in("acme", "jane").await;
        assert_eq!(answer.status, 302, "{} {}", answer.text(), server.reason().await);
    });
}

#[test]
fn a_provider_that_cannot_be_reached_gives_503() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let settings = provider.setting("acme", "");
        drop(provider);
        let server = serve(&settings).await;
        let answer = Browser::of(&server).visit(&format!("{PUBLIC_URL}/sign-in/acme")).await;
        refused(&server, &answer, 503, "openid-configuration: it cannot be reached").await;
    });
}

#[test]
fn a_provider_that_never_answers_is_given_up() {
    run(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let server = serve(&setting("silent", &issuer, "")).await;
        let begun = Instant::now();
        let (mut one, mut other) = (Browser::of(&server), Browser::of(&server));
        let url = format!("{PUBLIC_URL}/sign-in/silent");
        let (answer, second) = tokio::join!(one.visit(&url), other.visit(&url));
        refused(&server, &answer, 503, "openid-configuration: it cannot be reached").await;
        assert_eq!(second.status, 503);
        let seconds = begun.elapsed().as_secs();
        assert!(
            (ISSUER_SECONDS_MAX..2 * ISSUER_SECONDS_MAX).contains(&seconds),
            "it had time, once: {seconds} seconds"
        );
        // Nobody else waits for it then.
        let begun = Instant::now();
        assert_eq!(Browser::of(&server).visit(&url).await.status, 503);
        assert!(begun.elapsed().as_secs() < ISSUER_SECONDS_MAX);
    });
}

#[test]
fn a_code_has_a_limit() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", "")).await;
        // What the provider does not know is its to refuse; what is too long is not brought to it.
        for (bytes, reason) in [(SIGN_IN_CODE_BYTES_MAX, "invalid_grant"), (SIGN_IN_CODE_BYTES_MAX + 1, "has no code")]
        {
            let mut browser = Browser::of(&server);
            let state = value(&browser.begin("acme").await, "state");
            let issuer = escaped(&provider.issuer);
            let code = "c".repeat(bytes);
            let back = format!("{PUBLIC_URL}/sign-in/acme/callback?code={code}&state={state}&iss={issuer}");
            let answer = browser.visit(&back).await;
            refused(&server, &answer, 400, reason).await;
        }
    });
}

#[test]
fn people_are_led_back_to_this_server_only() {
    run(async {
        let provider = RealProvider::start(&["acme"]);
        let server = serve(&provider.setting("acme", ALL_SCOPES)).await;
        let elsewhere = [
            "https%3A%2F%2Fevil.example",
            "%2F%2Fevil.example",
            "%2F%5Cevil.example",
            "%2F%09%2Fevil.example",
            "evil",
            "",
            "%2Fa%0D%0ASet-Cookie%3A%20a",
            "%20%2F%2Fevil.example",
        ];
        for to in elsewhere {
            let answer = Browser::of(&server).visit(&format!("{PUBLIC_URL}/sign-in/acme?return_to={to}")).await;
            refused(&server, &answer, 400, "none of this server").await;
        }
    });
}

/// The value of a parameter.
fn value(url: &reqwest::Url, name: &str) -> String {
    url.query_pairs().find(|(one, _)| one == name).unwrap().1.into_owned()
}

/// A URL with another value of a parameter, or without it where that is empty.
fn with(url: &reqwest::Url, name: &str, value: &str) -> reqwest::Url {
    let kept: Vec<_> = url.query_pairs().into_owned().filter(|(one, _)| one != name).collect();
    let mut changed = url.clone();
    changed.query_pairs_mut().clear().extend_pairs(kept);
    if !value.is_empty() {
        changed.query_pairs_mut().append_pair(name, value);
    }
    changed
}
