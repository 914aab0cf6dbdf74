//! Takes in facts from another DHCP server and publishes verdicts to it.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::watch;
use transload_provision::feed::{FeedClient, FeedEvent, FeedMessage, Verdict};
use transload_provision::journey::Observation;
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::assess_as;
use crate::bench::intake::leases::{is_phone_by, steer};
use crate::bench::verdict;
use crate::system::neighbors;

/// Forgotten phones that are remembered for readers of the feed.
const FORGOTTEN_KEPT: usize = 8192;

/// The published verdict of each phone, kept for readers that connect later.
#[derive(Debug, Default)]
pub(in crate::bench) struct PublishedVerdicts {
    /// By phone, with the version; `None` for a forgotten phone.
    said: BTreeMap<Mac, (u64, Option<Verdict>)>,
    /// Phones by the version of their latest verdict.
    order: BTreeMap<u64, Mac>,
    /// Versions of removals, and the newest version whose removal is no longer remembered.
    forgotten: VecDeque<u64>,
    complete_since: u64,
    latest: u64,
    /// Announces the latest version to readers; `None` without a feed.
    news: Option<watch::Sender<u64>>,
}

impl PublishedVerdicts {
    fn say(&mut self, mac: Mac, now: Time, verdict: Option<Verdict>) {
        // Versions keep growing across restarts, because the clock does.
        self.latest = now.0.max(self.latest + 1);
        let version = self.latest;
        if verdict.is_none() {
            self.forgotten.push_back(version);
        }
        if let Some((earlier, _)) =
            self.said.insert(mac, (version, verdict.map(|verdict| Verdict { version, ..verdict })))
        {
            self.order.remove(&earlier);
        }
        self.order.insert(version, mac);
        while self.forgotten.len() > FORGOTTEN_KEPT {
            let Some(version) = self.forgotten.pop_front() else { break };
            self.complete_since = version;
            // The phone may have become known again.
            if let Some(mac) = self.order.remove(&version) {
                self.said.remove(&mac);
            }
        }
        if let Some(news) = &self.news {
            news.send_replace(version);
        }
    }

    fn since(&self, version: u64) -> Option<(Vec<FeedMessage>, u64)> {
        if version > 0 && version < self.complete_since {
            return None;
        }
        let newer = || self.order.range(version + 1..).take(Bench::MESSAGES_AT_ONCE);
        let word = |(version, mac): (&u64, &Mac)| match self.said.get(mac) {
            Some((_, Some(verdict))) => FeedMessage::Verdict(verdict.clone()),
            _ => FeedMessage::Forget { mac: *mac, version: *version },
        };
        let reached = newer().last().map_or(version, |(version, _)| *version);
        Some((newer().map(word).collect(), reached))
    }
}

impl Bench {
    /// Verdicts handed out under one hold of the lock.
    pub const MESSAGES_AT_ONCE: usize = 128;

    /// Starts to keep verdicts for other DHCP servers; the receiver gets each newest version.
    pub fn open_feed(&self) -> watch::Receiver<u64> {
        let (news, receiver) = watch::channel(0);
        self.state().verdicts.news = Some(news);
        self.judge_all();
        receiver
    }

    /// Judges every phone again, a few at a time.
    fn judge_all(&self) {
        let macs: Vec<Mac> = {
            let state = self.state();
            let phones = state.phones.iter().filter(|(_, phone)| phone.written).map(|(mac, _)| mac);
            phones.chain(state.roster.keys()).chain(state.verdicts.said.keys()).copied().collect()
        };
        for macs in macs.chunks(Self::MESSAGES_AT_ONCE) {
            let mut state = self.state();
            for mac in macs {
                self.publish(&mut state, *mac);
            }
        }
    }

