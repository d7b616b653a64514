//! Members, groups and roles: made, changed, removed, counted.

use trailbook_event::limits::{
    ACTORS_OF_MEMBER_MAX, DESCRIPTION_CHARS_MAX, EMAIL_BYTES_MAX, GROUPS_OF_ORGANIZATION_MAX, HANDLE_CHARS_MAX,
    MEMBERS_OF_ORGANIZATION_MAX, PERSON_NAME_CHARS_MAX, ROLES_OF_ORGANIZATION_MAX,
};
use trailbook_store::credential::Permission;
use trailbook_store::members::{
    ADMIN, AUDITOR, Directory, Group, Holder, MEMBER, Member, MemberChange, NewMember, NewRole, Provided, Role,
    handle_of,
};
use trailbook_store::{Catalog, Error, Organization, Store};

use crate::database::Database;

on_both!(
    a_member_is_found_and_changed_and_their_address_is_free_when_they_are_gone,
    a_member_is_of_one_organization,
    a_member_is_found_by_what_their_provider_calls_them,
    a_password_is_replaced_where_it_is_the_old_one,
    a_group_gives_its_roles_to_its_members,
    groups_of_the_provider_are_those_that_it_names_and_no_others,
    a_role_is_made_changed_and_removed,
    built_in_roles_are_the_same_everywhere_and_stay,
    names_handles_and_addresses_have_limits,
    an_organization_has_so_many_members_groups_and_roles,
);

pub(crate) async fn first(store: &Store) -> Organization {
    store.catalog().organization_or_new("default").await.unwrap().0
}

/// Somebody with a password and no role.
pub(crate) fn somebody(email: &str) -> NewMember {
    NewMember {
        email: email.to_owned(),
        name: "Jane Doe".to_owned(),
        password: Some("$argon2id$hash".to_owned()),
        provided: None,
        roles: Vec::new(),
        groups: Vec::new(),
    }
}

/// The roles, groups and members of a catalog, with what tests ask of them.
pub(crate) struct Known<'a> {
    catalog: &'a Catalog,
    organization: &'a Organization,
}

impl<'a> Known<'a> {
    pub(crate) fn of(catalog: &'a Catalog, organization: &'a Organization) -> Self {
        Self { catalog, organization }
    }

    async fn read<T>(&self, read: impl FnOnce(&Directory) -> T) -> T {
        read(self.catalog.credentials().await.unwrap().directory())
    }

    pub(crate) async fn role(&self, handle: &str) -> Role {
        let role = self.read(|all| all.role(self.organization, handle).map(|role| Role::clone(role))).await;
        role.expect("there is such a role")
    }

    async fn group(&self, handle: &str) -> Group {
        let group = self.read(|all| all.group(self.organization, handle).map(|group| Group::clone(group))).await;
        group.expect("there is such a group")
    }

    pub(crate) async fn roles_of(&self, member: &Member) -> Vec<String> {
        let roles = self.read(|all| all.roles_of(member.id)).await;
        roles.iter().map(|role| role.handle.clone()).collect()
    }

    async fn groups_of(&self, member: &Member) -> Vec<String> {
        let groups = self.read(|all| all.groups_of(member.id)).await;
        groups.iter().map(|group| group.handle.clone()).collect()
    }

    pub(crate) async fn hold(&self, role: &str, holder: Holder, is_held: bool) -> Result<(), Error> {
        let role = self.role(role).await.id;
        self.catalog.set_role(self.organization, role, holder, is_held).await
    }

    pub(crate) async fn new_group(&self, handle: &str) -> Group {
        self.catalog.create_group(self.organization, handle, (handle, "")).await.unwrap();
        self.group(handle).await
    }
}

pub(crate) fn role(handle: &str, permissions: &[Permission]) -> NewRole {
    NewRole {
        handle: handle.to_owned(),
        name: handle.to_owned(),
        description: String::new(),
        permissions: permissions.to_vec(),
        narrowing: None,
    }
}

