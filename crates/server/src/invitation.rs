//! Accepting an invitation: whoever has its link becomes a member, chooses a new password, or is signed in.
//!
//! The link alone lets them do so, once and as long as the invitation is open. What they give is judged before anything
//! is recorded, and it is recorded before it is done. An organization that lets members in through its provider only
//! takes no password: who is invited there becomes a member, and then signs in through the provider.
//!
//! A link that is unknown, used, revoked or too old is one and the same to whoever has it: gone. Who tries many of them
//! waits, by their address.

use trailbook_event::Outcome;
use trailbook_store::members::{Invitation, InvitationKind, Member, NewMember, check_person_name};
use trailbook_store::{Error, Organization};

use crate::app::App;
use crate::asker::Asker;
use crate::mail::check_email;
use crate::own::{self, By, Deed, target, text, texts};
use crate::password::{Password, PasswordError, Person};
use crate::throttle::Attempt;

/// An invitation that can be accepted now.
pub(crate) struct Open {
    pub(crate) invitation: Invitation,
    pub(crate) organization: Organization,
    /// The member whose password it is about, or whom it signs in.
    pub(crate) member: Option<Member>,
}

/// What somebody gives who accepts an invitation.
pub(crate) struct Given<'a> {
    /// Their address, which is asked for where the invitation does not say it.
    pub(crate) email: Option<&'a str>,
    /// Their name, which is asked for unless they are a member already.
    pub(crate) name: Option<&'a str>,
    /// Their password, which is asked for where the organization takes passwords.
    pub(crate) password: Option<Password>,
    /// Whether they are signed in at once, without which a link that does nothing else is left alone.
    pub(crate) enters: bool,
}

/// Why an invitation is not accepted; texts are for the person.
#[derive(Debug)]
pub(crate) enum Refused {
    /// There is none of this link that is open.
    Gone,
    /// The address is none.
    Email(String),
    /// The name is none.
    Name(String),
    /// The password is no good.
    Password(String),
    /// The organization has a member with this address already.
    Taken,
    /// Too many links were tried; after so many seconds one may be again.
    Throttled(u32),
    /// So many passwords wait already that this one is not taken.
    Busy,
    /// The store failed.
    Store(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken(_) => Refused::Taken,
            error => Refused::Store(error),
        }
    }
}

impl From<PasswordError> for Refused {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Weak(weak) => Refused::Password(weak.to_string()),
            error => {
                tracing::warn!(%error, "a password could not be hashed");
                Refused::Busy
            }
        }
    }
}

impl Open {
    /// Whether a name is to be given.
    pub(crate) fn asks_name(&self) -> bool {
        self.member.is_none()
    }

    /// Whether an address is to be given.
    pub(crate) fn asks_email(&self) -> bool {
        self.email().is_none()
    }

    /// Whether a password is to be given.
    pub(crate) fn asks_password(&self, app: &App) -> bool {
        !self.only_signs_in() && !app.sign_in.demands_provider(&self.organization)
    }

    /// Whether it signs a member in and changes nothing.
    pub(crate) fn only_signs_in(&self) -> bool {
        self.invitation.kind == InvitationKind::SignIn
    }

    /// Whose it is, where it says so.
    pub(crate) fn email(&self) -> Option<&str> {
        self.member.as_ref().map(|member| member.email.as_str()).or(self.invitation.email.as_deref())
    }
}

/// The invitation of a link, if it can be accepted now.
pub(crate) async fn open(app: &App, secret: &str) -> Result<Option<Open>, Error> {
    let Some((invitation, organization)) = app.store.catalog().invitation_of(secret).await? else { return Ok(None) };
    if !invitation.is_open(app.clock.now_ms()) {
        return Ok(None);
    }
    let open = Open { invitation, organization, member: None };
    let Some(id) = open.invitation.member else {
        // A new password is a member's, and so is a session.
        let needs_member = matches!(open.invitation.kind, InvitationKind::NewPassword | InvitationKind::SignIn);
        return Ok(Some(open).filter(|_| !needs_member));
    };
    app.auth.refresh().await?;
    let current = app.auth.current();
    let member = current.directory().member(id).filter(|member| !member.is_suspended);
    let member = member.filter(|_| !app.sign_in.demands_provider(&open.organization));
    Ok(member.map(|member| Open { member: Some(Member::clone(member)), ..open }))
}

