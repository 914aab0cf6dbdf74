//! Observations: facts about one phone, as the doors saw them.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::known_before::KnownBefore;
use super::proof::Heard;
use super::registration::{Means, Report, Restart};
use super::verdict::{LicenseState, Stage};
use crate::client::Persona;
use crate::hold::HoldCode;
use crate::load::{Direction, LoadName, Side};
use crate::page::Page;
use crate::time::Time;

/// One fact and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When.
    pub at: Time,
    /// How.
    #[serde(default)]
    pub heard: Heard,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

impl Observation {
    /// A fact, heard as most of its kind are: DHCP by broadcast, everything else two-way.
    pub fn new(at: Time, fact: Fact) -> Self {
        let heard = match fact {
            Fact::Dhcp { .. } | Fact::Leased { .. } | Fact::OptionsGiven { .. } => Heard::Broadcast,
            _ => Heard::TwoWay,
        };
        Self { at, heard, fact }
    }
}

/// What can be seen of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// A DHCP message.
    Dhcp {
        /// DISCOVER, or REQUEST in INIT-REBOOT: the phone has just started.
        boot: bool,
        /// Option 60 without trailing NULs.
        vendor_class: Option<String>,
        /// Option 55.
        request_list: Vec<u8>,
    },
    /// An address was acknowledged.
    Leased {
        /// The phone's address.
        address: Ipv4Addr,
    },
    /// A boot file of one side was asked for: `SEP….cnf.xml` and `XMLDefault`, or a profile.
    ConfigAsked {
        /// The side whose file it is.
        side: Side,
        /// With a `.sgn` ending: the phone holds a trust list (cisco-phones §3.4).
        signed: bool,
        /// The model, where the file's name tells.
        model: Option<String>,
        /// As sent; MPP phones put their short version in it.
        user_agent: Option<String>,
    },
    /// A document that names a load is about to be given to the phone.
    Offered {
        /// The load named.
        load: LoadName,
        /// Named only for a phone that runs this load (`$SWVER eq`).
        when: Option<LoadName>,
        /// The document has another branch, so that silence proves nothing.
        conditional: bool,
        /// From 1, the number in the URL.
        attempt: u32,
        /// The side whose document it is.
        side: Side,
        /// Digest of the catalog that allowed it.
        catalog: String,
    },
    /// A document that names no load has taken the place of one that did.
    LoadUnsaid {
        /// The side whose document it is.
        side: Side,
    },
    /// A document was given that does not name the license, which the phone was told of before.
    LicenseUnsaid,
    /// The phone asked for a `.loads` file and was given it.
    LoadsGiven {
        /// The load.
        load: LoadName,
    },
    /// The phone asked for a `.loads` file that its journey forbids, or that is not here.
    LoadsRefused {
        /// The name asked for.
        name: String,
    },
    /// Bytes of a component, or of the `.loads` file itself, reached the phone.
    Fetched {
        /// File name without folders.
        name: String,
        /// First byte of the stretch.
        from: u64,
        /// One past the last byte of the stretch.
        to: u64,
        /// Of the whole file.
        size: u64,
        /// When the file was asked for, where that is known.
        #[serde(default)]
        asked: Option<Time>,
    },
    /// A transfer ended before its end.
    Broken {
        /// File name without folders.
        name: String,
        /// Why, for the technician.
        cause: String,
    },
    /// The phone's license was given to it, whole.
    LicenseGiven {
        /// The license's direction.
        direction: Direction,
    },
    /// A name was asked for that is not here.
    Missing {
        /// As asked, shortened.
        name: String,
    },
    /// The phone's own page was read.
    Probed(Page),
    /// Two signals disagree about who this is.
    Contradiction {
        /// What disagrees, for the technician.
        what: String,
    },
    /// The phone acknowledged what it was sent for its request by datagram: it was its own.
    Acknowledged {
        /// When it asked.
        asked: Time,
    },
    /// The bench found it done. That ends by contrary evidence alone.
    Finished {
        /// What it runs.
        load: LoadName,
        /// The loads that it came by.
        route: Vec<LoadName>,
        /// Which way it went.
        direction: Direction,
        /// The route that the configuration pins.
        pin: Vec<LoadName>,
        /// What is known of its license.
        license: LicenseState,
        /// Why it is taken to run the load.
        evidence: String,
    },
    /// The bench was not there: whatever the phone asked for meanwhile, nobody saw it.
    Unwatched {
        /// The last moment at which the bench is known to have been there.
        since: Time,
    },
    /// It registered by SIP, and said what it runs.
    Registered {
        /// Its words.
        report: Report,
    },
    /// Its registration has ended or was lost.
    Unregistered,
    /// It is about to be told to read its configuration again.
    RestartTold {
        /// What it is told.
        how: Restart,
        /// By which way.
        by: Means,
        /// By the operator's hand.
        operator: bool,
    },
    /// What it answered, or what became of that.
    RestartAnswered {
        /// For the technician.
        answer: String,
        /// It refused, or could not be reached.
        refused: bool,
    },
    /// The operator's hand.
    Operator {
        /// What was done.
        act: Act,
    },
    /// What a reading of its configuration was answered with. Noted where the answer is another one than the latest on
    /// record for this side.
    Answered {
        /// The side whose file was read.
        side: Side,
        /// What it was given.
        answer: Answer,
    },
    /// The options that went with its lease.
    OptionsGiven {
        /// The persona whose options these are.
        persona: Persona,
    },
    /// What the roster says of its load from this moment on; nothing where a line or its load was taken out.
    Listed {
        /// The load column.
        load: Option<LoadName>,
    },
    /// What was known of it when facts were not kept yet.
    KnownBefore(KnownBefore),
    /// Where the bench found it to stand, from this moment on.
    Stood {
        /// Where.
        stage: Stage,
        /// What holds it.
        code: Option<HoldCode>,
        /// Why.
        cause: Option<String>,
    },
    /// The program that is told of changes of stage has ended.
    HookRan {
        /// The stage that it was told.
        stage: Stage,
        /// What it printed, or why it was of no use.
        output: String,
        /// It failed, or did not run.
        failed: bool,
    },
}

