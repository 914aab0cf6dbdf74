//! The worlds in words, for people.

use std::fmt;

use super::firmware::Runs;
use super::rank::Accident;
use super::world::{Mode, Reason, World};
use super::{MARGIN, Time, Worlds};
use crate::load::{LoadName, Side};

/// One world in words. Whoever shows it writes the moments as his readers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// It is one of the best.
    pub likely: bool,
    /// What it runs.
    pub runs: String,
    /// Why.
    pub because: &'static str,
    /// Since when.
    pub since: Time,
    /// Only if these things went wrong.
    pub only_if: Vec<(&'static str, Time)>,
    /// What is due of it.
    pub waits: String,
}

impl Worlds {
    /// The worlds that have to be reckoned with.
    pub fn explain(&self) -> Vec<Explained> {
        self.kept(MARGIN).map(explained).collect()
    }
}

fn explained(world: &World) -> Explained {
    Explained {
        likely: world.surprise() == 0,
        runs: world.runs.to_string(),
        because: because(world.why),
        since: world.since,
        only_if: world.accidents.iter().map(|(accident, at)| (happened(*accident), *at)).collect(),
        waits: waits(world),
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { likely, runs, because, only_if, waits, .. } = self;
        match likely {
            true => write!(f, "It runs {runs}, because {because}")?,
            false => write!(f, "It would run {runs}, because {because}")?,
        }
        let accidents: Vec<&str> = only_if.iter().map(|(accident, _)| *accident).collect();
        match (likely, accidents.is_empty()) {
            (_, true) => write!(f, ". {waits}."),
            (true, false) => write!(f, ". For that, {}. {waits}.", accidents.join(", and ")),
            (false, false) => write!(f, ", only if {}. {waits}.", accidents.join(", and ")),
        }
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let band = match self {
            Self::Load(load) => return write!(f, "{load}"),
            Self::Band(band) => band,
        };
        match band.side {
            Some(side) => write!(f, "some {side} firmware")?,
            None => write!(f, "some firmware")?,
        }
        if let Some(release) = &band.release {
            write!(f, " of release {release}")?;
        }
        if !band.not.is_empty() {
            let not: Vec<&str> = band.not.iter().map(LoadName::as_str).collect();
            write!(f, " other than {}", not.join(", "))?;
        }
        Ok(())
    }
}

fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Unknown => "nothing has told yet",
        Reason::KnownBefore => "an older record of it says so",
        Reason::Listed => "the roster says so",
        Reason::FetchedWhole => "it fetched that load whole and started again",
        Reason::FetchedEnough => "it fetched enough of that load and started again",
        Reason::FetchedPart => "it fetched a part of that load, or had it already, and started again",
        Reason::Silent => "it was told to load it and did not ask for it",
        Reason::Page => "its own page says so",
        Reason::Registered => "it said so when it registered",
        Reason::Condition => "the condition in its document chose what only that load chooses",
        Reason::Away => "it was away for long",
        Reason::NothingFits => "it did what nothing known of it allows",
        Reason::TooMany => "too much is possible",
    }
}

fn happened(accident: Accident) -> &'static str {
    match accident {
        Accident::WrongRoster => "the roster's load column was wrong",
        Accident::CutWhileWriting => "its plug was pulled while it wrote, or it threw the load away",
        Accident::SwitchedOff => "it was without power when it had to ask",
        Accident::DocumentLost => "a document was lost on its way",
        Accident::FetchedUnseen => "it fetched the rest while nobody watched",
        Accident::AskedUnseen => "it asked for the load's list while nobody watched",
        Accident::StartedUnseen => "it started and no DHCP message of that was seen",
        Accident::LoadInReserve => "it had that load in its other partition",
        Accident::LoadedWhileAway => "somebody loaded it while it was away",
        Accident::LoadedElsewhere => "somebody loaded it in a moment in which it was not heard",
        Accident::AgentConfigured => "its User-Agent was configured",
        Accident::ClassConfigured => "its vendor class was configured",
        Accident::ClassOfTransition => "transition loads name themselves Enterprise phones",
        Accident::WaitedLonger => "it waited longer than any phone before it asked for its license again",
        Accident::LicensedElsewhere => "it was licensed before",
        Accident::OtherProfile => "its profile in CDA is not the one that was exported",
        Accident::OlderDocument => "it went by an older document than its latest",
        Accident::ToldByNobody => "it asked for a load that nobody told it of",
        Accident::DidNotAsk => "it had power and did not ask for what it was told to load",
        Accident::SomebodyLies => "somebody else spoke in its name",
        Accident::FalseExchange => "somebody else answered at its address",
        Accident::FalsePage => "its page was wrong",
        Accident::FalseRegistration => "its registration was wrong",
    }
}

fn waits(world: &World) -> String {
    match &world.mode {
        Mode::Quiet if world.outside => "Others tell it what to load".to_owned(),
        Mode::Quiet if world.side() == Some(Side::Enterprise) => {
            "It rests, and reads its configuration when it starts".to_owned()
        }
        Mode::Quiet => "Nothing is due of it".to_owned(),
        Mode::Off => "It has no power, and has to start before anything is heard of it".to_owned(),
        Mode::Starting => "It has started, and has to ask for something".to_owned(),
        Mode::Told(order) if order.outside => {
            format!("It was told elsewhere to load {}, and has to ask for it", order.load)
        }
        Mode::Told(order) => format!("It was told to load {}, and has to ask for it", order.load),
        Mode::Fetching(fetching) => format!("It fetches or writes {}, and starts then", fetching.load),
    }
}
