//! A caller whose credential is known, with what they may do.

use std::sync::Arc;

use trailbook_event::{Actor, ActorType};
use trailbook_store::credential::{Kind, Permission};
use trailbook_store::members::{Member, Session};
use trailbook_store::{Credential, CredentialId, Organization};

use super::rights::{Rights, Sight};
use crate::asker::Asker;

/// A caller whose credential is known.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    credential: Arc<Credential>,
    rights: Arc<Rights>,
    member: Option<Arc<Member>>,
    session: Option<Arc<Session>>,
    /// Whom the issuer of a JWT says that it is about.
    subject: Option<Arc<str>>,
    /// What it asked with; nothing for one that acts through a link or a job.
    asker: Option<Arc<Asker>>,
}

impl Caller {
    pub(super) fn new(credential: Arc<Credential>, rights: Arc<Rights>, member: Option<Arc<Member>>) -> Self {
        Self { credential, rights, member, session: None, subject: None, asker: None }
    }

    pub(crate) fn asking(self, asker: &Arc<Asker>) -> Self {
        Self { asker: Some(Arc::clone(asker)), ..self }
    }

    /// It without what it asked with, for what that keeps itself.
    pub(crate) fn without_asker(self) -> Self {
        Self { asker: None, ..self }
    }

    pub(super) fn in_session(self, session: Session) -> Self {
        Self { session: Some(Arc::new(session)), ..self }
    }

    pub(super) fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// It as one that may read all events: a dialect has found that its token's restrictions say so.
    pub(super) fn reading_all(self) -> Self {
        Self { rights: Arc::new(Rights::of_scopes(&[Permission::EventsRead])), ..self }
    }

    /// The organization that it acts for.
    pub(crate) fn organization(&self) -> &Organization {
        self.credential.organization()
    }

    /// Its credential.
    pub(crate) fn own(&self) -> &Credential {
        &self.credential
    }

    /// Which credential it has.
    pub(crate) fn credential(&self) -> CredentialId {
        self.credential.id()
    }

    /// What it may do.
    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Whether it has a permission.
    pub(crate) fn has(&self, permission: Permission) -> bool {
        self.rights.has(permission)
    }

    /// The events that it may take out.
    pub(crate) fn exports_sight(&self) -> Sight {
        self.rights.sight(Permission::Exports).cloned().unwrap_or(Sight::NOTHING)
    }

    /// The member that it is, or whose token it has.
    pub(crate) fn member(&self) -> Option<&Arc<Member>> {
        self.member.as_ref()
    }

    /// The session that it has signed in to.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    /// The request that it made.
    pub(crate) fn asker(&self) -> Option<&Arc<Asker>> {
        self.asker.as_ref()
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        match (&self.subject, &self.member) {
            (Some(subject), _) => subject,
            (None, Some(member)) => &member.email,
            (None, None) => self.credential.name(),
        }
    }

    /// It as the actor of an event.
    pub(crate) fn actor(&self) -> Actor<'_> {
        let member = self.member.as_deref();
        Actor {
            kind: if member.is_some() { ActorType::User } else { ActorType::Service },
            id: Some(self.name().into()),
            name: member.map(|member| member.name.as_str().into()),
            email: member.map(|member| member.email.as_str().into()),
            groups: Vec::new(),
        }
    }

    /// What it acts with, where that is not itself: the name of a member's token, or of an issuer's entry.
    pub(crate) fn instrument(&self) -> Option<&str> {
        match self.credential.kind() {
            Kind::Personal(_) | Kind::Issuer => Some(self.credential.name()),
            Kind::Token | Kind::Member(_) => None,
        }
    }
}
