//! What came in as a record of Port goes out as that record.

use serde_json::{Value, json};

use super::of;

#[test]
fn a_record_of_port_goes_out_as_it_came_in_with_an_identifier() {
    let mut seen = 0;
    for entry in std::fs::read_dir("../../testdata/normalise/port").unwrap() {
        let path = entry.unwrap().path();
        let example: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let (event, mut record) = (&example["event"], example["record"].clone());
        if record.get("identifier").is_none() {
            record["identifier"] = event["id"].clone();
        }
        let shown = of(event.to_string().as_bytes(), "another").unwrap();
        assert_eq!(Value::Object(shown), record, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 4, "the examples are not there");
}

#[test]
fn a_key_that_is_called_port_is_additional_data_of_what_did_not_come_from_port() {
    for (action, action_type) in [("listen", "start"), ("listen", ""), ("restart", "start")] {
        let event = json!({"action": action, "action_type": action_type, "meta": {"port": {"number": 80}}});
        let shown = of(event.to_string().as_bytes(), "own").unwrap();
        assert_eq!(shown["additionalData"], json!({"port": {"number": 80}}));
        assert_eq!(shown["trigger"]["by"], json!({"orgId": "own"}));
    }
}

#[test]
fn what_no_event_should_be_is_shown_all_the_same() {
    for event in
        ["{}", r#"{"meta":{"port":1},"targets":[1],"changes":2,"actor":[]}"#, r#"{"meta":null,"targets":null}"#]
    {
        let shown = of(event.as_bytes(), "o").unwrap();
        assert_eq!(shown["status"], "SUCCESS");
    }
    assert!(of(b"[", "o").is_err());
}
