//! The page of logs: finding, reading and watching events, with little to show and with hostile values; and the pages
//! beside it.

use serde_json::{Value, json};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use trailbook_store::members::NewRole;

use super::chromium::{member, scenario};
use crate::harness::{PASSWORD, Server, run};

/// Plays a scenario at a new server, with an admin of its log as the member and a token that sends events.
fn play(name: &'static str) {
    run(async {
        let server = Server::start().await;
        let member = member(&server, &["admin"]).await;
        scenario(&server, name, json!({"member": member, "token": server.token})).await;
    });
}

/// The same with two others: one who sees a part of the log, and one who sees none of it.
fn play_with_others(name: &'static str) {
    run(async {
        let server = Server::start().await;
        let filter = json!({"filter": {"source": "catalog"}});
        let of_events = [Permission::EventsRead, Permission::Exports];
        server.create_role(DEFAULT_ORGANIZATION, &role("narrowed", &of_events, Some(&filter))).await;
        server.create_role(DEFAULT_ORGANIZATION, &role("blind", &[Permission::MembersRead], None)).await;
        let values = json!({
            "member": member(&server, &["admin"]).await,
            "narrowed": other(&server, "nora@acme.example", "narrowed").await,
            "blind": other(&server, "bob@acme.example", "blind").await,
            "token": server.token,
        });
        scenario(&server, name, values).await;
    });
}

fn role(handle: &str, permissions: &[Permission], narrowing: Option<&Value>) -> NewRole {
    NewRole {
        handle: handle.to_owned(),
        name: handle.to_owned(),
        description: String::new(),
        permissions: permissions.to_vec(),
        narrowing: narrowing.map(Value::to_string),
    }
}

async fn other(server: &Server, email: &str, role: &str) -> Value {
    server.member(DEFAULT_ORGANIZATION, email, &[role]).await;
    json!({"organization": DEFAULT_ORGANIZATION, "email": email, "password": PASSWORD})
}

#[test]
fn filters_are_typed_chosen_edited_and_dropped() {
    play("logs_filters");
}

#[test]
fn the_time_is_chosen_typed_and_drawn() {
    play("logs_time");
}

#[test]
fn events_open_in_place_and_lead_on() {
    play("logs_rows");
}

#[test]
fn all_of_it_works_by_keys() {
    play("logs_keys");
}

#[test]
fn new_events_come_in_and_move_nothing() {
    play("logs_live");
}

#[test]
fn older_events_follow_and_pages_are_small() {
    play("logs_pages");
}

#[test]
fn views_are_kept_shared_and_removed() {
    play_with_others("logs_views");
}

#[test]
fn with_little_to_show_the_page_says_why() {
    play_with_others("logs_states");
}

#[test]
fn the_demo_is_loaded_into_an_empty_log() {
    play("logs_demo");
}

#[test]
fn hostile_events_are_text() {
    play("hostile");
}

#[test]
fn everything_can_be_read_without_a_script() {
    play("plain");
}

#[test]
fn settings_are_filled_in_and_take_effect() {
    play("settings");
}

#[test]
fn what_is_taken_along_is_made_checked_and_deleted() {
    play("evidence");
}
