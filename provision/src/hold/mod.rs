//! A phone that is stopped: a code, a typed reason, and typed actions. Journeys decide holds. The words are made
//! here, beside each reason: people read them, programs match the reason and the actions.

mod action;
mod address;
mod admission;
mod code;
mod failed;
mod firmware;
mod no_way;
mod outside;
mod silent;

use std::fmt;

pub use action::{ActionKind, HoldAction, HoldCondition, WantedLoad};
pub use address::{NoAnswer, NotServed};
pub use admission::NotAdmitted;
pub use code::HoldCode;
pub use failed::{FailedHop, LastFailure, StopReason};
pub use firmware::FirmwareLack;
pub use no_way::{Additions, Barrier, NoWay, PinFault, StartPoint};
pub use outside::WaitsOutside;
pub use silent::{ERASE_TRUST_LIST, SilentPhone};

use crate::load::LoadName;

/// A phone's hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The code.
    pub code: HoldCode,
    /// The reason.
    pub reason: HoldReason,
}

/// The reason that a phone is held or stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// The phone may not migrate, whatever it does.
    NotAdmitted(NotAdmitted),
    /// Firmware is missing or damaged.
    Firmware(FirmwareLack),
    /// No rule leads to the target.
    NoWay(NoWay),
    /// The hold applies only if the phone runs this load, which is uncertain.
    IfItRuns {
        /// Why no rule leads to the target.
        reason: Box<NoWay>,
        /// The load.
        load: LoadName,
        /// The evidence for the load.
        evidence: String,
    },
    /// A hop failed.
    Failed(FailedHop),
    /// The phone asks for nothing, or not for what it may have.
    Silent(SilentPhone),
    /// The phone needs a restart, and the order had no effect.
    RestartInVain {
        /// The reason for the restart.
        reason: Box<HoldReason>,
        /// The number of orders.
        times: usize,
        /// The phone's answer, if any.
        answer: Option<String>,
    },
    /// A call manager, CDA or a person at the phone's screen must act.
    Outside(WaitsOutside),
    /// The phone has no address from this bench.
    NotServed(NotServed),
}

/// Actions, and the same as a clause.
type Remedy = (Vec<HoldAction>, String);

impl HoldReason {
    /// The code of the reason.
    pub fn code(&self) -> HoldCode {
        match self {
            Self::NotAdmitted(reason) => reason.code(),
            Self::Firmware(lack) => lack.code(),
            Self::NoWay(_) | Self::IfItRuns { .. } => HoldCode::NoRoute,
            Self::Failed(reason) => reason.code(),
            Self::Silent(reason) => reason.code(),
            Self::RestartInVain { reason, .. } => reason.code(),
            Self::Outside(_) => HoldCode::WaitingOutside,
            Self::NotServed(reason) => reason.code(),
        }
    }

    /// The cause, as a clause.
    pub fn cause(&self) -> String {
        match self {
            Self::NotAdmitted(reason) => reason.cause(),
            Self::Firmware(lack) => lack.cause(),
            Self::NoWay(reason) => reason.cause(),
            Self::IfItRuns { reason, load, evidence } => {
                format!("{}; that it runs {load} is not certain: {evidence}", reason.cause())
            }
            Self::Failed(reason) => reason.cause(),
            Self::Silent(reason) => reason.cause(),
            Self::RestartInVain { reason, times, answer } => {
                let answer = answer.as_deref().unwrap_or("no answer");
                format!("{}; it was told to restart {times} times: {answer}", reason.cause())
            }
            Self::Outside(reason) => reason.cause(),
            Self::NotServed(reason) => reason.cause(),
        }
    }

    /// The cure, as a clause.
    pub fn cure(&self) -> String {
        self.remedy().1
    }

    fn remedy(&self) -> Remedy {
        match self {
            Self::NotAdmitted(reason) => reason.remedy(),
            Self::Firmware(lack) => lack.remedy(),
            Self::NoWay(reason) => reason.remedy(),
            Self::IfItRuns { reason, .. } => reason.remedy(),
            Self::Failed(reason) => reason.remedy(),
            Self::Silent(reason) => reason.remedy(),
            Self::RestartInVain { reason, .. } => reason.remedy(),
            Self::Outside(reason) => reason.remedy(),
            Self::NotServed(reason) => reason.remedy(),
        }
    }
}

impl Hold {
    /// The cause, as a clause.
    pub fn cause(&self) -> String {
        self.reason.cause()
    }

    /// The cure, as a clause.
    pub fn cure(&self) -> String {
        self.reason.cure()
    }

    /// What to do, in order.
    pub fn actions(&self) -> Vec<HoldAction> {
        self.reason.remedy().0
    }

    /// True if the action is among the actions.
    pub fn asks_for(&self, kind: &ActionKind) -> bool {
        self.actions().iter().any(|action| action.kind == *kind)
    }
}

impl<R: Into<HoldReason>> From<R> for Hold {
    fn from(reason: R) -> Self {
        let reason = reason.into();
        Self { code: reason.code(), reason }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause(), self.cure())
    }
}

macro_rules! reasons {
    ($($variant:ident: $kind:ty),*) => {
        $(impl From<$kind> for HoldReason {
            fn from(reason: $kind) -> Self {
                Self::$variant(reason)
            }
        })*
    };
}

reasons! {
    NotAdmitted: NotAdmitted,
    Firmware: FirmwareLack,
    NoWay: NoWay,
    Failed: FailedHop,
    Silent: SilentPhone,
    Outside: WaitsOutside,
    NotServed: NotServed
}
