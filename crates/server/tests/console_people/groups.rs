//! The pages of groups.

use serde_json::{Value, json};
use trailbook_store::credential::Permission;

use super::{ADAM, JANE, assert_done, assert_refused, browser_of, page};
use crate::harness::{PUBLIC_URL, run};
use crate::people::{GROUPS, People, texts};

const LIST: &str = "/settings/groups";
const ONE: &str = "/settings/groups/reviewers";

async fn reviewers(people: &People) -> Value {
    people.get(&format!("{GROUPS}/reviewers")).await.expect(200)
}

#[test]
fn a_group_is_created_changed_and_removed() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        assert!(page(&mut browser, LIST).await.contains("There is no group yet."));
        let typed = [("name", " Reviewers "), ("description", "Who <reads>")];
        assert_done(&browser.fill_form(LIST, LIST, &typed).await, &format!("{ONE}?done=created"));
        let group = reviewers(&people).await;
        assert_eq!((&group["name"], &group["description"]), (&json!("Reviewers"), &json!("Who <reads>")));
        let text = page(&mut browser, &format!("{ONE}?done=created")).await;
        assert!(text.contains("The group is there.") && text.contains("value=\"Who &#60;reads&#62;\""), "{text}");
        // What cannot be made is said in the form, which is open and holds what was typed.
        let taken = browser.fill_form(LIST, LIST, &[("name", "Other"), ("handle", "reviewers")]).await;
        assert_refused(&taken, 409, "There is a group");
        let text = taken.text();
        assert!(text.contains("fold\" open") && text.contains("value=\"Other\""), "{text}");
        assert_refused(&browser.fill_form(LIST, LIST, &[("name", "観察者")]).await, 400, "give a handle too");
        let change = format!("{ONE}/change");
        let typed = [("name", "Readers"), ("description", "")];
        assert_done(&browser.fill_form(ONE, &change, &typed).await, &format!("{ONE}?done=changed"));
        assert_eq!(reviewers(&people).await["name"], "Readers");
        assert_refused(&browser.fill_form(ONE, &change, &[("name", "")]).await, 400, "name");
        let remove = format!("{ONE}/remove");
        let refused = browser.fill_form(ONE, &remove, &[("confirm", "reviewers")]).await;
        assert_refused(&refused, 400, "type Readers");
        let removed = browser.fill_form(ONE, &remove, &[("confirm", "Readers")]).await;
        assert_done(&removed, &format!("{LIST}?done=removed"));
        assert_eq!(browser.visit(&format!("{PUBLIC_URL}{ONE}")).await.status, 404);
    });
}

#[test]
fn members_and_roles_of_a_group_are_chosen_on_its_page() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        people.member(JANE, &[]).await;
        let text = page(&mut browser, ONE).await;
        assert!(text.contains("Nobody is in this group.") && text.contains(&format!("<option value=\"{JANE}\">")));
        let add = format!("{ONE}/add-member");
        let nobody = browser.fill_form(ONE, &add, &[("email", "joe@acme.example")]).await;
        assert_refused(&nobody, 400, "No member has the e-mail address “joe@acme.example”.");
        assert!(nobody.text().contains("value=\"joe@acme.example\" list="), "{}", nobody.text());
        let joined = browser.fill_form(ONE, &add, &[("email", " Jane@Acme.example")]).await;
        assert_done(&joined, &format!("{ONE}?done=joined"));
        assert_eq!(texts(&reviewers(&people).await["members"], "email"), [JANE]);
        let roles = format!("{ONE}/add-roles");
        assert_refused(&browser.fill_form(ONE, &roles, &[]).await, 400, "Choose a role first.");
        let given = browser.fill_form(ONE, &roles, &[("role", "auditor"), ("role", "member")]).await;
        assert_done(&given, &format!("{ONE}?done=roles-given"));
        assert_eq!(reviewers(&people).await["roles"], json!(["auditor", "member"]));
        let taken = browser.fill_form(ONE, &format!("{ONE}/take-role"), &[("role", "member")]).await;
        assert_done(&taken, &format!("{ONE}?done=role-taken"));
        let left = browser.fill_form(ONE, &format!("{ONE}/remove-member"), &[]).await;
        assert_done(&left, &format!("{ONE}?done=left"));
        let group = reviewers(&people).await;
        assert_eq!((&group["roles"], &group["members"]), (&json!(["auditor"]), &json!([])));
    });
}

#[test]
fn a_group_that_gives_more_than_one_has_is_not_offered_to_be_changed() {
    run(async {
        let people = People::start().await;
        people.role("manager", &[Permission::MembersRead, Permission::MembersWrite], None).await;
        let mut browser = browser_of(&people, ADAM, &["manager"]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        assert!(page(&mut browser, ONE).await.contains("/add-member\""));
        people.put(&people.all, &format!("{GROUPS}/reviewers/roles/auditor"), &Value::Null).await;
        let text = page(&mut browser, ONE).await;
        assert!(text.contains("it has the role “Auditor”: it grants “View audit logs”"), "{text}");
        assert!(!text.contains("/add-member\"") && !text.contains("/remove\"") && !text.contains("/take-role\""));
        assert!(text.contains("value=\"admin\" disabled"), "{text}");
    });
}

#[test]
fn who_may_only_look_at_groups_is_offered_nothing() {
    run(async {
        let people = People::start().await;
        people.role("reader", &[Permission::MembersRead], None).await;
        let mut browser = browser_of(&people, ADAM, &["reader"]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers", "description": "Reads"})).await.expect(201);
        for path in [LIST, ONE] {
            let text = page(&mut browser, path).await;
            assert_eq!(text.matches("method=\"post\"").count(), 2, "those of the frame alone: {text}");
            assert!(text.contains("Reads"), "{text}");
        }
    });
}

#[test]
fn what_a_provider_does_to_a_group_is_told() {
    run(async {
        let toml = r#"
            public_url = "https://trailbook.test"

            [[identity_providers]]
            name = "acme-id"
            organization = "acme"
            issuer = "https://id.acme.example"
            client_id = "trailbook"
            groups = { "audit-<team>" = "reviewers" }
            default_groups = ["everybody"]
        "#;
        let people = People::with(toml).await;
        for name in ["Reviewers", "Everybody", "By hand"] {
            people.post(&people.all, GROUPS, &json!({"name": name})).await.expect(201);
        }
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        assert_eq!(page(&mut browser, LIST).await.matches("from provider").count(), 2);
        let text = page(&mut browser, ONE).await;
        assert!(text.contains("<bdi>acme-id</bdi>: whose groups there contain “<bdi>audit-&#60;team&#62;</bdi>”"));
        assert!(page(&mut browser, "/settings/groups/everybody").await.contains("who is in no other group through it"));
        assert!(!page(&mut browser, "/settings/groups/by-hand").await.contains("identity provider puts"));
    });
}