/// Accepts the invitation of a link: the organization, and the member who can sign in to it now.
pub(crate) async fn accept(
    app: &App,
    asker: &Asker,
    secret: &str,
    given: Given<'_>,
) -> Result<(Organization, Member), Refused> {
    let open = tried(app, asker, secret).await?;
    if open.only_signs_in() && !given.enters {
        return Err(Refused::Gone);
    }
    let new = match judged(app, &open, given).await {
        // Who was faster may have come by the same link.
        Err(Refused::Taken) if self::open(app, secret).await?.is_none() => return Err(Refused::Gone),
        judged => judged?,
    };
    let email = new.email.clone();
    own::record_in(app, &open.organization, deed(&open, asker, &email)).await?;
    let accepted = (&open.invitation, &open.organization);
    let refused = match app.store.catalog().accept_invitation(accepted, secret, new).await {
        Ok(Some(member)) => {
            app.auth.refresh().await?;
            return Ok((open.organization, member));
        }
        Ok(None) => Refused::Gone,
        Err(error) => error.into(),
    };
    let undone = deed(&open, asker, &email);
    let undone = Deed { message: format!("It did not come to pass: {}", undone.message), ..undone };
    let undone = undone.ended(Outcome::Failed, "the invitation was accepted or revoked meanwhile, or the store failed");
    own::record_in(app, &open.organization, undone).await?;
    Err(refused)
}

/// The invitation of a link. Links that are none count as failures of the address that tries them.
async fn tried(app: &App, asker: &Asker, secret: &str) -> Result<Open, Refused> {
    // Each address is an account of its own here, so that nobody makes others wait.
    let account = format!("invitation\n{}", asker.address);
    let attempt = Attempt { account: &account, address: asker.address, device: None };
    let throttle = &app.sign_in.throttle;
    throttle.ask(&attempt, app.clock.now_ms()).map_err(|wait| Refused::Throttled(wait.seconds))?;
    let found = open(app, secret).await;
    match &found {
        Ok(None) => throttle.failed(&attempt, app.clock.now_ms()),
        Ok(Some(_)) | Err(_) => throttle.withdrawn(&attempt, app.clock.now_ms()),
    }
    found?.ok_or(Refused::Gone)
}

/// What was given, as a member is made of it.
async fn judged(app: &App, open: &Open, given: Given<'_>) -> Result<NewMember, Refused> {
    let email = email(open, given.email)?;
    let name = match &open.member {
        Some(member) => member.name.clone(),
        None => given.name.ok_or_else(|| Refused::Name("a name is needed".to_owned()))?.trim().to_owned(),
    };
    check_person_name("member", &name).map_err(|error| Refused::Name(error.to_string()))?;
    let catalog = app.store.catalog();
    if open.member.is_none() && catalog.member_of_email(&open.organization, &email).await?.is_some() {
        return Err(Refused::Taken);
    }
    let person = Person { email: &email, name: &name, organization: open.organization.name() };
    let password = match given.password {
        _ if !open.asks_password(app) => None,
        Some(password) => Some(app.sign_in.hasher.hash_new(&password, &person).await?),
        None => return Err(Refused::Password("a password is needed".to_owned())),
    };
    Ok(NewMember { email, name, password, provided: None, roles: Vec::new(), groups: Vec::new() })
}

/// The address that the invitation says, or the one that was given.
fn email(open: &Open, given: Option<&str>) -> Result<String, Refused> {
    let given =
        given.filter(|email| !email.is_empty()).map(|email| check_email(email).map(|email| email.to_lowercase()));
    match (open.email(), given.transpose().map_err(Refused::Email)?) {
        (Some(email), Some(given)) if email != given => {
            Err(Refused::Email("the invitation is for another e-mail address".to_owned()))
        }
        (Some(email), _) => Ok(email.to_owned()),
        (None, Some(given)) => Ok(given),
        (None, None) => Err(Refused::Email("an e-mail address is needed".to_owned())),
    }
}

fn deed<'a>(open: &'a Open, asker: &'a Asker, email: &'a str) -> Deed<'a> {
    let id = open.invitation.id;
    let by = By::Stranger { asker, email: Some(email) };
    if let Some(member) = open.member.as_ref().filter(|_| !open.only_signs_in()) {
        let message = format!("{email} chose a new password with a link");
        return Deed::by(by, "user.password_changed", "update", message)
            .to(vec![target("user", member.uuid, Some(email)), target("invitation", id, None)]);
    }
    let given = &open.invitation;
    Deed::by(by, "user.invite.accepted", "create", format!("{email} accepted an invitation"))
        .to(vec![target("user", email, None), target("invitation", id, None)])
        .with(vec![
            ("kind".into(), text(given.kind.name())),
            ("invited_by".into(), text(given.invited_by.as_str())),
            ("roles".into(), texts(given.roles.iter().map(String::as_str))),
            ("groups".into(), texts(given.groups.iter().map(String::as_str))),
        ])
}
