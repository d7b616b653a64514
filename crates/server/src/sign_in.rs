//! Signing in: with a password, or through an OpenID provider. Either ends in a session.
//!
//! Whoever does not get in learns nothing of why: an organization, an account or a password that is wrong gives one
//! answer, after the same work. What happened stands in the log, before there is a session.

use std::sync::Arc;

use trailbook_event::{Outcome, Severity};
use trailbook_store::credential::new_token;
use trailbook_store::members::{MEMBER, Member, MemberChange, NewMember, Provided, SignInMethod};
use trailbook_store::{Error, Organization};

use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;
use crate::auth::session::{Begun, cookie};
use crate::mail::check_email;
use crate::oidc::{Identity, Provider};
use crate::own::{self, By, Deed, target, text};
use crate::password::{Hasher, Password, PasswordError};
use crate::throttle::device::DeviceKey;
use crate::throttle::{Attempt, Throttle};

/// What signing in needs.
pub(crate) struct SignIn {
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    pub(crate) devices: DeviceKey,
    pub(crate) providers: Vec<Provider>,
}

/// What somebody typed.
pub(crate) struct Typed<'a> {
    pub(crate) organization: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password: Password,
}

/// Somebody who got in.
pub(crate) struct SignedIn {
    pub(crate) begun: Begun,
    /// The cookies that their browser is to keep.
    pub(crate) cookies: Vec<String>,
}

/// Why somebody does not get in.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Organization, e-mail address or password are wrong: which of them is not said.
    Wrong,
    /// It was tried too often; after so many seconds it may be again.
    Throttled(u32),
    /// The organization wants everybody to come through its provider.
    ProviderOnly,
    /// They are not a member, and do not become one.
    NoMember,
    /// So many passwords wait already that this one is not taken.
    Busy,
    /// The store failed.
    Store(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Store(error)
    }
}

const LOGIN: &str = "user.login";
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The name of the cookie by which a browser is known that signed in before.
fn device_cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-trailbook-device" } else { "trailbook-device" }
}

/// Signs somebody in with a password.
pub(crate) async fn with_password(app: &App, asker: &Arc<Asker>, typed: Typed<'_>) -> Result<SignedIn, Refused> {
    let catalog = app.store.catalog();
    let organization = catalog.organizations().await?.into_iter().find(|one| one.name() == typed.organization);
    if organization.as_ref().is_some_and(|own| app.sign_in.demands_provider(own)) {
        return Err(Refused::ProviderOnly);
    }
    let email = check_email(typed.email).map(|email| email.to_lowercase()).unwrap_or_default();
    let found = match &organization {
        Some(organization) => catalog.member_of_email(organization, &email).await?,
        None => None,
    };
    let now_ms = app.clock.now_ms();
    let device = found.as_ref().and_then(|(member, _)| {
        let value = asker.cookie(device_cookie_name(asker.is_https))?;
        app.sign_in.devices.check(value, member.id.number(), now_ms)
    });
    let account = format!("{}\n{email}", typed.organization);
    let attempt = Attempt { account: &account, address: asker.address, device };
    if let Err(wait) = app.sign_in.throttle.ask(&attempt, now_ms) {
        if app.sign_in.throttle.is_first_refusal(&attempt, now_ms) {
            failed(app, asker, (organization.as_ref(), &email), "tried too often").await?;
        }
        return Err(Refused::Throttled(wait.seconds));
    }
    let hash = found.as_ref().filter(|(member, _)| !member.is_suspended).and_then(|(_, hash)| hash.as_deref());
    let is_right = match app.sign_in.hasher.verify(&typed.password, hash).await {
        Ok(is_right) => is_right,
        Err(error) => {
            app.sign_in.throttle.withdrawn(&attempt, now_ms);
            tracing::warn!(%error, "a password could not be compared");
            return Err(Refused::Busy);
        }
    };
    let (Some(organization), Some((member, hash)), true) = (&organization, found, is_right) else {
        app.sign_in.throttle.failed(&attempt, app.clock.now_ms());
        failed(app, asker, (organization.as_ref(), &email), "organization, e-mail address or password are wrong")
            .await?;
        return Err(Refused::Wrong);
    };
    app.sign_in.throttle.succeeded(&attempt, app.clock.now_ms());
    if let Some(hash) = hash.filter(|hash| app.sign_in.hasher.needs_rehash(hash))
        && let Ok(better) = app.sign_in.hasher.hash(&typed.password).await
    {
        catalog.replace_password(member.id, &hash, &better).await?;
    }
    enter(app, asker, (organization, member), SignInMethod::Password).await
}