    /// Judges a phone again and announces its verdict if it changed.
    pub(in crate::bench) fn publish(&self, state: &mut BenchState, mac: Mac) {
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

    /// Verdicts after `version` (0: all), in order, at most [`MESSAGES_AT_ONCE`], with the version reached. `None` means
    /// that the reader is too far behind and must start again.
    pub fn messages_since(&self, version: u64) -> Option<(Vec<FeedMessage>, u64)> {
        self.state().verdicts.since(version)
    }

    /// Takes in an event from another DHCP server.
    pub fn feed_event(&self, event: FeedEvent) {
        match event {
            FeedEvent::Hello { .. } => {}
            FeedEvent::Asked(client) => _ = self.client(client),
            FeedEvent::Lease { client, address, seconds } => {
                let mac = client.mac;
                let at = self.client(client);
                let mut state = self.state();
                state.addresses.lease_elsewhere(address, mac, at + Duration::from_secs(seconds.into()));
                self.note_lease(&mut state, mac, address);
            }
            FeedEvent::Free { mac, address } => {
                let mut state = self.state();
                if state.addresses.leased_to(mac) == Some(address) {
                    state.addresses.free(address);
                }
            }
            FeedEvent::Dropped { count } => {
                tracing::warn!(
                    count,
                    "the other DHCP server lost events while it could not reach this bench; each phone is known \
                     again when it renews"
                );
            }
        }
    }

    /// Takes in a client's DHCP message; returns its time.
    fn client(&self, client: FeedClient) -> Time {
        let FeedClient { mac, vendor_class, request_list, boot, ago, .. } = client;
        let at = Time(self.now().0.saturating_sub(ago));
        // Once DHCP reports boots, no other signal counts as a boot.
        let Some(boot) = boot else { return at };
        let vendor_class = vendor_class.map(|class| class.trim_end_matches('\0').to_owned());
        let mut state = self.state();
        if is_phone_by(&state, mac, vendor_class.as_deref().map(str::as_bytes), &request_list) {
            // A file request after the boot is reported by its own event.
            let asked = state.phones.get(&mac).and_then(|phone| phone.journey.asked);
            let boot = boot && asked.is_none_or(|asked| asked < at);
            self.note(&mut state, mac, at, boot, vendor_class, request_list);
        }
        at
    }

    /// The holder of an address by the box's neighbor table, for an address without a lease of ours.
    pub(in crate::bench) fn neighbor(&self, address: Ipv4Addr) -> Option<Mac> {
        let asks = {
            let state = self.state();
            !state.rules.gives_leases && state.addresses.leaseholder(address, self.now()).is_none()
        };
        if asks { neighbors::mac_of(address) } else { None }
    }

    /// Takes in a new roster and judges its phones again.
    pub(in crate::bench) fn roster_changed(&self) {
        self.note_roster();
        if self.state().verdicts.news.is_some() {
            self.judge_all();
        }
    }
}

fn judge(state: &BenchState, now: Time, mac: Mac) -> Verdict {
    Verdict::new(mac, 0, |fact| {
        let Some(fact) = fact else { return steer(state, mac, &verdict(state, now, mac)) };
        let mut journey = match state.phones.get(&mac) {
            Some(phone) => (*phone.journey).clone(),
            None => transload_provision::journey::Journey::new(mac, now),
        };
        journey.observe(&Observation::new(now, fact));
        steer(state, mac, &assess_as(state, now, mac, &journey))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use transload_provision::client::Persona;
    use transload_provision::options::Site;

    use super::*;

    /// A reader of the feed: the phones it knows and the version it has reached.
    #[derive(Default)]
    struct FeedReader(BTreeSet<Mac>, u64);

    impl FeedReader {
        /// `None` if the reader must start again.
        fn read(&mut self, verdicts: &PublishedVerdicts) -> Option<Vec<Mac>> {
            loop {
                let (words, reached) = verdicts.since(self.1)?;
                if words.is_empty() {
                    return Some(self.0.iter().copied().collect());
                }
                self.1 = reached;
                for word in words {
                    match word {
                        FeedMessage::Verdict(verdict) => _ = self.0.insert(verdict.mac),
                        FeedMessage::Forget { mac, .. } => _ = self.0.remove(&mac),
                        _ => panic!("{word:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn however_many_phones_come_and_go_a_server_knows_those_that_are_there_or_begins_anew() {
        let mac = |number: u32| Mac([&[0xc4, 0xb9], &number.to_be_bytes()[..]].concat().try_into().unwrap());
        let say = |verdicts: &mut PublishedVerdicts, number, known: bool| {
            let verdict = Verdict::new(mac(number), 0, |_| Site::default().steer(Persona::Enterprise, false));
            verdicts.say(mac(number), Time(0), known.then_some(verdict));
        };
        let (mut verdicts, mut reader) = (PublishedVerdicts::default(), FeedReader::default());
        let strangers = FORGOTTEN_KEPT as u32 + 100;
        say(&mut verdicts, 0, true);
        for number in 1..=strangers {
            say(&mut verdicts, number, true);
            if number == 1 {
                assert_eq!(reader.read(&verdicts), Some(vec![mac(0), mac(1)]));
            }
            say(&mut verdicts, number, false);
        }
        assert_eq!(reader.read(&verdicts), None, "it would not hear that the second phone was forgotten");
        let mut reader = FeedReader::default();
        assert_eq!(reader.read(&verdicts), Some(vec![mac(0)]));
        // A phone that returns is known, however many are forgotten after it.
        say(&mut verdicts, strangers, true);
        for number in 1..=strangers {
            say(&mut verdicts, 1 + number % 100, true);
            say(&mut verdicts, 1 + number % 100, false);
            assert_eq!(reader.read(&verdicts), Some(vec![mac(0), mac(strangers)]));
        }
        assert_eq!(verdicts.said.len(), verdicts.order.len());
        assert!(verdicts.said.len() <= FORGOTTEN_KEPT + 2, "{} phones", verdicts.said.len());
    }
}
