//! A phone that is stopped: the code, the typed reason, and what to do. Journeys decide that a phone is held. The words for
//! it are made here, beside each reason. People read them. Programs match the reason and the actions.

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

/// Why a phone is held or stuck, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What kind.
    pub code: HoldCode,
    /// What happened, to which phone or file.
    pub reason: HoldReason,
}

/// Why a phone is held or stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// It may not go on, whatever it does.
    NotAdmitted(NotAdmitted),
    /// Firmware is missing or damaged.
    Firmware(FirmwareLack),
    /// No rule leads to the target.
    NoWay(NoWay),
    /// It holds only if the phone runs this load, and that is not certain.
    IfItRuns {
        /// Why no rule leads to the target.
        reason: Box<NoWay>,
        /// The load.
        load: LoadName,
        /// Why the load is believed.
        evidence: String,
    },
    /// It does not get on.
    Failed(FailedHop),
    /// It asks for nothing, or not for what it can be given.
    Silent(SilentPhone),
    /// It needs a restart, and was told to in vain.
    RestartInVain {
        /// Why it needs a restart.
        reason: Box<HoldReason>,
        /// How often it was told.
        times: usize,
        /// What it answered, if it did.
        answer: Option<String>,
    },
    /// A call manager, CDA or somebody who reads its screen must act.
    Outside(WaitsOutside),
    /// It has no address from here.
    NotServed(NotServed),
}

/// What to do, and the same in a clause.
type Remedy = (Vec<HoldAction>, String);

impl HoldReason {
    /// The code that goes with it.
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

    /// What happened, in a clause.
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

    /// What to do about it, in a clause.
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
    /// What happened, in a clause.
    pub fn cause(&self) -> String {
        self.reason.cause()
    }

    /// What to do about it, in a clause.
    pub fn cure(&self) -> String {
        self.reason.cure()
    }

    /// What to do about it, in order.
    pub fn actions(&self) -> Vec<HoldAction> {
        self.reason.remedy().0
    }

    /// Whether this is among the actions.
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
