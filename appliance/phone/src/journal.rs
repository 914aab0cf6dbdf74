//! What a virtual phone did, and how it stands.

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use transload_pace::Pace;

use crate::shared::{Direction, LoadName};

/// Entries kept; older ones go first.
const KEPT: usize = 2000;
/// Entries shown from the beginning and the end; what is between repeats itself.
const BEGINNING: usize = 60;
const END: usize = 20;

/// One thing a phone did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneEvent {
    /// It started with a load.
    Booted(LoadName),
    /// It has an address, with these options.
    Leased(Ipv4Addr, Vec<u8>),
    /// It asked for a file.
    Asked {
        /// Where and what.
        url: String,
        /// What came of it.
        answer: FetchOutcome,
    },
    /// It wrote a load and starts it.
    Flashed(LoadName),
    /// It forgot everything but its firmware.
    FactoryReset,
    /// It accepted its license.
    Licensed(Direction),
    /// Something worth reading.
    Noted(String),
    /// Something a real phone would be harmed or stranded by.
    Failed(String),
}

/// What came of asking for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchOutcome {
    /// All of it came: bytes.
    Got(u64),
    /// There is none of that name.
    NotFound,
    /// Nobody answers there.
    Unreachable,
    /// It ended before its end, or with an error.
    Broken(String),
}

/// The journal of one phone; times are the phone's own.
#[derive(Debug)]
pub struct PhoneJournal {
    pace: Pace,
    start: Duration,
    entries: Mutex<VecDeque<(Duration, PhoneEvent)>>,
}

impl PhoneJournal {
    /// An empty journal of a phone whose time goes by `pace`.
    pub fn new(pace: Pace) -> Self {
        Self { start: pace.elapsed(), pace, entries: Mutex::default() }
    }

    /// Writes an entry.
    pub fn add(&self, event: PhoneEvent) {
        let at = self.pace.elapsed().saturating_sub(self.start);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back((at, event));
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> Vec<(Duration, PhoneEvent)> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// What a person reads.
impl fmt::Display for PhoneJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        let left_out = entries.len().saturating_sub(BEGINNING + END);
        for (index, (at, event)) in entries.iter().enumerate() {
            if left_out > 0 && index == BEGINNING {
                writeln!(f, "          … {left_out} lines …")?;
            }
            if index < BEGINNING || index >= BEGINNING + left_out {
                writeln!(f, "{:>5}.{:03} {event}", at.as_secs(), at.subsec_millis())?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for PhoneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Booted(load) => write!(f, "booted {load}"),
            Self::Leased(address, options) => write!(f, "leased {address}, options {options:?}"),
            Self::Asked { url, answer } => write!(f, "asked {url}: {answer}"),
            Self::Flashed(load) => write!(f, "flashed {load}"),
            Self::FactoryReset => f.write_str("factory reset"),
            Self::Licensed(direction) => write!(f, "licensed {direction:?}"),
            Self::Noted(what) => f.write_str(what),
            Self::Failed(what) => write!(f, "FAILED {what}"),
        }
    }
}

impl fmt::Display for FetchOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Got(bytes) => write!(f, "{bytes} bytes"),
            Self::NotFound => f.write_str("not found"),
            Self::Unreachable => f.write_str("nobody there"),
            Self::Broken(why) => write!(f, "broken: {why}"),
        }
    }
}
