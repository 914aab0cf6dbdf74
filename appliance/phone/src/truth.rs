//! The rules of real phones: which loads their firmware or hardware does not survive. They are kept apart from the
//! catalog on purpose, so that a mistake there shows here.

use crate::shared::{Direction, Kind, LoadName, Side, Version};

/// The properties that decide.
#[derive(Debug, Clone, Copy)]
pub struct TrueHardware<'a> {
    /// `8851`.
    pub model: &'a str,
    /// 5 of V05.
    pub vid: u8,
}

/// Ok if the phone survives the hop, else the broken rule. Licenses are a separate matter: see [`needs_license`].
pub fn judge(hardware: TrueHardware<'_>, from: &LoadName, to: &LoadName) -> Result<(), String> {
    let broken =
        |rule: &str| Err(format!("{from} to {to} on a {} V{:02}: {rule}", hardware.model, hardware.vid));
    if family(hardware.model) != Some(to.family()) {
        return broken("the load is for other hardware");
    }
    if from.kind().side() != to.kind().side()
        && let Some(rule) = not_eligible(hardware, to.kind().side())
    {
        return broken(rule);
    }
    let leap = match (from.kind(), to.kind()) {
        (Kind::Enterprise, Kind::Transition(Direction::E2m)) => {
            (!at_least(from, "12.5(1)")).then_some("TLexE2M starts from Enterprise 12.5(1) or later")
        }
        (Kind::Enterprise, Kind::Multiplatform) => (!at_least(from, "14.1") || !at_least(to, "11.3(5)"))
            .then_some("a direct crossing starts from Enterprise 14.1 and leads to 11.3(5) or later"),
        (Kind::Multiplatform, Kind::Enterprise) => (!at_least(from, "11.3(5)"))
            .then_some("a direct crossing starts from Multiplatform 11.3(5) or later"),
        (Kind::Enterprise, Kind::Transition(Direction::M2e)) => {
            Some("TLexM2E starts from Multiplatform firmware")
        }
        (Kind::Transition(Direction::E2m), Kind::Enterprise | Kind::Transition(_)) => {
            Some("TLexE2M leads to Multiplatform firmware only")
        }
        (Kind::Transition(Direction::M2e), Kind::Multiplatform | Kind::Transition(_)) => {
            Some("TLexM2E leads to Enterprise firmware only")
        }
        (Kind::Multiplatform, Kind::Transition(Direction::E2m)) => {
            Some("TLexE2M starts from Enterprise firmware")
        }
        (Kind::Enterprise | Kind::Transition(Direction::M2e), Kind::Enterprise)
        | (Kind::Multiplatform, Kind::Multiplatform | Kind::Transition(Direction::M2e))
        | (Kind::Transition(Direction::E2m), Kind::Multiplatform) => None,
    };
    match leap.or_else(|| cannot_leave(hardware, from, to)).or_else(|| below_floor(hardware, to)) {
        Some(rule) => broken(rule),
        None => Ok(()),
    }
}

/// True if hardware of this age may have come with such a load.
pub fn bears(hardware: TrueHardware<'_>, load: &LoadName) -> bool {
    let side = load.kind().side();
    below_floor(hardware, load).is_none()
        && (side == Side::Enterprise || not_eligible(hardware, side).is_none())
}

/// True if the phone makes this hop only with its license.
pub fn needs_license(from: &LoadName, to: &LoadName) -> bool {
    matches!(
        (from.kind(), to.kind()),
        (Kind::Transition(Direction::E2m), Kind::Multiplatform)
            | (Kind::Transition(Direction::M2e) | Kind::Multiplatform, Kind::Enterprise)
    )
}

/// True for a transition load.
pub fn is_transition(kind: Kind) -> bool {
    matches!(kind, Kind::Transition(_))
}

/// The direction of the license that a phone on the Multiplatform side can use.
pub fn license_direction(kind: Kind, crossed_directly: bool) -> Direction {
    match kind {
        Kind::Transition(direction) => direction,
        _ if crossed_directly => Direction::E2m,
        _ => Direction::M2e,
    }
}

/// The load family of a model that can migrate.
fn family(model: &str) -> Option<&'static str> {
    match model {
        "7811" | "7821" | "7841" | "7861" => Some("sip78xx"),
        "7832" => Some("sip7832"),
        "8811" | "8841" | "8851" | "8851NR" | "8861" => Some("sip88xx"),
        "8845" | "8865" | "8865NR" => Some("sip8845_65"),
        "8832" | "8832NR" => Some("sip8832"),
        _ => None,
    }
}

