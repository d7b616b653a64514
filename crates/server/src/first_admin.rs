//! The first admin of an organization: made by an operator at the machine, who has the catalog anyway.

use trailbook_event::limits::NEW_PASSWORD_HOURS_MAX;
use trailbook_store::members::{ADMIN, InvitationKind, Member, NewInvitation, NewMember};
use trailbook_store::{Catalog, Organization};

use crate::Error;
use crate::mail::check_email;
use crate::password::{COST, Hasher, Password, Person};
use crate::sign_in::link_secret;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Whether an organization has somebody who can sign in and holds the role Admin.
pub async fn has_admin(catalog: &Catalog, organization: &Organization) -> Result<bool, Error> {
    let credentials = catalog.credentials().await?;
    let directory = credentials.directory();
    let is_admin = |member: &Member| {
        let roles = directory.roles_of(member.id);
        !member.is_suspended && roles.iter().any(|role| role.is_built_in && role.handle == ADMIN)
    };
    Ok(directory.members(organization).iter().any(|member| is_admin(member)))
}

/// The path of a link that makes whoever opens it first an admin of an organization, within a day. It takes the place
/// of one that was made before.
pub async fn link_path(catalog: &Catalog, organization: &Organization) -> Result<String, Error> {
    let token = link_secret()?;
    let new = NewInvitation {
        kind: InvitationKind::FirstAdmin,
        token: token.clone(),
        email: None,
        member: None,
        roles: vec![ADMIN.to_owned()],
        groups: Vec::new(),
        invited_by: "an operator of this server".to_owned(),
        lasts_ms: NEW_PASSWORD_HOURS_MAX * HOUR_MS,
    };
    catalog.create_invitation(organization, &new).await?;
    Ok(format!("/invitations/{token}"))
}

/// Makes an admin with a password. The error says what is wrong with e-mail address, name or password.
pub async fn create(
    catalog: &Catalog,
    organization: &Organization,
    (email, name): (&str, &str),
    password: String,
) -> Result<(), Error> {
    let email = check_email(email).map_err(Error::Setting)?.to_lowercase();
    let person = Person { email: &email, name, organization: organization.name() };
    let hasher = Hasher::new(COST).map_err(|error| Error::Setting(error.to_string()))?;
    let hash = hasher.hash_new(&Password::new(password), &person).await;
    let hash = hash.map_err(|error| Error::Setting(format!("the password: {error}")))?;
    let credentials = catalog.credentials().await?;
    let roles = credentials.directory().role(organization, ADMIN).map(|role| role.id).into_iter().collect();
    let (name, password) = (name.to_owned(), Some(hash));
    let new = NewMember { email, name, password, provided: None, roles, groups: Vec::new() };
    catalog.create_member(organization, &new).await?;
    Ok(())
}
