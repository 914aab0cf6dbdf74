//! Tells whether an action of a hold is due, by the phone's screen and page.

use transload_provision::hold::{ActionKind, HoldAction, HoldCondition};

use crate::bench::views::phone::HoldView;
use transload_phone::PhoneMemory;

/// True if the hold asks for such an action and its condition holds.
pub fn due(hold: &HoldView, memory: &PhoneMemory, such: impl Fn(&ActionKind) -> bool) -> bool {
    hold.actions.iter().any(|action| such(&action.kind) && is_due(action, memory))
}

/// True for the action to write the phone's load into the roster.
pub fn writes_load(kind: &ActionKind) -> bool {
    matches!(kind, ActionKind::WriteLoad { .. })
}

fn is_due(action: &HoldAction, memory: &PhoneMemory) -> bool {
    match &action.only_if {
        None => true,
        Some(HoldCondition::Runs(loads)) => loads.contains(&memory.load),
        Some(HoldCondition::RunsNot(load)) => memory.load != *load,
        Some(HoldCondition::LicenseAccepted) => {
            !memory.license_due && action.kind == ActionKind::WriteLoad { load: Some(memory.load.clone()) }
        }
        Some(HoldCondition::ScreenAsksForLicense | HoldCondition::LicenseNotAccepted) => memory.license_due,
        Some(_) => false,
    }
}
