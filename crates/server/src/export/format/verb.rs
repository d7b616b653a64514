//! What kind of action an event is of, as far as its words tell.
//!
//! Sources name actions as they like: `entity-mutate`, `user.password_changed`, `Role creation`, `UserLogin`. The words
//! of a name are compared with lists; `docs/formats.md` has them.

use trailbook_event::Event;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Read,
    Update,
    Delete,
}

/// Begins or ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    Begins,
    Ends,
}

const CREATE: &[&str] = &[
    "create",
    "created",
    "creating",
    "creation",
    "add",
    "added",
    "adding",
    "register",
    "registered",
    "registration",
    "import",
    "imported",
    "upload",
    "uploaded",
    "invite",
    "invited",
];
const READ: &[&str] = &[
    "read",
    "reading",
    "get",
    "getting",
    "fetch",
    "fetched",
    "list",
    "listed",
    "view",
    "viewed",
    "search",
    "searched",
    "download",
    "downloaded",
    "export",
    "exported",
    "query",
    "queried",
];
const UPDATE: &[&str] = &[
    "update",
    "updated",
    "updating",
    "edit",
    "edited",
    "change",
    "changed",
    "changing",
    "modify",
    "modified",
    "set",
    "mutate",
    "mutated",
    "rename",
    "renamed",
    "move",
    "moved",
    "write",
    "written",
    "assign",
    "assigned",
    "unassign",
    "unassigned",
    "grant",
    "granted",
    "enable",
    "enabled",
    "disable",
    "disabled",
    "lock",
    "locked",
    "unlock",
    "unlocked",
    "rotate",
    "rotated",
    "reset",
];
const DELETE: &[&str] = &[
    "delete",
    "deleted",
    "deleting",
    "deletion",
    "remove",
    "removed",
    "removing",
    "removal",
    "revoke",
    "revoked",
    "destroy",
    "destroyed",
    "purge",
    "purged",
    "unregister",
    "unregistered",
];
const ACCOUNTS: &[&str] = &[
    "user",
    "users",
    "member",
    "members",
    "account",
    "accounts",
    "token",
    "tokens",
    "pat",
    "pats",
    "credential",
    "credentials",
    "password",
    "passwords",
];
const LOGIN: &[&str] = &["login", "logon", "signin", "logged in", "log in", "sign in", "signed in"];
const LOGOUT: &[&str] = &["logout", "logoff", "signout", "logged out", "log out", "sign out", "signed out"];

/// The words of an event's action, in lower case.
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) fn of(name: &str) -> Self {
        let mut words = vec![String::new()];
        let mut was_lower = false;
        for c in name.chars() {
            let begins = c.is_uppercase() && was_lower;
            was_lower = c.is_lowercase() || c.is_ascii_digit();
            if begins || !c.is_alphanumeric() {
                words.push(String::new());
            }
            if c.is_alphanumeric()
                && let Some(word) = words.last_mut()
            {
                word.extend(c.to_lowercase());
            }
        }
        words.retain(|word| !word.is_empty());
        Self(words)
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|own| own == word)
    }

    fn has_any(&self, list: &[&str]) -> bool {
        list.iter().any(|word| self.has(word))
    }

    /// The verb that stands last: `shared_report_created`.
    fn verb(&self) -> Option<Verb> {
        self.0.iter().rev().find_map(|word| {
            let lists = [(CREATE, Verb::Create), (READ, Verb::Read), (UPDATE, Verb::Update), (DELETE, Verb::Delete)];
            lists.into_iter().find(|(list, _)| list.contains(&word.as_str())).map(|(_, verb)| verb)
        })
    }

    fn session(&self) -> Option<Session> {
        let pairs = self.0.windows(2).map(|pair| pair.join(" "));
        let all: Vec<String> = self.0.iter().cloned().chain(pairs).collect();
        let has = |list: &[&str]| all.iter().any(|word| list.contains(&word.as_str()));
        if has(LOGOUT) {
            return Some(Session::Ends);
        }
        has(LOGIN).then_some(Session::Begins)
    }
}

/// What an event does, by its `action_type`, its `query_type`, or the words of its action.
pub(super) fn verb(event: &Event<'_>, words: &Words) -> Option<Verb> {
    let by_type = event.action_type.as_deref().and_then(|kind| Words::of(kind).verb());
    by_type.or_else(|| event.query_type.is_some().then_some(Verb::Read)).or_else(|| words.verb())
}

/// Whether an event begins or ends a session: `login_page_updated` does not.
pub(super) fn session(words: &Words) -> Option<Session> {
    words.session().filter(|_| words.verb().is_none())
}

/// Whether accounts, or what opens them, are in the words of the action or in the kind of its first target.
pub(super) fn is_of_accounts(event: &Event<'_>, words: &Words) -> bool {
    let of_target = || event.targets.first().is_some_and(|target| Words::of(&target.kind).has_any(ACCOUNTS));
    words.has_any(ACCOUNTS) || of_target()
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNTS, Session, Verb, Words, session};

    const DOCS: &str = "../../docs/formats.md";

    #[test]
    fn the_words_of_the_docs_are_those_that_count() {
        let docs = std::fs::read_to_string(DOCS).unwrap();
        let verbs = [
            ("| creates |", Verb::Create),
            ("| reads |", Verb::Read),
            ("| updates |", Verb::Update),
            ("| deletes |", Verb::Delete),
        ];
        for (row, verb) in verbs {
            let row = docs.lines().find(|line| line.starts_with(row)).unwrap();
            let words: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
            assert!(words.len() > 7, "{row}");
            for word in words {
                assert_eq!(Words::of(word).verb(), Some(verb), "{word}");
            }
        }
        let row = docs.lines().find(|line| line.starts_with("| Account Change")).unwrap();
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let singular = ACCOUNTS.iter().filter(|word| !word.ends_with('s'));
        assert!(singular.eq(named.iter()), "{named:?}");
    }

    #[test]
    fn names_are_split_however_sources_write_them() {
        for (name, want) in [
            ("entity-mutate", "entity mutate"),
            ("user.password_changed", "user password changed"),
            ("UserLogin", "user login"),
            ("CREATE", "create"),
            ("Role creation", "role creation"),
            ("v2Export", "v2 export"),
            ("ÄnderungÉtat", "änderung état"),
            ("--", ""),
            ("", ""),
        ] {
            assert_eq!(Words::of(name).0.join(" "), want, "{name}");
        }
    }

    #[test]
    fn the_last_verb_counts() {
        assert_eq!(Words::of("version.report.shared_report_created").verb(), Some(Verb::Create));
        assert_eq!(Words::of("update-deleted").verb(), Some(Verb::Delete));
        assert_eq!(Words::of("user.invite.sent").verb(), Some(Verb::Create));
        assert_eq!(Words::of("settings").verb(), None);
    }

    #[test]
    fn sessions_begin_and_end_and_are_not_their_pages() {
        for (name, want) in [
            ("login", Some(Session::Begins)),
            ("user.sso.saml.login", Some(Session::Begins)),
            ("Signed In", Some(Session::Begins)),
            ("log-out", Some(Session::Ends)),
            ("logged_out_after_login", Some(Session::Ends)),
            ("login_page_updated", None),
            ("blog in review", None),
            ("design", None),
        ] {
            assert_eq!(session(&Words::of(name)), want, "{name}");
        }
    }
}
