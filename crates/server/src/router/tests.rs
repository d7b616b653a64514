//! The document and the routes say the same.

use super::documented;

#[test]
fn every_operation_has_a_name_a_summary_and_a_tag_of_the_document() {
    let (_, document) = documented();
    let value = serde_json::to_value(&document).unwrap();
    let tags: Vec<&str> = value["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut seen = 0;
    for (path, methods) in value["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            seen += 1;
            let at = format!("{method} {path}");
            assert!(operation["operationId"].is_string(), "{at}");
            assert!(operation["summary"].is_string(), "{at}");
            assert!(tags.contains(&operation["tags"][0].as_str().unwrap()), "{at}");
        }
    }
    assert_eq!((seen, value["openapi"].as_str()), (78, Some("3.1.0")));
}
