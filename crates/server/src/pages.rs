//! Pages that work before anybody is signed in: sign-in, invitation, the way to a provider.
//!
//! They have no script, no inline style and nothing from elsewhere, so that [`POLICY`] forbids all of it. Everything in
//! them is escaped by its template; every form carries the CSRF token that it was made with.

use askama::Template;

/// The `Content-Security-Policy` of every page.
///
/// Under `form-action 'self'` Chromium (148) does not follow a redirect that answers a form to another origin: for that
/// there is [`Leave`].
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                                 frame-ancestors 'none'";

/// The one style sheet, served as `/assets/trailbook.css`.
pub(crate) const STYLE: &str = include_str!("../assets/trailbook.css");

/// Signs in: `POST /sign-in` with `csrf`, `next`, `organization`, `email` and `password`, or `POST /sign-in/<provider>`
/// with `csrf`, `next` and `organization`.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignIn<'a> {
    /// What shows that the form is ours.
    pub(crate) csrf: &'a str,
    /// The path of this server that is opened afterwards.
    pub(crate) next: &'a str,
    /// The handle of the organization, where it is known.
    pub(crate) organization: &'a str,
    /// The address that was given before.
    pub(crate) email: &'a str,
    /// Whether the organization takes passwords.
    pub(crate) is_password_taken: bool,
    /// Who else can say who somebody is.
    pub(crate) providers: &'a [Provider<'a>],
    /// Why the try before failed; the same words whatever was wrong.
    pub(crate) error: Option<&'a str>,
    /// Whether that is for what was typed.
    pub(crate) are_fields_wrong: bool,
}

/// A provider that members sign in through.
pub(crate) struct Provider<'a> {
    /// Its name in paths: letters, digits and hyphens.
    pub(crate) name: &'a str,
    /// What people call it.
    pub(crate) label: &'a str,
}

/// Accepts an invitation: `POST` with `csrf`, and `email`, `name`, `password` and `password_again` as far as they are
/// asked for.
#[derive(Template)]
#[template(path = "accept_invitation.html")]
pub(crate) struct AcceptInvitation<'a> {
    /// The path that it is sent to.
    pub(crate) action: &'a str,
    /// What shows that the form is ours.
    pub(crate) csrf: &'a str,
    /// Into which organization.
    pub(crate) organization: &'a str,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// By whom.
    pub(crate) invited_by: &'a str,
    /// Until when, as text.
    pub(crate) expires: &'a str,
    /// The address that was invited, or that was given before.
    pub(crate) email: &'a str,
    /// Whether an address is to be given.
    pub(crate) asks_email: bool,
    /// The name that was given before.
    pub(crate) name: &'a str,
    /// Whether a name is to be given.
    pub(crate) asks_name: bool,
    /// Whether a password is to be given.
    pub(crate) asks_password: bool,
    /// The least length of a password.
    pub(crate) password_chars_min: usize,
    /// Why the try before failed.
    pub(crate) error: Option<&'a str>,
    /// In which field.
    pub(crate) wrong: Wrong,
}

/// What an invitation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Join,
    FirstAdmin,
    NewPassword,
    SignIn,
}

/// Which field of a form is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// None of them: it is something else.
    None,
    Email,
    Name,
    Password,
    PasswordAgain,
}

impl Purpose {
    /// What the page is called.
    fn title(self) -> &'static str {
        match self {
            Purpose::Join => "Accept the invitation",
            Purpose::FirstAdmin => "Become the first admin",
            Purpose::NewPassword => "Choose a new password",
            Purpose::SignIn => "Sign in",
        }
    }

    /// What its button says.
    fn button(self) -> &'static str {
        match self {
            Purpose::Join => "Accept the invitation",
            Purpose::FirstAdmin => "Create the account",
            Purpose::NewPassword => "Set the password",
            Purpose::SignIn => "Sign in",
        }
    }
}

impl AcceptInvitation<'_> {
    /// Whether they sign in through a provider afterwards.
    fn leads_to_provider(&self) -> bool {
        !self.asks_password && self.purpose != Purpose::SignIn
    }

    /// What is wrong with none of the fields.
    fn own_error(&self) -> Option<&str> {
        self.error_of(Wrong::None)
    }

    fn email_error(&self) -> Option<&str> {
        self.error_of(Wrong::Email)
    }

    fn name_error(&self) -> Option<&str> {
        self.error_of(Wrong::Name)
    }

    fn password_error(&self) -> Option<&str> {
        self.error_of(Wrong::Password)
    }

    fn password_again_error(&self) -> Option<&str> {
        self.error_of(Wrong::PasswordAgain)
    }

    fn error_of(&self, field: Wrong) -> Option<&str> {
        self.error.filter(|_| self.wrong == field)
    }
}

/// Says why something is not there, with a way on to signing in.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct Notice<'a> {
    /// One sentence or two.
    pub(crate) text: &'a str,
}

/// Goes on to a provider, after a form: a browser opens it as a page of its own, not as the answer to the form.
#[derive(Template)]
#[template(path = "leave.html")]
pub(crate) struct Leave<'a> {
    /// What people call the provider.
    pub(crate) label: &'a str,
    /// Its page, `https://…`.
    pub(crate) url: &'a str,
}

#[cfg(test)]
mod tests;
