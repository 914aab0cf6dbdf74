//! Phones whose DHCP messages get no answer, with the reason and the cure.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;

use transload_dhcp::event::{DhcpEvent, DhcpOutcome, Unserved};
use transload_dhcp::packet::MalformedMessage;
use transload_provision::hold::{Hold, NoAnswer, NotServed};
use transload_provision::journey::Assessment;
use transload_provision::mac::Mac;
use transload_provision::roster::Entry;
use transload_provision::time::Time;

use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::intake::leases::is_phone_by;
use crate::bench::views::phone::Stage;

/// Unlisted phones remembered; the oldest gives way.
const KEPT: usize = 256;

/// The phones that wait for an answer of our DHCP server.
#[derive(Debug, Default)]
pub(in crate::bench) struct UnansweredPhones {
    by_mac: HashMap<Mac, UnansweredPhone>,
    /// Unlisted phones, oldest first.
    unlisted: VecDeque<Mac>,
}

/// The reason that a phone waits.
#[derive(Debug, Clone)]
pub(in crate::bench) struct UnansweredPhone {
    pub(in crate::bench) first: Time,
    pub(in crate::bench) last: Time,
    why: Why,
    listed: bool,
    /// Bit set of the kinds of reasons already logged.
    logged: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    Unserved(Unserved),
    /// The phone takes the addresses of this other server.
    Elsewhere(Ipv4Addr),
}

impl Why {
    /// The reason for the wait, if the outcome of the message is one.
    fn of(outcome: &DhcpOutcome, is_new: bool) -> Option<Self> {
        match outcome {
            DhcpOutcome::Unserved(why) => Some(Self::Unserved(why.clone())),
            DhcpOutcome::ChoseOther(server) if is_new => Some(Self::Elsewhere(*server)),
            _ => None,
        }
    }

    fn kind(&self) -> u16 {
        1 << match self {
            Self::Unserved(Unserved::RelayInformation) => 0,
            Self::Unserved(Unserved::Relay(_)) => 1,
            Self::Unserved(Unserved::Network(_)) => 2,
            Self::Unserved(Unserved::NoAddress(_)) => 3,
            Self::Unserved(Unserved::Silent) => 4,
            Self::Unserved(Unserved::Option(_)) => 5,
            Self::Unserved(Unserved::MalformedMessage(_)) => 6,
            Self::Elsewhere(_) => 7,
        }
    }

    fn reason(&self) -> NotServed {
        let why = match self {
            Self::Elsewhere(server) => return NotServed::TakesOther { server: *server },
            Self::Unserved(why) => why,
        };
        let kind = match why {
            Unserved::RelayInformation => NoAnswer::RelayInformation,
            Unserved::Relay(relay) => NoAnswer::Relay(*relay),
            Unserved::Network(address) => NoAnswer::Network(*address),
            Unserved::NoAddress(_) => NoAnswer::PoolEmpty,
            Unserved::Silent => NoAnswer::Silent,
            Unserved::MalformedMessage(MalformedMessage::Cookie) => NoAnswer::Bootp,
            Unserved::Option(_) | Unserved::MalformedMessage(_) => NoAnswer::Unsound,
        };
        NotServed::NoAnswer { why: kind, said: why.to_string() }
    }
}

impl UnansweredPhones {
    pub(in crate::bench) fn get(&self, mac: Mac) -> Option<&UnansweredPhone> {
        self.by_mac.get(&mac)
    }

    pub(in crate::bench) fn macs(&self) -> impl Iterator<Item = Mac> {
        self.by_mac.keys().copied()
    }

    /// Records why a phone waits. Returns true if the log should say so.
    fn note(&mut self, mac: Mac, at: Time, why: Why, listed: bool) -> bool {
        if let Some(known) = self.by_mac.get_mut(&mac) {
            let news = known.logged & why.kind() == 0;
            known.logged |= why.kind();
            (known.last, known.why) = (at, why);
            return news;
        }
        let logged = why.kind();
        self.by_mac.insert(mac, UnansweredPhone { first: at, last: at, why, listed, logged });
        if listed {
            return true;
        }
        self.unlisted.push_back(mac);
        // A flood of made-up phones does not fill the log.
        if self.unlisted.len() <= KEPT {
            return true;
        }
        let oldest = self.unlisted.pop_front();
        oldest.and_then(|oldest| self.by_mac.remove(&oldest));
        false
    }