/// Makes sure that somebody who is signed in knows their password: before they set another.
pub(crate) async fn confirm(app: &App, asker: &Asker, caller: &Caller, password: Password) -> Result<(), Refused> {
    let member = caller.member().ok_or(Refused::Wrong)?;
    let found = app.store.catalog().member_of_email(caller.organization(), &member.email).await?;
    let hash = found.and_then(|(_, hash)| hash);
    let account = format!("{}\n{}", caller.organization().name(), member.email);
    let attempt = Attempt { account: &account, address: asker.address, device: None };
    let now_ms = app.clock.now_ms();
    app.sign_in.throttle.ask(&attempt, now_ms).map_err(|wait| Refused::Throttled(wait.seconds))?;
    match app.sign_in.hasher.verify(&password, hash.as_deref()).await {
        Ok(true) => {
            app.sign_in.throttle.succeeded(&attempt, now_ms);
            Ok(())
        }
        Ok(false) => {
            app.sign_in.throttle.failed(&attempt, app.clock.now_ms());
            let message = format!("{} was to get a new password", member.email);
            let deed = Deed::of(caller, "user.password_changed", "update", message)
                .to(vec![target("user", member.uuid, Some(&member.email))])
                .ended(Outcome::Failed, "the password until now is wrong");
            own::record(app, Deed { severity: Severity::High, ..deed }).await?;
            Err(Refused::Wrong)
        }
        Err(error) => {
            app.sign_in.throttle.withdrawn(&attempt, now_ms);
            Err(error.into())
        }
    }
}

/// Signs somebody in whom a provider vouches for. A member that is not there yet is made.
pub(crate) async fn with_identity(
    app: &App,
    asker: &Arc<Asker>,
    (provider, identity): (&Provider, &Identity),
) -> Result<SignedIn, Refused> {
    let catalog = app.store.catalog();
    let name = &provider.settings().organization;
    let organizations = catalog.organizations().await?;
    let organization = organizations.iter().find(|one| one.name() == *name).ok_or(Refused::NoMember)?;
    let email = identity.email.to_lowercase();
    let provided = Provided { issuer: identity.issuer.clone(), subject: identity.subject.clone() };
    let known = catalog.member_provided(organization, &provided).await?;
    let by_email = catalog.member_of_email(organization, &email).await?.map(|(member, _)| member);
    let member = match (known, by_email) {
        (Some(member), _) => member,
        // Somebody else of this provider had the address before, or another provider says who they are.
        (None, Some(member)) if app.sign_in.is_provided(&member, organization) => {
            failed(app, asker, (Some(organization), &email), "the address is that of another of the provider").await?;
            return Err(Refused::NoMember);
        }
        (None, Some(member)) => {
            let message = format!("{email} is from now on who the provider {} says", provided.issuer);
            let by = By::Stranger { asker, email: Some(&email) };
            let deed = Deed::by(by, "user.updated", "update", message);
            let deed = deed.to(vec![target("user", member.uuid, Some(&member.email))]);
            own::record_in(app, organization, deed).await?;
            let change = MemberChange { provided: Some(provided), ..MemberChange::default() };
            catalog.change_member(organization, member.id, &change).await?;
            member
        }
        (None, None) => join(app, asker, organization, (identity, email, provided)).await?,
    };
    if member.is_suspended {
        failed(app, asker, (Some(organization), &member.email), "the member is suspended").await?;
        return Err(Refused::NoMember);
    }
    app.auth.refresh().await?;
    let current = app.auth.current();
    let handles = provider.groups_of(identity);
    let groups = handles.iter().filter_map(|handle| current.directory().group(organization, handle));
    let groups: Vec<_> = groups.map(|group| group.id).collect();
    match catalog.set_provided_groups(organization, member.id, &groups).await {
        // The last admin stays one, whatever the provider says: nobody else could help them.
        Err(Error::LastAdmin) => tracing::warn!("the last admin keeps groups that their provider does not name"),
        done => done?,
    }
    app.auth.refresh().await?;
    enter(app, asker, (organization, member), SignInMethod::Provider).await
}

/// Makes a member of somebody whom a provider vouches for. They hold the role Member; groups give them more.
async fn join(
    app: &App,
    asker: &Asker,
    organization: &Organization,
    (identity, email, provided): (&Identity, String, Provided),
) -> Result<Member, Refused> {
    let message = format!("{email} became a member through the provider {}", identity.issuer);
    let by = By::Stranger { asker, email: Some(&email) };
    let deed = Deed::by(by, "user.created", "create", message).to(vec![target("user", &email, None)]);
    own::record_in(app, organization, deed).await?;
    let current = app.auth.current();
    let roles = current.directory().role(organization, MEMBER).map(|role| role.id).into_iter().collect();
    let name = identity.name.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| email.clone());
    let new = NewMember { email, name, password: None, provided: Some(provided), roles, groups: Vec::new() };
    Ok(app.store.catalog().create_member(organization, &new).await?)
}

