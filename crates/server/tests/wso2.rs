//! WSO2's API at its limits.

use reqwest::Method;
use serde_json::{Value, json};
use trailbook_store::DEFAULT_ORGANIZATION;

use crate::harness::{MINIMAL, Server, answer, run};

#[test]
fn lists_words_and_texts_have_a_greatest_length() {
    run(async {
        let server = Server::start().await;
        let (organization, _) = server.catalog().await.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let path = format!("/audit-logging/1.0.0/orgs/{}/audit-logs", organization.uuid());
        let ask = async |body: Value| {
            let request = server.request(Method::POST, &path).bearer_auth(&server.token);
            answer(request.body(body.to_string())).await
        };
        for name in ["userIdpIds", "projectIds"] {
            assert_eq!(ask(json!({name: vec!["x"; 100]})).await.status, 200, "{name}");
            let refused = ask(json!({name: vec!["x"; 101]})).await.expect(400);
            assert_eq!(refused["description"], format!("{name} has more than 100 values"));
        }
        // Two of 32 conditions leave out what is never shown.
        let words = |count: usize| (0..count).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
        assert_eq!(ask(json!({"searchText": words(30)})).await.status, 200);
        let refused = ask(json!({"searchText": words(31)})).await.expect(400);
        assert_eq!(refused["description"], "searchText has more than 30 words");
        let text = |bytes: usize| format!("{:1$}", "word", bytes);
        assert_eq!(ask(json!({"searchText": text(4_096)})).await.status, 200);
        assert_eq!(ask(json!({"searchText": text(4_097)})).await.status, 400);

        server.post(vec![MINIMAL; 1_001].join("\n")).await.expect(201);
        let all = ask(json!({"limit": 1_000})).await.expect(200);
        assert_eq!(all["list"].as_array().unwrap().len(), 1_000);
        assert_eq!(ask(json!({})).await.expect(200)["list"].as_array().unwrap().len(), 100);
    });
}