async fn a_member_is_found_and_changed_and_their_address_is_free_when_they_are_gone(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let (found, hash) = catalog.member_of_email(&own, "jane@acme.example").await.unwrap().unwrap();
    assert_eq!((&found, hash.as_deref()), (&jane, Some("$argon2id$hash")));
    let again = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap_err();
    let words = "there is a member with the e-mail address jane@acme.example already";
    assert!(matches!(&again, Error::Taken(_)) && again.to_string() == words, "{again}");
    let change = MemberChange {
        name: Some("Jane".to_owned()),
        actors: Some(vec!["user:default/jane".to_owned()]),
        ..MemberChange::default()
    };
    catalog.change_member(&own, jane.id, &change).await.unwrap();
    catalog.note_sign_in(jane.id, 77).await.unwrap();
    let (changed, hash) = catalog.member_of_email(&own, "jane@acme.example").await.unwrap().unwrap();
    let mut expected = jane.clone();
    expected.name = "Jane".to_owned();
    expected.actors = vec!["user:default/jane".to_owned()];
    expected.signed_in_ms = Some(77);
    assert_eq!(changed, expected);
    assert_eq!(hash.as_deref(), Some("$argon2id$hash"), "what is not said stays");

    catalog.remove_member(&own, jane.id).await.unwrap();
    assert!(catalog.member_of_email(&own, "jane@acme.example").await.unwrap().is_none());
    let credentials = catalog.credentials().await.unwrap();
    assert!(credentials.directory().member(jane.id).is_none() && credentials.by_id(jane.credential).is_none());
    let second = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    assert!(second.id != jane.id && second.uuid != jane.uuid && second.credential != jane.credential);
    store.close().await;
}

async fn a_member_is_of_one_organization(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let here = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let there = catalog.create_member(&acme, &somebody("jane@acme.example")).await.unwrap();
    assert_ne!(here.id, there.id);
    catalog.create_group(&acme, "builders", ("Builders", "")).await.unwrap();
    let credentials = catalog.credentials().await.unwrap();
    let directory = credentials.directory();
    assert_eq!(directory.members(&own).iter().map(|one| one.id).collect::<Vec<_>>(), [here.id]);
    assert!(directory.member_of(&own, there.uuid).is_none() && directory.member_of(&acme, there.uuid).is_some());
    assert!(directory.group(&own, "builders").is_none() && directory.groups(&own).is_empty());
    assert_eq!(credentials.by_id(there.credential).unwrap().organization(), &acme);
    store.close().await;
}

async fn a_member_is_found_by_what_their_provider_calls_them(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let provided = Provided { issuer: "https://a.example".to_owned(), subject: "7".to_owned() };
    let new = NewMember { password: None, provided: Some(provided.clone()), ..somebody("jane@acme.example") };
    let jane = catalog.create_member(&own, &new).await.unwrap();
    assert!(!jane.has_password);
    assert_eq!(catalog.member_provided(&own, &provided).await.unwrap(), Some(jane.clone()));
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let other = Provided { issuer: "https://b.example".to_owned(), ..provided.clone() };
    assert_eq!(catalog.member_provided(&acme, &provided).await.unwrap(), None);
    assert_eq!(catalog.member_provided(&own, &other).await.unwrap(), None);
    catalog.remove_member(&own, jane.id).await.unwrap();
    assert_eq!(catalog.member_provided(&own, &provided).await.unwrap(), None);
    store.close().await;
}

async fn a_password_is_replaced_where_it_is_the_old_one(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    for (old, new, is) in [("$argon2id$other", "$x", "$argon2id$hash"), ("$argon2id$hash", "$better", "$better")] {
        catalog.replace_password(jane.id, old, new).await.unwrap();
        let (_, hash) = catalog.member_of_email(&own, "jane@acme.example").await.unwrap().unwrap();
        assert_eq!(hash.as_deref(), Some(is));
    }
    store.close().await;
}