    /// Takes over the new roster. A phone that is no longer listed is remembered again at its next message.
    pub(in crate::bench) fn relist(&mut self, listed: impl Fn(Mac) -> bool) {
        self.by_mac.retain(|mac, refusal| {
            let is_listed = listed(*mac);
            let keep = is_listed || !refusal.listed;
            refusal.listed = is_listed;
            keep
        });
        self.unlisted.retain(|mac| !listed(*mac));
    }

    /// Removes a phone that was answered.
    fn forget(&mut self, mac: Mac) -> Option<UnansweredPhone> {
        let refusal = self.by_mac.remove(&mac)?;
        if !refusal.listed {
            self.unlisted.retain(|other| *other != mac);
        }
        Some(refusal)
    }
}

impl UnansweredPhone {
    /// The hold of this phone.
    pub(in crate::bench) fn hold(&self) -> Hold {
        self.why.reason().into()
    }

    /// The reason that the phone gets no answer.
    pub(in crate::bench) fn cause(&self) -> String {
        Hold::from(self.why.reason()).cause()
    }

    /// Differs whenever the reason differs.
    pub(in crate::bench) fn mark(&self) -> (Time, u16) {
        (self.first, self.why.kind())
    }
}

impl BenchState {
    /// Takes over another roster.
    pub(in crate::bench) fn list(&mut self, roster: Vec<Entry>) {
        self.roster = roster.into_iter().map(|entry| (entry.mac, entry)).collect();
        let Self { roster, listed_dhcp, unanswered, .. } = self;
        listed_dhcp.retain(|mac, _| roster.contains_key(mac));
        unanswered.relist(|mac| roster.contains_key(&mac));
    }

    /// True for a phone that is known, listed, or waits for an answer.
    pub(in crate::bench) fn shows(&self, mac: Mac) -> bool {
        self.phones.contains_key(&mac) || self.roster.contains_key(&mac) || self.unanswered.get(mac).is_some()
    }

    /// All phones to show.
    pub(in crate::bench) fn shown(&self) -> BTreeSet<Mac> {
        self.phones.keys().chain(self.roster.keys()).copied().chain(self.unanswered.macs()).collect()
    }

    /// The reason that a phone without an address gets none. A phone with an address asks again before its lease
    /// ends.
    pub(in crate::bench) fn refusal(&self, mac: Mac) -> Option<&UnansweredPhone> {
        let waits = self
            .phones
            .get(&mac)
            .is_none_or(|phone| phone.journey.address.is_none() || phone.journey.wants_address());
        self.unanswered.get(mac).filter(|_| waits)
    }

    /// The hold of a phone that gets no address.
    pub(in crate::bench) fn refused(&self, mac: Mac, verdict: &Assessment) -> Option<Hold> {
        let refusal = self.refusal(mac)?;
        matches!(verdict.stage, Stage::Absent | Stage::Seen).then(|| refusal.hold())
    }
}

impl Bench {
    /// Records the reason that a phone gets no answer, or that it was answered.
    pub(in crate::bench) fn note_refusal(&self, state: &mut BenchState, mac: Mac, event: &DhcpEvent) {
        let is_new = !state.phones.contains_key(&mac);
        let changed = match Why::of(&event.outcome, is_new) {
            Some(why) => {
                let is_phone = is_phone_by(state, mac, event.vendor_class.as_deref(), &event.request_list);
                is_phone && refuse(state, mac, Time(event.at), why)
            }
            None => is_served(&event.outcome) && state.unanswered.forget(mac).is_some(),
        };
        if changed {
            if !is_new {
                state.agenda.insert(mac, self.now());
            }
            self.publish(state, mac);
        }
    }
}

/// Records why a phone waits. Returns true if the reason is new.
fn refuse(state: &mut BenchState, mac: Mac, at: Time, why: Why) -> bool {
    let known = state.unanswered.get(mac).is_some_and(|refusal| refusal.why == why);
    let listed = state.roster.contains_key(&mac);
    let tell = state.unanswered.note(mac, at, why, listed);
    if let Some(UnansweredPhone { why, .. }) = state.unanswered.get(mac).filter(|_| tell) {
        let hold = Hold::from(why.reason());
        tracing::info!(%mac, cause = hold.cause(), cure = hold.cure(), "DHCP does not answer this phone");
    }
    !known
}

fn is_served(outcome: &DhcpOutcome) -> bool {
    matches!(outcome, DhcpOutcome::Offered | DhcpOutcome::Acknowledged | DhcpOutcome::Informed)
}
