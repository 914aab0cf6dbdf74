//! The journal of a virtual phone.

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use transload_pace::Pace;

use crate::shared::{Direction, LoadName};

/// Entries kept; the oldest give way.
const KEPT: usize = 2000;
/// Entries shown from the start and the end; those between repeat themselves.
const BEGINNING: usize = 60;
const END: usize = 20;

/// An event of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneEvent {
    /// The phone started with a load.
    Booted(LoadName),
    /// The phone has an address, with these options.
    Leased(Ipv4Addr, Vec<u8>),
    /// The phone asked for a file.
    Asked {
        /// The URL.
        url: String,
        /// The outcome.
        answer: FetchOutcome,
    },
    /// The phone wrote a load and starts it.
    Flashed(LoadName),
    /// The phone forgot everything but its firmware.
    FactoryReset,
    /// The phone accepted its license.
    Licensed(Direction),
    /// A remark.
    Noted(String),
    /// A failure that would harm or strand a real phone.
    Failed(String),
}

/// The outcome of a file request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchOutcome {
    /// The whole file came; its bytes.
    Got(u64),
    /// There is no such file.
    NotFound,
    /// Nobody answers.
    Unreachable,
    /// The transfer broke or ended with an error.
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
    /// An empty journal; `pace` is the phone's clock.
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

/// For people.
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