/// Begins the session of somebody who has shown who they are.
pub(crate) async fn enter(
    app: &App,
    asker: &Arc<Asker>,
    (organization, member): (&Organization, Member),
    method: SignInMethod,
) -> Result<SignedIn, Refused> {
    let by = By::Stranger { asker, email: Some(&member.email) };
    let deed = Deed::by(by, LOGIN, "login", format!("{} signed in", member.email))
        .to(vec![target("user", member.uuid, Some(&member.email))])
        .with(vec![("method".into(), text(method.name()))]);
    own::record_in(app, organization, deed).await?;
    let begun = app.auth.begin_session(asker, &member, method).await?;
    let now_ms = app.clock.now_ms();
    app.store.catalog().note_sign_in(member.id, now_ms).await?;
    let mut cookies = vec![app.auth.session_cookie(asker, Some(&begun.token))];
    if let Some(device) = app.sign_in.devices.issue(member.id.number(), now_ms) {
        let age = trailbook_event::limits::DEVICE_DAYS_MAX * DAY_SECONDS;
        cookies.push(cookie(device_cookie_name(asker.is_https), Some(&device), age, asker.is_https));
    }
    Ok(SignedIn { begun, cookies })
}

/// Records that somebody did not get in: in the organization that they named, or in the server's own if there is none.
async fn failed(
    app: &App,
    asker: &Asker,
    (organization, email): (Option<&Organization>, &str),
    reason: &str,
) -> Result<(), Error> {
    let email = Some(email).filter(|email| !email.is_empty());
    let by = By::Stranger { asker, email };
    let deed = Deed::by(by, LOGIN, "login", "A sign-in failed".to_owned()).ended(Outcome::Failed, reason);
    let deed = Deed { severity: Severity::High, ..deed };
    own::record_in(app, organization.unwrap_or(&app.system), deed).await
}

/// Records that a provider let nobody in, in the organization whose provider it is.
pub(crate) async fn note_refusal(
    app: &App,
    asker: &Arc<Asker>,
    provider: &Provider,
    reason: &str,
) -> Result<(), Error> {
    // Anybody can bring these about: many of a kind from one address are counted, not
    // recorded one by one.
    let account = format!("provider\n{}\n{reason}", provider.settings().name);
    let attempt = Attempt { account: &account, address: asker.address, device: None };
    let now_ms = app.clock.now_ms();
    if app.sign_in.throttle.ask(&attempt, now_ms).is_err() {
        app.ledger.stranger(asker, "sign-ins through a provider were refused", now_ms);
        return Ok(());
    }
    let organization = &provider.settings().organization;
    let known = app.store.catalog().organizations().await?;
    let known = known.iter().find(|one| one.name() == organization);
    failed(app, asker, (known, ""), reason).await
}

impl SignIn {
    /// The provider of this name.
    pub(crate) fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.settings().name == name)
    }

    /// The providers of an organization.
    pub(crate) fn providers_of<'a>(&'a self, organization: &'a str) -> impl Iterator<Item = &'a Provider> {
        self.providers.iter().filter(move |provider| provider.settings().organization == organization)
    }

    /// Whether a member is who a provider of the organization says, one that is in use still.
    fn is_provided(&self, member: &Member, organization: &Organization) -> bool {
        let issuer = member.provided.as_ref().map(|provided| &provided.issuer);
        self.providers_of(organization.name()).any(|provider| Some(&provider.settings().issuer) == issuer)
    }

    /// Whether members of an organization can sign in through its provider only.
    pub(crate) fn demands_provider(&self, organization: &Organization) -> bool {
        self.is_provider_only(organization.name())
    }

    /// The same of an organization that is named, whether there is one or not.
    pub(crate) fn is_provider_only(&self, organization: &str) -> bool {
        self.providers_of(organization).any(|provider| provider.settings().required)
    }
}

/// A secret for a link.
pub(crate) fn link_secret() -> Result<String, Error> {
    new_token().map(|token| token.trim_start_matches("tb_").to_owned())
}

impl From<PasswordError> for Refused {
    fn from(error: PasswordError) -> Self {
        tracing::warn!(%error, "a password could not be hashed");
        Refused::Busy
    }
}
