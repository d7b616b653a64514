//! Arrows that point down, and arrows that do not.

use super::check;
use serde_json::{Value, json};

fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
    let dependencies: Vec<Value> =
        dependencies.iter().map(|(name, kind)| json!({"name": name, "kind": kind})).collect();
    json!({"name": name, "manifest_path": format!("/r/crates/{name}/Cargo.toml"), "dependencies": dependencies})
}

fn whats(packages: &[Value]) -> Vec<String> {
    let metadata = json!({"workspace_root": "/r", "packages": packages});
    let manifest = |_: &str| "[dependencies]\nsqlx.workspace = true\ntrailbook-query = { path = \"x\" }\n".to_owned();
    check(&metadata, &manifest).iter().map(ToString::to_string).collect()
}

#[test]
fn arrows_that_point_down_pass() {
    let packages = [
        package("trailbook-event", &[("serde", None)]),
        package("trailbook-store", &[("trailbook-event", None), ("sqlx", None)]),
        package("trailbook-query", &[("trailbook-store", None), ("tokio", Some("dev"))]),
        package("trailbook", &[("trailbook-query", None), ("trailbook-store", Some("dev"))]),
        package("xtask", &[("anyhow", None)]),
    ];
    assert_eq!(whats(&packages), [""; 0]);
}

#[test]
fn an_arrow_that_points_up_fails_with_its_line() {
    let packages = [package("trailbook-store", &[("trailbook-query", None)]), package("trailbook-query", &[])];
    let expected = "crates/trailbook-store/Cargo.toml:3: `trailbook-store` may not use `trailbook-query`: arrows point \
                    downward only";
    assert_eq!(whats(&packages), [expected]);
}

#[test]
fn tests_may_use_lower_crates_but_not_higher_ones() {
    let lower = [package("trailbook-query", &[("trailbook-tlog", Some("dev"))]), package("trailbook-tlog", &[])];
    assert_eq!(whats(&lower), [""; 0]);
    let normal = [package("trailbook-query", &[("trailbook-tlog", None)]), package("trailbook-tlog", &[])];
    assert_eq!(whats(&normal).len(), 1);
    let higher = [package("trailbook-event", &[("trailbook-store", Some("dev"))]), package("trailbook-store", &[])];
    assert_eq!(whats(&higher).len(), 1);
    let chores = [package("xtask", &[("trailbook-event", Some("dev"))]), package("trailbook-event", &[])];
    assert_eq!(whats(&chores).len(), 1);
}

#[test]
fn libraries_have_their_owner() {
    let expected = "crates/trailbook-query/Cargo.toml:2: only `trailbook-store` may use `sqlx`";
    assert_eq!(whats(&[package("trailbook-query", &[("sqlx", Some("dev"))])]), [expected]);
    assert_eq!(whats(&[package("trailbook-event", &[("tokio", None)])]).len(), 1);
    assert_eq!(whats(&[package("trailbook-event", &[("tokio", Some("dev"))])]), [""; 0]);
}

#[test]
fn a_crate_without_a_place_fails() {
    let expected = "crates/trailbook-new/Cargo.toml:1: crate `trailbook-new` has no place in the table of arrows";
    assert_eq!(whats(&[package("trailbook-new", &[])]), [expected]);
}
