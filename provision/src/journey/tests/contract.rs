//! Every hold of the contract: how a phone comes into it by what is seen of it, what it is told, and how it comes out.

use std::collections::BTreeSet;

use super::*;

mod ways;

use ways::WAYS;
pub(super) use ways::{breaks_off, signed};

/// The words others rely on.
const CONTRACT: [&str; 14] = [
    "not-eligible",
    "unknown-vid",
    "no-license",
    "firmware-missing",
    "firmware-damaged",
    "no-route",
    "trust-list",
    "not-listed",
    "needs-restart",
    "not-asking",
    "waiting-outside",
    "operator",
    "foreign-dhcp",
    "failed",
];

/// Another DHCP server is no fact of a phone's; the appliance has a test of that hold.
const OF_THE_BENCH: &str = "foreign-dhcp";

/// One way into a hold and out of it.
struct Way {
    code: &'static str,
    /// What happens to the phone.
    comes: fn() -> Bench,
    /// Words of the cause.
    cause: &'static [&'static str],
    /// Words of the cure.
    cure: &'static [&'static str],
    /// What ends it, and what does it.
    goes: fn(&mut Bench),
    /// Nobody has to do anything here but what the cure says outside: no command to this program.
    by_itself: bool,
}

#[test]
fn the_contract_names_the_codes_that_there_are() {
    let codes: Vec<&str> = HoldCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, CONTRACT);
    for code in HoldCode::ALL {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
    }
}

#[test]
fn every_code_of_the_contract_has_a_way_in_and_out() {
    let shown: BTreeSet<&str> = WAYS.iter().map(|way| way.code).chain([OF_THE_BENCH]).collect();
    assert_eq!(shown, BTreeSet::from(CONTRACT));
}

#[test]
fn each_way_leads_into_its_hold_with_cause_and_cure_and_out_again() {
    for (row, way) in WAYS.iter().enumerate() {
        let mut bench = (way.comes)();
        let verdict = bench.verdict();
        let hold = verdict.hold.clone().unwrap_or_else(|| panic!("row {row}, {}: {verdict:?}", way.code));
        assert_eq!(hold.code.as_str(), way.code, "row {row}: {hold:?}");
        assert!(matches!(verdict.stage, Stage::Held | Stage::Stuck), "row {row}: {verdict:?}");
        for (text, words) in [(&hold.cause(), way.cause), (&hold.cure(), way.cure)] {
            for word in words {
                assert!(text.contains(word), "row {row}, {}: {word:?} is not in {text:?}", way.code);
            }
        }
        // Where nothing changes it stays as it is, and no document or file takes the phone further.
        let acts = |bench: &Bench| bench.journey.as_ref().unwrap().history.acts.len();
        let before = acts(&bench);
        if may_not_move(hold.code) {
            bench.pass(5);
            assert_eq!(names(&bench.verdict().next), None, "row {row}");
            for name in bench.library.loads.keys() {
                assert!(!bench.verdict().permits(name, &bench.library), "row {row}: {name} would be given");
            }
        }
        (way.goes)(&mut bench);
        let after = bench.verdict();
        assert!(after.hold.is_none(), "row {row}, {}: {:?}", way.code, after.hold);
        assert!(!matches!(after.stage, Stage::Held | Stage::Stuck), "row {row}: {after:?}");
        assert_eq!(acts(&bench) == before, way.by_itself, "row {row}, {}: the operator's hand", way.code);
    }
}

/// Holds of phones that could be stranded, or are to be left alone: nothing that they could take is at hand for them.
fn may_not_move(code: HoldCode) -> bool {
    use HoldCode::{
        FirmwareDamaged, FirmwareMissing, NoLicense, NoRoute, NotEligible, NotListed, Operator, UnknownVid,
    };
    [FirmwareDamaged, FirmwareMissing, NoLicense, NoRoute, NotEligible, NotListed, Operator, UnknownVid]
        .contains(&code)
}
