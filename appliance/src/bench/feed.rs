//! What another DHCP server tells of its clients, and the verdicts on phones that it is told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::watch;
use transload_provision::feed::{Client, Event, Verdict, Word};
use transload_provision::journey::{Fact, Observation};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::leases::{is_phone_by, steer};
use super::{Bench, State, assess_as, verdict};
use crate::neighbors;

/// Verdicts handed out while the lock is held.
const AT_ONCE: usize = 128;

/// What has been said of each phone, for servers that ask later.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// By phone, with the version; `None` where it is known no more.
    said: BTreeMap<Mac, (u64, Option<Verdict>)>,
    latest: u64,
    /// Tells the latest version to whoever waits; none where there is no feed.
    news: Option<watch::Sender<u64>>,
}

impl Verdicts {
    fn say(&mut self, mac: Mac, now: Time, verdict: Option<Verdict>) {
        // Versions go on growing when the bench starts anew, as its clock does.
        self.latest = now.0.max(self.latest + 1);
        let version = self.latest;
        self.said.insert(mac, (version, verdict.map(|verdict| Verdict { version, ..verdict })));
        if let Some(news) = &self.news {
            news.send_replace(version);
        }
    }
}

impl Bench {
    /// From now on verdicts are kept for other DHCP servers; tells of each newest version.
    pub fn open_feed(&self) -> watch::Receiver<u64> {
        let (news, receiver) = watch::channel(0);
        self.state().verdicts.news = Some(news);
        self.judge_all();
        receiver
    }

    /// Judges every phone anew, a few at a time.
    fn judge_all(&self) {
        let macs: Vec<Mac> = {
            let state = self.state();
            let phones = state.phones.iter().filter(|(_, phone)| phone.written).map(|(mac, _)| mac);
            phones.chain(state.roster.keys()).chain(state.verdicts.said.keys()).copied().collect()
        };
        for macs in macs.chunks(AT_ONCE) {
            let mut state = self.state();
            for mac in macs {
                self.publish(&mut state, *mac);
            }
        }
    }

    /// Judges a phone anew, and tells of it if something has changed.
    pub(super) fn publish(&self, state: &mut State, mac: Mac) {
        if state.verdicts.news.is_none() {
            return;
        }
        let now = self.now();
        let known = state.phones.get(&mac).is_some_and(|phone| phone.written);
        let verdict = (known || state.roster.contains_key(&mac)).then(|| judge(state, now, mac));
        let said = state.verdicts.said.get(&mac).map(|(_, said)| said);
        let same = match (said, &verdict) {
            (None | Some(None), None) => true,
            (Some(Some(said)), Some(verdict)) => said.says_the_same(verdict),
            _ => false,
        };
        if !same {
            state.verdicts.say(mac, now, verdict);
        }
    }

    /// What is to be said to whoever knows all up to a version, in order, at most a bunch; then the version reached.
    pub fn words_since(&self, version: u64) -> (Vec<Word>, u64) {
        let state = self.state();
        let mut newer: Vec<_> = state
            .verdicts
            .said
            .iter()
            .filter(|(_, (at, _))| *at > version)
            .map(|(mac, said)| (said.0, *mac))
            .collect();
        newer.sort_unstable();
        newer.truncate(AT_ONCE);
        let reached = newer.last().map_or(version, |(at, _)| *at);
        let word = |&(version, mac): &(u64, Mac)| match state.verdicts.said.get(&mac) {
            Some((_, Some(verdict))) => Word::Verdict(verdict.clone()),
            _ => Word::Forget { mac, version },
        };
        (newer.iter().map(word).collect(), reached)
    }

    /// Takes in what another DHCP server tells.
    pub fn feed_event(&self, event: Event) {
        match event {
            Event::Hello { .. } => {}
            Event::Asked(client) => _ = self.client(client),
            Event::Lease { client, address, seconds } => {
                let mac = client.mac;
                let at = self.client(client);
                let mut state = self.state();
                state.addresses.lease_until(address, mac, at + Duration::from_secs(seconds.into()));
                let news = state.phones.get(&mac).is_some_and(|phone| phone.journey.address != Some(address));
                if news {
                    self.note_down(&mut state, mac, Fact::Leased { address });
                }
            }
            Event::Free { mac, address } => {
                let mut state = self.state();
                if state.addresses.leased_to(mac) == Some(address) {
                    state.addresses.free(address);
                }
            }
            Event::Dropped { count } => {
                tracing::warn!(
                    count,
                    "the other DHCP server could not keep all it had to tell; phones are known again when they renew"
                );
            }
        }
    }

    /// When it was heard.
    fn client(&self, client: Client) -> Time {
        let Client { mac, vendor_class, request_list, boot, ago, .. } = client;
        let at = Time(self.now().0.saturating_sub(ago));
        // Once DHCP is known to tell of boots, nothing else is taken for one.
        let Some(boot) = boot else { return at };
        let vendor_class = vendor_class.map(|class| class.trim_end_matches('\0').to_owned());
        let mut state = self.state();
        if is_phone_by(&state, mac, vendor_class.as_deref().map(str::as_bytes), &request_list) {
            // What it asked for since is after its boot, and told of that by itself.
            let asked = state.phones.get(&mac).and_then(|phone| phone.journey.asked);
            let boot = boot && asked.is_none_or(|asked| asked < at);
            self.note(&mut state, mac, at, boot, vendor_class, request_list);
        }
        at
    }

    /// Who has an address by the box's own neighbor table, where no lease of ours tells.
    pub(super) fn neighbor(&self, address: Ipv4Addr) -> Option<Mac> {
        let asks = {
            let state = self.state();
            !state.rules.gives_leases && state.addresses.leaseholder(address, self.now()).is_none()
        };
        if asks { neighbors::mac_of(address) } else { None }
    }

    /// Judges phones anew that a roster tells of, or told of.
    pub(super) fn roster_changed(&self) {
        if self.state().verdicts.news.is_some() {
            self.judge_all();
        }
    }
}

fn judge(state: &State, now: Time, mac: Mac) -> Verdict {
    Verdict::new(mac, 0, |fact| {
        let Some(fact) = fact else { return steer(state, mac, &verdict(state, now, mac)) };
        let mut journey = match state.phones.get(&mac) {
            Some(phone) => (*phone.journey).clone(),
            None => transload_provision::journey::Journey::new(mac, now),
        };
        journey.observe(&Observation { at: now, fact });
        steer(state, mac, &assess_as(state, now, mac, &journey))
    })
}
