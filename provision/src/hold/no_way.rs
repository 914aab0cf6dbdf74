//! Holds of phones whose load has no route to the target.

use std::fmt;

use super::Remedy;
use super::action::{ActionKind as Do, HoldAction, HoldCondition, WantedLoad};
use crate::catalog::{Floor, HopRule};
use crate::load::{Kind, LoadName, Side, Version};
use crate::package;

/// The reason that there is no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWay {
    /// No rule leads on through the loads at hand.
    NoRule {
        /// The start.
        from: StartPoint,
        /// The kind of the target.
        to: Kind,
        /// The hardware's obstacle, if there is a route without it.
        barrier: Option<Box<Barrier>>,
        /// Loads that would help.
        help: Additions,
    },
    /// The phone cannot follow the pinned route.
    BadPin {
        /// The firmware family.
        family: String,
        /// The defect of the pin.
        fault: Box<PinFault>,
    },
}

/// The present load, as far as routes depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartPoint {
    /// This load.
    Load(LoadName),
    /// A Multiplatform load of this release.
    Release(Version),
    /// Some load of this side.
    Unknown(Side),
}

/// An obstacle of the phone's hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barrier {
    /// The load is too old for the hardware.
    TooOld {
        /// The load.
        load: LoadName,
        /// Model and hardware version.
        phone: String,
        /// The floor.
        floor: Box<Floor>,
    },
    /// The phone can leave its side only from a later release on.
    CannotLeave {
        /// Model and hardware version.
        phone: String,
        /// The floor.
        floor: Box<Floor>,
    },
}

/// Loads that would make a route possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Additions {
    /// No load helps.
    None,
    /// Any of these.
    AnyOf(Vec<WantedLoad>),
    /// Both of these.
    Both(Box<[WantedLoad; 2]>),
}

/// The defect of a pinned route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinFault {
    /// It does not end with this kind of firmware.
    End(Kind),
    /// It names a load of another family.
    Stranger {
        /// The load.
        load: LoadName,
        /// The phone's model.
        model: String,
    },
    /// The hardware forbids a step.
    Barrier(Barrier),
    /// No rule allows a step.
    NoRule {
        /// The start of the step.
        from: StartPoint,
        /// The end of the step.
        to: LoadName,
        /// The rules for such a step.
        rules: Vec<HopRule>,
    },
}

impl NoWay {
    pub(super) fn cause(&self) -> String {
        match self {
            Self::NoRule { barrier: Some(barrier), .. } => barrier.to_string(),
            Self::NoRule { from, to, .. } => {
                format!("no way leads from {from} to {to} firmware through the loads at hand")
            }
            Self::BadPin { family, fault } => match &**fault {
                PinFault::End(kind) => format!("the pinned route does not end with {kind} firmware"),
                PinFault::Stranger { load, model } => {
                    format!("the pinned load {load} is not for the {model}, which takes {family}")
                }
                PinFault::Barrier(barrier) => barrier.to_string(),
                PinFault::NoRule { from, to, rules } => no_rule(from, to, rules),
            },
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::NoRule { from, help, .. } => match help {
                Additions::AnyOf(loads) => {
                    let texts: Vec<String> = loads.iter().map(ToString::to_string).collect();
                    let mut actions: Vec<HoldAction> =
                        loads.iter().map(|load| Do::AddFirmware(load.clone()).instead()).collect();
                    if let Some(first) = actions.first_mut() {
                        first.instead = false;
                    }
                    (actions, format!("add {} to the library", texts.join(", or ")))
                }
                Additions::Both(loads) => {
                    let [first, second] = &**loads;
                    let actions = loads.iter().map(|load| Do::AddFirmware(load.clone()).into()).collect();
                    (actions, format!("add {first} and {second} to the library"))
                }
                Additions::None => no_help(from),
            },
            Self::BadPin { family, .. } => (
                vec![
                    Do::CorrectRoute { family: family.clone() }.into(),
                    Do::RemoveRoute { family: family.clone() }.instead(),
                ],
                format!(
                    "correct the route of {family} in [migration.routes], or remove it to have one planned"
                ),
            ),
        }
    }
}

fn no_help(from: &StartPoint) -> Remedy {
    let (first, text) = match from {
        StartPoint::Load(_) => (Do::TakeOffBench, "take it off the bench"),
        StartPoint::Release(_) | StartPoint::Unknown(_) => {
            (Do::WriteLoad { load: None }, "put the one it runs into the roster")
        }
    };
    (
        vec![first.into(), Do::AddHopRow.only_if(HoldCondition::CiscoAllows).or()],
        format!(
            "no load would help; {text}, or add a [[hop]] row to catalog.toml in the state folder if Cisco allows the step"
        ),
    )
}

fn no_rule(from: &StartPoint, to: &LoadName, rules: &[HopRule]) -> String {
    let rule = |rule: &HopRule| {
        let from = bounds(rule.from_min.as_ref(), rule.from_below.as_ref());
        let to = if rule.upward { " a later release".to_owned() } else { bounds(rule.to_min.as_ref(), None) };
        format!("{}{from} to {}{to} ({})", rule.from, rule.to, rule.source)
    };
    let rules: Vec<String> = rules.iter().map(rule).collect();
    if rules.is_empty() {
        format!("no rule leads from {from} to {to}")
    } else {
        format!("no rule leads from {from} to {to}, only from {}", rules.join(", or from "))
    }
}

impl fmt::Display for StartPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(load) => write!(f, "{load}"),
            Self::Release(release) => write!(f, "Multiplatform release {release}"),
            Self::Unknown(side) => write!(f, "an unknown {side} load"),
        }
    }
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { load, phone, floor } => {
                let (side, min) = (floor.side, &floor.min);
                write!(
                    f,
                    "{load} is too old for this {phone}, which takes {side} firmware from {min} on ({})",
                    cited(floor)
                )
            }
            Self::CannotLeave { phone, floor } => {
                let bought = match floor.born {
                    Some(side) => format!(", if it was bought with {side} firmware"),
                    None => String::new(),
                };
                let (side, min) = (floor.side, &floor.min);
                write!(f, "this {phone} leaves the {side} side from {min} on only{bought} ({})", cited(floor))
            }
        }
    }
}

impl fmt::Display for WantedLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = if self.kind == Kind::Enterprise { "an" } else { "a" };
        let bounds = bounds(self.from.as_ref(), self.below.as_ref());
        write!(f, "{article} {} load{bounds}", self.kind)?;
        match &self.such_as {
            Some(name) => write!(f, " (such as {name}, from {})", package::likely_name(name)),
            None => Ok(()),
        }
    }
}

/// Source and date of a floor.
fn cited(floor: &Floor) -> String {
    format!("{}, {}", floor.certainty.cited(&floor.source), floor.date)
}

/// The bounds of a release as text: ` of 12.5(1) or later, below 14.1(0)`.
fn bounds(min: Option<&Version>, below: Option<&Version>) -> String {
    match (min, below) {
        (Some(min), Some(below)) => format!(" of {min} or later, below {below}"),
        (Some(min), None) => format!(" of {min} or later"),
        (None, Some(below)) => format!(" below {below}"),
        (None, None) => String::new(),
    }
}
