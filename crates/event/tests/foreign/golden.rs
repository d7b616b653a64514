//! Golden examples: `testdata/normalise/<form>/*.json` hold a record and the event that it becomes.

use std::path::Path;

use serde_json::Value;
use trailbook_event::normalise::Form;

use crate::became;

#[test]
fn every_example_becomes_its_event() {
    for form in Form::FOREIGN {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/normalise").join(form.name());
        let mut seen = 0;
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            let example: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let event = became(*form, &example["record"]);
            assert_eq!(event, example["event"], "{} became {event:#}", path.display());
            seen += 1;
        }
        assert!(seen > 0, "{} is empty", folder.display());
    }
}
