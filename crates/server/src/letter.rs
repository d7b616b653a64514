//! Invitations on their way: links that are mailed, or shown where there is no mail server.

use std::sync::Arc;
use std::time::Duration;

use trailbook_event::Uuid;
use trailbook_event::limits::{INVITATION_DAYS_MAX, NEW_PASSWORD_HOURS_MAX};
use trailbook_store::members::{Invitation, InvitationKind};

use crate::app::App;
use crate::auth::Caller;
use crate::mail::{self, Mailer, Purpose};

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// What is said where passwords are not taken.
pub(crate) const PROVIDER_ONLY: &str =
    "the organization takes no passwords; sign in through its provider, and become a member so";
/// How long an answer waits for mails that are being handed over; they go on being so.
const MAILING_PATIENCE: Duration = Duration::from_secs(10);

/// How long an invitation can be accepted, in milliseconds. What gives power over an account that is there, or over a
/// whole organization, holds less long.
pub(crate) fn lasts_ms(kind: InvitationKind) -> i64 {
    match kind {
        InvitationKind::Join => INVITATION_DAYS_MAX * 24 * HOUR_MS,
        InvitationKind::FirstAdmin | InvitationKind::NewPassword | InvitationKind::SignIn => {
            NEW_PASSWORD_HOURS_MAX * HOUR_MS
        }
    }
}

/// An invitation that was made, with its link, which only this moment knows.
pub(crate) struct Letter {
    pub(crate) id: Uuid,
    pub(crate) link: String,
    email: Option<String>,
    purpose: Purpose,
    organization: String,
    invited_by: String,
    expires_at_ms: i64,
}

impl Letter {
    /// An invitation of the caller's, with the secret of its link.
    pub(crate) fn of(app: &App, caller: &Caller, invitation: Invitation, secret: &str) -> Self {
        let base = app.public_url.clone().or_else(|| caller.asker().and_then(|asker| asker.base_url()));
        let base = base.unwrap_or_default();
        Self {
            id: invitation.id,
            link: format!("{}/invitations/{secret}", base.trim_end_matches('/')),
            email: invitation.email,
            purpose: match invitation.kind {
                InvitationKind::Join | InvitationKind::FirstAdmin | InvitationKind::SignIn => Purpose::Join,
                InvitationKind::NewPassword => Purpose::NewPassword,
            },
            organization: caller.organization().name().to_owned(),
            invited_by: inviter(caller),
            expires_at_ms: invitation.expires_ms,
        }
    }

    /// Whether it is mailed, and so nobody else is shown its link.
    pub(crate) fn is_mailed(&self, app: &App) -> bool {
        app.mailer.is_some() && self.email.is_some()
    }

    async fn hand_over(&self, app: &App, mailer: &Mailer) {
        let Some(email) = &self.email else { return };
        let mail = mail::Invitation {
            purpose: self.purpose,
            organization: &self.organization,
            invited_by: &self.invited_by,
            link: &self.link,
            expires_at_ms: self.expires_at_ms,
        };
        let said = match mailer.send(email, &mail, app.clock.now_ms()).await {
            Ok(()) => "sent".to_owned(),
            Err(error) => error.to_string(),
        };
        if let Err(error) = app.store.catalog().note_mail(self.id, &said).await {
            tracing::warn!(%error, "it could not be noted what became of a mail");
        }
    }
}

/// Hands mails over, one after the other, and returns when that is done, or after a while.
pub(crate) async fn mail(app: &Arc<App>, letters: Vec<Letter>) {
    if app.mailer.is_none() {
        return;
    }
    let app = Arc::clone(app);
    // By itself: whoever asked may go away meanwhile, and the mails are sent.
    let mailing = tokio::spawn(async move {
        let Some(mailer) = &app.mailer else { return };
        for letter in &letters {
            letter.hand_over(&app, mailer).await;
        }
    });
    if tokio::time::timeout(MAILING_PATIENCE, mailing).await.is_err() {
        tracing::debug!("mails are still being handed over");
    }
}

/// What a caller is called in what they send.
pub(crate) fn inviter(caller: &Caller) -> String {
    caller.member().map_or_else(|| caller.name(), |member| &member.name).to_owned()
}