async fn a_group_gives_its_roles_to_its_members(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let known = Known::of(catalog, &own);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let group = known.new_group("builders").await;
    known.hold(AUDITOR, Holder::Group(group.id), true).await.unwrap();
    known.hold(MEMBER, Holder::Member(jane.id), true).await.unwrap();
    assert_eq!(known.roles_of(&jane).await, [MEMBER]);
    for _ in 0..2 {
        catalog.set_group_member(&own, group.id, jane.id, true).await.unwrap();
        known.hold(AUDITOR, Holder::Member(jane.id), true).await.unwrap();
        assert_eq!(known.roles_of(&jane).await, [AUDITOR, MEMBER], "held twice, it is one");
    }
    known.hold(AUDITOR, Holder::Member(jane.id), false).await.unwrap();
    let credentials = catalog.credentials().await.unwrap();
    let credential = credentials.by_id(jane.credential).unwrap();
    let roles = credentials.roles_of(&credential);
    assert_eq!(roles.iter().map(|role| role.handle.as_str()).collect::<Vec<_>>(), [AUDITOR, MEMBER]);
    let auditor = known.role(AUDITOR).await.id;
    let (members, groups) = credentials.directory().holders_of(auditor);
    assert!(members.is_empty() && groups.len() == 1, "through the group alone");
    assert_eq!(credentials.directory().members_of(group.id).len(), 1);

    let taken = catalog.create_group(&own, "builders", ("Others", "")).await.unwrap_err();
    assert_eq!(taken.to_string(), r#"there is a group "builders" already"#);
    catalog.change_group(&own, "builders", ("Those who build", "all day")).await.unwrap();
    let changed = known.group("builders").await;
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("Those who build", "all day"));
    catalog.remove_group(&own, "builders").await.unwrap();
    assert_eq!(known.roles_of(&jane).await, [MEMBER]);
    for gone in [catalog.remove_group(&own, "builders").await, catalog.change_group(&own, "builders", ("x", "")).await]
    {
        assert_eq!(gone.unwrap_err().to_string(), r#"there is no group "builders""#);
    }
    store.close().await;
}

async fn groups_of_the_provider_are_those_that_it_names_and_no_others(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let known = Known::of(catalog, &own);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let mut ids = Vec::new();
    for handle in ["a", "b", "c"] {
        ids.push(known.new_group(handle).await.id);
    }
    catalog.set_group_member(&own, ids[2], jane.id, true).await.unwrap();
    let named: [(&[usize], &[&str]); 4] =
        [(&[0, 1], &["a", "b", "c"]), (&[1, 2], &["b", "c"]), (&[], &["c"]), (&[0], &["a", "c"])];
    for (groups, are) in named {
        let groups: Vec<_> = groups.iter().map(|at| ids[*at]).collect();
        catalog.set_provided_groups(&own, jane.id, &groups).await.unwrap();
        assert_eq!(known.groups_of(&jane).await, are);
    }
    // What somebody puts there by hand stays, though the provider put it there first.
    catalog.set_group_member(&own, ids[0], jane.id, true).await.unwrap();
    catalog.set_provided_groups(&own, jane.id, &[]).await.unwrap();
    assert_eq!(known.groups_of(&jane).await, ["a", "c"]);
    store.close().await;
}

async fn a_role_is_made_changed_and_removed(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let known = Known::of(catalog, &own);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let narrowing = Some(r#"{"filter":{"source":"billing"}}"#.to_owned());
    let new = NewRole { narrowing: narrowing.clone(), ..role("billing", &[Permission::EventsRead]) };
    catalog.create_role(&own, &new).await.unwrap();
    let made = known.role("billing").await;
    assert_eq!((&made.permissions, &made.narrowing, made.is_built_in), (&new.permissions, &narrowing, false));
    let taken = catalog.create_role(&own, &new).await.unwrap_err();
    assert_eq!(taken.to_string(), r#"there is a role "billing" already"#);
    known.hold("billing", Holder::Member(jane.id), true).await.unwrap();
    catalog.change_role(&own, &role("billing", &[Permission::Exports, Permission::LogRead])).await.unwrap();
    let changed = known.role("billing").await;
    assert_eq!((changed.id, changed.narrowing), (made.id, None));
    assert_eq!(changed.permissions, [Permission::Exports, Permission::LogRead]);
    catalog.remove_role(&own, "billing").await.unwrap();
    assert_eq!(known.roles_of(&jane).await, Vec::<String>::new());
    let gone = catalog.change_role(&own, &new).await.unwrap_err();
    assert_eq!(gone.to_string(), r#"there is no role "billing""#);
    store.close().await;
}

async fn built_in_roles_are_the_same_everywhere_and_stay(database: &Database) {
    let store = database.open().await;
    let (acme, _) = store.catalog().organization_or_new("acme").await.unwrap();
    for own in [first(&store).await, acme] {
        let known = Known::of(store.catalog(), &own);
        for (handle, permissions) in [
            (ADMIN, Permission::ALL.to_vec()),
            (AUDITOR, vec![Permission::EventsRead, Permission::LogRead, Permission::Exports]),
            (MEMBER, vec![Permission::EventsRead]),
        ] {
            let found = known.role(handle).await;
            assert_eq!((found.permissions, found.is_built_in), (permissions, true), "{handle}");
            let words = format!("the role {handle:?} is built in and cannot be changed or removed");
            let changed = store.catalog().change_role(&own, &role(handle, &[])).await.unwrap_err();
            let removed = store.catalog().remove_role(&own, handle).await.unwrap_err();
            assert_eq!((changed.to_string(), removed.to_string()), (words.clone(), words));
            assert!(matches!(store.catalog().create_role(&own, &role(handle, &[])).await, Err(Error::Taken(_))));
        }
    }
    store.close().await;
}

async fn names_handles_and_addresses_have_limits(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let address = |bytes: usize| format!("{}@acme.example", "j".repeat(bytes - "@acme.example".len()));
    let long = |chars: usize| "é".repeat(chars);
    for (name, email, is_fine) in [
        (long(PERSON_NAME_CHARS_MAX), address(EMAIL_BYTES_MAX), true),
        (long(PERSON_NAME_CHARS_MAX + 1), "a@b.example".to_owned(), false),
        ("  ".to_owned(), "a@b.example".to_owned(), false),
        ("a\nb".to_owned(), "a@b.example".to_owned(), false),
        ("Jane".to_owned(), address(EMAIL_BYTES_MAX + 1), false),
        ("Jane".to_owned(), "no-address".to_owned(), false),
        ("Jane".to_owned(), "A@b.example".to_owned(), false),
        ("Jane".to_owned(), "a@b@c".to_owned(), false),
    ] {
        let made = catalog.create_member(&own, &NewMember { name: name.clone(), ..somebody(&email) }).await;
        assert_eq!(made.is_ok(), is_fine, "{name} {email}");
        assert!(is_fine || matches!(made, Err(Error::Name(_))));
    }
    for (handle, is_fine) in [("a", true), ("a-2", true), ("", false), ("A", false), ("-a", false), ("a--b", false)] {
        assert_eq!(catalog.create_group(&own, handle, ("x", "")).await.is_ok(), is_fine, "{handle}");
    }
    for (chars, is_fine) in [(HANDLE_CHARS_MAX, true), (HANDLE_CHARS_MAX + 1, false)] {
        assert_eq!(catalog.create_role(&own, &role(&"h".repeat(chars), &[])).await.is_ok(), is_fine);
    }
    for (chars, is_fine) in [(DESCRIPTION_CHARS_MAX, true), (DESCRIPTION_CHARS_MAX + 1, false)] {
        assert_eq!(catalog.change_group(&own, "a", ("x", &long(chars))).await.is_ok(), is_fine);
    }
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    for (count, is_fine) in [(ACTORS_OF_MEMBER_MAX, true), (ACTORS_OF_MEMBER_MAX + 1, false)] {
        let actors = Some((0..count).map(|at| format!("id-{at}")).collect());
        let change = MemberChange { actors, ..MemberChange::default() };
        assert_eq!(catalog.change_member(&own, jane.id, &change).await.is_ok(), is_fine);
    }
    assert_eq!(handle_of("Zoë's  Team (EU)!").as_deref(), Some("zo-s-team-eu"));
    assert_eq!(handle_of(&"x-".repeat(HANDLE_CHARS_MAX)).map(|handle| handle.len()), Some(HANDLE_CHARS_MAX - 1));
    assert_eq!(handle_of("日本"), None);
    store.close().await;
}

async fn an_organization_has_so_many_members_groups_and_roles(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let number = database.number("SELECT id FROM organizations WHERE name = 'default'").await;
    // All but one, beside the store: it would take minutes otherwise.
    let many =
        |count: u64| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
    for (count, insert) in [
        (
            MEMBERS_OF_ORGANIZATION_MAX - 1,
            "members (id, uuid, organization, credential, email, name, actors, is_suspended, created_ms)",
        ),
        (GROUPS_OF_ORGANIZATION_MAX - 1, "member_groups (id, organization, handle, name, description, created_ms)"),
        (
            ROLES_OF_ORGANIZATION_MAX - 4,
            "roles (id, organization, handle, name, description, permissions, is_built_in, created_ms)",
        ),
    ] {
        let text = "CAST(i AS TEXT)";
        let values = match insert.split_once(' ').unwrap().0 {
            "members" => format!("{text}, {number}, 0, {text}, {text}, '[]', 0, 0"),
            "member_groups" => format!("{number}, {text}, {text}, '', 0"),
            _ => format!("{number}, {text}, {text}, '', '[]', 0, 0"),
        };
        database.run(&format!("INSERT INTO {insert} {} SELECT i + 1000000, {values} FROM n", many(count))).await;
    }
    for is_last in [true, false] {
        let name = if is_last { "last" } else { "one-more" };
        let made = [
            catalog.create_member(&own, &somebody(&format!("{name}@acme.example"))).await.map(drop),
            catalog.create_group(&own, name, ("x", "")).await,
            catalog.create_role(&own, &role(name, &[])).await,
        ];
        for one in made {
            assert_eq!(one.is_ok(), is_last, "{one:?}");
            assert!(is_last || matches!(one, Err(Error::TooMany(_))));
        }
    }
    catalog.create_group(&acme, "a", ("x", "")).await.expect("another organization has its own");
    store.close().await;
}