fn not_eligible(hardware: TrueHardware<'_>, to: Side) -> Option<&'static str> {
    if to == Side::Enterprise {
        return hardware.model.ends_with("NR").then_some("models without a radio are not known to go back");
    }
    match (hardware.model, hardware.vid) {
        ("7821", 0..=2) => Some("7821 migrates from V03 on"),
        ("7821", 25..) => Some("7821 migrates up to V24"),
        ("7841", 0..=3) => Some("7841 migrates from V04 on"),
        ("7861", 0..=2) => Some("7861 migrates from V03 on"),
        _ => None,
    }
}

/// The rule that keeps a phone bought with Enterprise firmware from returning to it.
fn cannot_leave(hardware: TrueHardware<'_>, from: &LoadName, to: &LoadName) -> Option<&'static str> {
    let goes_back = from.kind().side() == Side::Multiplatform && to.kind().side() == Side::Enterprise;
    let concerned = matches!((hardware.model, hardware.vid), ("7821" | "7841" | "7861", 20..));
    (goes_back && concerned && !at_least(from, "11-3-7MPP0101"))
        .then_some("V20 and later go back from Multiplatform 11.3(7)SR1 or later only")
}

/// The rule that makes the load too old for the hardware.
fn below_floor(hardware: TrueHardware<'_>, to: &LoadName) -> Option<&'static str> {
    let (model, vid) = (hardware.model, hardware.vid);
    match to.kind() {
        Kind::Enterprise => {
            let (floor, rule) = match (model, vid) {
                ("8811" | "8845" | "8851" | "8851NR", 8..) => {
                    ("11.7(1)", "V08 and later need Enterprise 11.7(1)")
                }
                ("8811", _) => ("10.2(2)", "8811 needs Enterprise 10.2(2)"),
                ("8851NR", _) => ("10.3(1)", "8851NR needs Enterprise 10.3(1)"),
                ("8845" | "8865", _) => ("10.3(2)", "8845 and 8865 need Enterprise 10.3(2)"),
                ("8865NR", _) => ("11.5(1)", "8865NR needs Enterprise 11.5(1)"),
                _ => return None,
            };
            (!at_least(to, floor)).then_some(rule)
        }
        Kind::Transition(_) | Kind::Multiplatform => match (model, vid) {
            ("8811" | "8841" | "8851" | "8851NR" | "8861", 15..) if !at_least(to, "11.3(3)") => {
                Some("V15 and later need Multiplatform 11.3(3), a transition load included")
            }
            ("8832" | "8832NR", 8..) if !at_least(to, "12.0(2)") => {
                Some("V08 and later need Multiplatform 12.0(2), a transition load included")
            }
            _ => None,
        },
    }
}

fn at_least(load: &LoadName, floor: &str) -> bool {
    floor.parse::<Version>().is_ok_and(|floor| load.version().at_least(&floor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(model: &str, vid: u8, from: &str, to: &str) -> bool {
        judge(TrueHardware { model, vid }, &from.parse().unwrap(), &to.parse().unwrap()).is_ok()
    }

    #[test]
    fn the_seeds_path_and_the_direct_crossings_are_survived() {
        for (from, to) in [
            ("sip88xx.11-7-1-17", "sip88xx.12-5-1SR1-4"),
            ("sip88xx.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4"),
            ("sip88xx.TLexE2M-11-2-3C-4", "sip88xx.11-2-3MPP-398"),
            ("sip88xx.11-2-3MPP-398", "sip88xx.TLexM2E-11-2-3C-4"),
            ("sip88xx.TLexM2E-11-2-3C-4", "sip88xx.12-5-1SR1-4"),
            ("sip88xx.14-4-1-0301-6", "sip88xx.12-0-7MPP0201-66"),
            ("sip88xx.12-0-7MPP0201-66", "sip88xx.14-4-1-0301-6"),
        ] {
            assert!(judged("8851", 5, from, to), "{from} to {to}");
        }
    }

    #[test]
    fn what_would_strand_a_phone_is_named() {
        for (model, vid, from, to) in [
            ("8851", 5, "sip88xx.11-7-1-17", "sip88xx.TLexE2M-11-2-3C-4"),
            ("8851", 5, "sip88xx.12-5-1SR1-4", "sip88xx.11-2-3MPP-398"),
            ("8851", 5, "sip88xx.14-4-1-0301-6", "sip88xx.11-2-3MPP-398"),
            ("8851", 15, "sip88xx.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4"),
            ("8851", 5, "sip88xx.11-2-3MPP-398", "sip88xx.12-5-1SR1-4"),
            ("8845", 5, "sip8845_65.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4"),
            ("7821", 1, "sip78xx.12-5-1SR1-4", "sip78xx.TLexE2M-11-2-3C-4"),
            ("8831", 5, "sip8831.10-3-1-16", "sip88xx.12-5-1SR1-4"),
        ] {
            assert!(!judged(model, vid, from, to), "{model} V{vid} {from} to {to}");
        }
    }
}
