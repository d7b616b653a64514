//! The tables hold what the vendors' pages count.

use std::collections::BTreeSet;

use super::{spectra, wso2};

#[test]
fn every_action_of_spectra_is_there_once_and_begins_with_its_target() {
    let names: BTreeSet<&str> = spectra::ACTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!((names.len(), spectra::ACTIONS.len()), (85, 85));
    for (name, target_type) in spectra::ACTIONS {
        assert_eq!(name.split('.').next(), Some(target_type.name()));
        assert_eq!(spectra::target_type(name), Some(*target_type));
    }
    let used: BTreeSet<_> = spectra::ACTIONS.iter().map(|(_, target_type)| *target_type).collect();
    assert_eq!(used, spectra::TargetType::ALL.into());
    assert_eq!(spectra::target_type("package.painted"), None);
}

#[test]
fn every_operation_of_wso2_is_there_once_and_every_group_has_some() {
    let names: BTreeSet<String> = wso2::OPERATIONS.iter().map(|o| o.action.to_lowercase()).collect();
    assert_eq!(names.len(), wso2::OPERATIONS.len());
    let used: BTreeSet<_> = wso2::OPERATIONS.iter().map(|operation| operation.group).collect();
    assert_eq!(used, wso2::Group::ALL.into());
    assert_eq!(wso2::OPERATIONS.iter().filter(|operation| operation.is_seen).count(), 9);
    assert_eq!(wso2::operation("role CREATION").map(|o| o.action), Some("Role creation"));
    assert_eq!(wso2::operation("Role"), None);
}