impl Fact {
    /// The bench wrote down what it did itself, or what people shall see: the phone was not heard of.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Stood { .. }
                | Self::HookRan { .. }
                | Self::Answered { .. }
                | Self::OptionsGiven { .. }
                | Self::Listed { .. }
                | Self::KnownBefore(_)
        )
    }
}

/// What a phone that reads its configuration is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing: what it should be given could not be recorded.
    Nothing,
    /// "Not found".
    NotFound,
    /// A document.
    Document {
        /// The load that it names.
        load: Option<UpgradeInstruction>,
        /// The number in the URL of the license that it names.
        license: Option<u32>,
    },
}

/// What a document says of a load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeInstruction {
    /// The load named.
    pub load: LoadName,
    /// It is for a phone that runs this load; every other phone is told to load this one (`$SWVER eq`).
    pub when: Option<LoadName>,
    /// The number in its URL, from 1.
    pub attempt: u32,
}

impl Fact {
    /// Whether the phone itself was heard.
    pub(super) fn is_of_the_phone(&self) -> bool {
        !matches!(
            self,
            Self::Unwatched { .. }
                | Self::LoadUnsaid { .. }
                | Self::LicenseUnsaid
                | Self::Unregistered
                | Self::Broken { .. }
                | Self::RestartTold { .. }
                | Self::RestartAnswered { .. }
                | Self::Operator { .. }
                | Self::Contradiction { .. }
                | Self::Finished { .. }
        ) && !self.is_ours()
    }
}

/// What an operator can do to a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Stop before the next hop.
    Hold,
    /// Lift that.
    Release,
    /// Forget failed attempts and go on.
    Retry,
}
