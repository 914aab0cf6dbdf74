//! Decides a file request: the requester, the file meant, and whether this phone may have it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use transload_pace::WorkGuard;
use transload_provision::documents::FileServer;
use transload_provision::journey::{self, Assessment, Fact, Heard, Next, Request};
use transload_provision::load::{LoadName, Side};
use transload_provision::mac::Mac;
use transload_provision::names::{self, Asked};
use transload_provision::routine::routine;
use transload_provision::settings::Parameters;

use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::Tracker;
use crate::bench::intake::boot_file::BootFile;
use crate::bench::intake::identity::requester;
use crate::bench::intake::others::{counts_as_phone, is_known_or_may_be};
use crate::bench::judge::answer;
use crate::bench::record::Hearing;
use crate::listeners::{FileAnswer, FileProtocol, FileRequest, Plane};
use crate::state::ledger::Ticket;
use crate::state::library::OpenFile;

/// The longest file name kept as evidence, in characters.
const NAME_KEPT: usize = 120;

/// An answer, the ledger tickets it waits for, and the tracker of its transfer.
struct RecordedAnswer {
    served: FileAnswer,
    before: Vec<Ticket>,
    phone: Option<Mac>,
}

impl RecordedAnswer {
    fn now(served: FileAnswer, phone: Option<Mac>) -> Self {
        Self { served, before: Vec::new(), phone }
    }
}

impl Plane for Bench {
    type Tracker = Tracker;

    fn is_leased(&self, address: Ipv4Addr) -> bool {
        self.state().addresses.leaseholder(address, self.now()).is_some()
    }

    fn serving(&self, client: SocketAddr) -> WorkGuard {
        self.pace().transfer(client)
    }

    async fn fetch(self: &Arc<Self>, fetch: FileRequest) -> (FileAnswer, Tracker) {
        let asked = names::parse(&fetch.path);
        // Files for everybody are opened before the lock is taken, so that a slow disk delays no decision.
        let file = match &asked {
            Asked::Component { .. } | Asked::Other { .. } | Asked::Profile { psn: None, .. } => {
                names::inner(&fetch.path).and_then(|inner| self.library().open(&inner))
            }
            _ => None,
        };
        let hearing = Hearing { at: self.now(), heard: heard(fetch.protocol) };
        let RecordedAnswer { mut served, before, phone } = self.decide(&fetch, asked, file, hearing);
        for ticket in before {
            if let Err(error) = ticket.await {
                tracing::error!(
                    path = %fetch.path, %error,
                    cure = "free space on the ledger's disk",
                    "the request is not answered, because the ledger cannot be written"
                );
                served = FileAnswer::Busy;
            }
        }
        if let (FileAnswer::Busy, Some(mac)) = (&served, phone) {
            self.withdraw(mac, hearing);
        }
        self.metrics.request(fetch.protocol, &served);
        let tracker = match &served {
            FileAnswer::File(file) if !fetch.head_only => {
                Tracker::of_file(self, phone, fetch.protocol, file.name.clone(), file.size, hearing)
            }
            FileAnswer::Document { .. } => Tracker::of_document(self, phone, hearing),
            _ => Tracker::idle(self),
        };
        (served, tracker)
    }
}

impl Bench {
    fn decide(
        &self,
        fetch: &FileRequest,
        asked: Asked,
        file: Option<OpenFile>,
        hearing: Hearing,
    ) -> RecordedAnswer {
        let IpAddr::V4(address) = fetch.peer.ip() else {
            return RecordedAnswer::now(FileAnswer::NotFound, None);
        };
        let neighbor = self.neighbor(address);
        let mut state = self.state();
        let state = &mut *state;
        let agent = fetch.user_agent.as_deref();
        let requester = requester(state, address, &asked, &fetch.path, agent, neighbor, hearing.at);
        if let Some((mac, what)) = requester.concerns.zip(requester.doubt) {
            if is_known_or_may_be(state, mac) {
                self.contradicts(state, mac, what);
            } else {
                tracing::info!(%mac, %what, "signals about a client that is no phone disagree");
            }
        }
        let phone = |mac: &Mac| counts_as_phone(state, *mac, &asked, agent);
        let mac = requester.phone.filter(phone);
        if let Some(other) = requester.concerns.filter(|_| mac.is_none()) {
            state.hear_other(other, hearing.at);
        }
        if mac.is_none() && requester.concerns.is_none() && is_for_a_phone(&asked) {
            let name: String = fetch.path.chars().take(NAME_KEPT).collect();
            if state.unleased.note(address, &name, requester.named, hearing.at) {
                tracing::warn!(
                    %address, name, "an address without a lease asked for a phone's file and got no answer"
                );
            }
        }
        if let Some(mac) = mac {
            let known = state.phones.get(&mac).and_then(|phone| phone.journey.address);
            if known != Some(address) {
                self.observe_heard(state, mac, Fact::Leased { address }, hearing);
            }
            let Some(phone) = state.phones.get_mut(&mac).filter(|phone| phone.written) else {
                // An answer that cannot be recorded is not given.
                return RecordedAnswer::now(FileAnswer::Busy, None);
            };
            phone.heard_at = Some(fetch.local);
        }
        match (asked, mac) {
            (Asked::PhoneConfig { signed, .. }, Some(mac)) => {
                self.config(state, mac, &BootFile::Enterprise { default: false, signed }, fetch, hearing)
            }
            (Asked::DefaultConfig { signed }, Some(mac)) => {
                self.config(state, mac, &BootFile::Enterprise { default: true, signed }, fetch, hearing)
            }
            (Asked::Profile { psn, .. }, Some(mac)) => {
                self.config(state, mac, &BootFile::Profile { psn }, fetch, hearing)
            }
            (Asked::Root, Some(mac)) => {
                self.config(state, mac, &BootFile::Profile { psn: None }, fetch, hearing)
            }
            (Asked::License { mac: Some(named), .. }, Some(mac)) if named == mac => {
                self.license(state, mac, fetch, hearing)
            }
            (Asked::Loads { load }, Some(mac)) => self.loads(state, mac, &load, fetch, hearing),
            // For a device of another maker, a profile named by its address is an ordinary file.
            (Asked::Profile { psn: None, .. }, None) if file.is_some() => match file {
                Some(file) => RecordedAnswer::now(FileAnswer::File(file), None),
                None => RecordedAnswer::now(FileAnswer::NotFound, None),
            },
            (Asked::Component { .. } | Asked::Other { .. }, mac) => match file {
                Some(file) => RecordedAnswer::now(FileAnswer::File(file), mac),
                None => self.missing(state, mac, &names::inner(&fetch.path).unwrap_or_default(), hearing),
            },
            (Asked::TrustList { .. } | Asked::Refused, _) => RecordedAnswer::now(FileAnswer::NotFound, mac),
            (_, mac) => self.missing(state, mac, &names::bare(&fetch.path).unwrap_or_default(), hearing),
        }
    }

    fn missing(
        &self,
        state: &mut BenchState,
        mac: Option<Mac>,
        name: &str,
        hearing: Hearing,
    ) -> RecordedAnswer {
        if let Some(mac) = mac {
            self.note_missing(state, mac, name, hearing);
        }
        RecordedAnswer::now(FileAnswer::NotFound, mac)
    }

    fn note_missing(&self, state: &mut BenchState, mac: Mac, name: &str, hearing: Hearing) {
        let name: String = name.chars().take(NAME_KEPT).collect();
        let known = state.phones.get(&mac).is_some_and(|phone| phone.journey.missing.contains_key(&name));
        if let Some(routine) = routine(&name) {
            tracing::debug!(
                %mac, name, holds = routine.what, "the phone asked for a missing file that it does without"
            );
        } else if !known {
            let nearest = state.library.nearest(&name);
            tracing::info!(%mac, name, nearest, "the phone asked for a missing file");
        }
        self.observe_heard(state, mac, Fact::Missing { name }, hearing);
    }

    /// Gives a license only on two-way evidence: the first TFTP request may be forged.
    fn license(
        &self,
        state: &mut BenchState,
        mac: Mac,
        fetch: &FileRequest,
        hearing: Hearing,
    ) -> RecordedAnswer {
        let direction = state.rules.settings.direction;
        let met = state.phones.get(&mac).is_some_and(|phone| phone.journey.is_met());
        let file =
            state.library.open_license(direction, mac).filter(|_| met || hearing.heard == Heard::TwoWay);
        let Some(file) = file else {
            return self.missing(state, Some(mac), &format!("{mac}.lic"), hearing);
        };
        let given = (!fetch.head_only).then_some(Fact::LicenseGiven { direction });
        let before = given.and_then(|given| self.observe_heard(state, mac, given, hearing));
        RecordedAnswer {
            served: FileAnswer::File(file),
            before: before.into_iter().collect(),
            phone: Some(mac),
        }
    }

    /// Gives a `.loads` file only if the journey permits the load, whoever named it. The fact is in the ledger before
    /// the answer leaves: a bench without this fact could restart the phone while it writes flash.
    fn loads(
        &self,
        state: &mut BenchState,
        mac: Mac,
        name: &str,
        fetch: &FileRequest,
        hearing: Hearing,
    ) -> RecordedAnswer {
        let load = name.parse::<LoadName>().ok();
        let proven = hearing.heard == Heard::TwoWay;
        let verdict = answer(state, hearing.at, mac, Request::Load { proven });
        let permitted = load.filter(|load| verdict.permits(load, &state.library.index));
        let file = permitted.as_ref().and_then(|load| state.library.open(&load.loads_file()));
        let (Some(load), Some(file)) = (permitted, file) else {
            let loads_file = format!("{name}.loads");
            if state.library.has(&loads_file) {
                tracing::warn!(
                    %mac, load = %name, "the phone asked for a load that it may not have now and got \"not found\""
                );
            } else {
                self.note_missing(state, mac, &loads_file, hearing);
            }
            let name = name.chars().take(NAME_KEPT).collect();
            self.observe_heard(state, mac, Fact::LoadsRefused { name }, hearing);
            return RecordedAnswer::now(FileAnswer::NotFound, Some(mac));
        };
        let given = (!fetch.head_only).then_some(Fact::LoadsGiven { load });
        let before = given.and_then(|given| self.observe_heard(state, mac, given, hearing));
        let before = before.into_iter().collect();
        RecordedAnswer { served: FileAnswer::File(file), before, phone: Some(mac) }
    }

    fn config(
        &self,
        state: &mut BenchState,
        mac: Mac,
        config: &BootFile,
        fetch: &FileRequest,
        hearing: Hearing,
    ) -> RecordedAnswer {
        let model = match config {
            BootFile::Profile { psn: Some(psn) } => psn.split('-').next().map(str::to_owned),
            _ => None,
        };
        let signed = matches!(config, BootFile::Enterprise { signed: true, .. });
        let side = config.side();
        let user_agent = fetch.user_agent.as_ref().map(|agent| agent.chars().take(NAME_KEPT).collect());
        let fact = Fact::ConfigAsked { side, signed, model, user_agent };
        let asked = if fetch.head_only { None } else { self.config_asked(state, mac, fact, hearing) };
        if signed {
            return RecordedAnswer::now(FileAnswer::NotFound, Some(mac));
        }
        let verdict = match hearing.heard {
            Heard::OneWay => answer(state, hearing.at, mac, Request::Datagram(hearing.at)),
            _ => self.assess(state, mac),
        };
        let journey = state.phones.get(&mac).map(|phone| &phone.journey).filter(|_| !fetch.head_only);
        for unsaid in journey.map(|journey| verdict.unsays(journey, side)).unwrap_or_default() {
            self.observe_heard(state, mac, unsaid, hearing);
        }
        let settings = &state.rules.settings;
        let server = FileServer { address: fetch.local, port: settings.http_port };
        let told = match &verdict.next {
            Next::Final => settings.after.parameters(mac, verdict.model.as_deref(), state.roster.get(&mac)),
            _ => Parameters::default(),
        };
        if !told.unfilled.is_empty() && side == Side::Multiplatform {
            let left_out = told.unfilled.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            tracing::warn!(
                %mac, left_out,
                cure = "complete the line",
                "the phone's roster line has no value for these parameters of [after]"
            );
        }
        let document = config.document(&verdict, server, settings, &state.catalog, mac, &told.filled);
        let body = document.unwrap_or_else(|error| {
            tracing::error!(%mac, %error, cure = "correct the configuration", "the phone gets no document");
            None
        });
        if !fetch.head_only {
            self.note_answer(state, mac, config.answer(&verdict, body.is_some()), side, hearing);
        }
        let Some(body) = body else { return RecordedAnswer::now(FileAnswer::NotFound, Some(mac)) };
        // A repeated answer waits too: the record of the first one may still be queued, and the ledger commits in
        // order.
        let mut before = Vec::new();
        if let (Some(asked), Next::Load { .. }) = (asked, &verdict.next) {
            before.push(asked);
            before.extend(self.offer(state, mac, &verdict, side, hearing));
        }
        let served = FileAnswer::Document { body: Bytes::from(body), content_type: "text/xml" };
        RecordedAnswer { served, before, phone: Some(mac) }
    }

    /// Records the answer to a configuration request if it differs from the previous one.
    fn note_answer(
        &self,
        state: &mut BenchState,
        mac: Mac,
        answer: journey::Answer,
        side: Side,
        hearing: Hearing,
    ) {
        let before = state.phones.get(&mac).and_then(|phone| phone.worlds.observed().answer(side));
        if before != Some(&answer) {
            self.observe_heard(state, mac, Fact::Answered { side, answer }, hearing);
        }
    }

    /// Records a configuration request. Phones at rest share a later commit.
    fn config_asked(&self, state: &mut BenchState, mac: Mac, fact: Fact, hearing: Hearing) -> Option<Ticket> {
        let rests = state.phones.get(&mac).is_some_and(|phone| phone.journey.proven().finish.is_some());
        if !rests {
            return self.observe_heard(state, mac, fact, hearing);
        }
        self.note_lazily_heard(state, mac, fact, hearing);
        None
    }

    /// Withdraws an instruction that could not be recorded; the next document gives it anew.
    fn withdraw(&self, mac: Mac, hearing: Hearing) {
        let mut state = self.state();
        if let Some(phone) = state.phones.get_mut(&mac) {
            phone.journey.withdraw_offers(self.now());
        }
        for side in [Side::Enterprise, Side::Multiplatform] {
            let fact = Fact::Answered { side, answer: journey::Answer::Nothing };
            state.take(mac, &hearing.of(fact));
        }
    }

    /// Records a document that names a new load before it leaves.
    fn offer(
        &self,
        state: &mut BenchState,
        mac: Mac,
        verdict: &Assessment,
        side: Side,
        hearing: Hearing,
    ) -> Vec<Ticket> {
        let Next::Load { load, when, attempt, .. } = &verdict.next else {
            return Vec::new();
        };
        let held = state.phones.get(&mac).is_some_and(|phone| phone.journey.holds_offer(load, *attempt));
        if held {
            return Vec::new();
        }
        let conditional = when.is_some();
        let branches = [Some((load, when.clone())), when.as_ref().map(|otherwise| (otherwise, None))];
        branches
            .into_iter()
            .flatten()
            .filter_map(|(load, when)| {
                let fact = Fact::Offered {
                    load: load.clone(),
                    when,
                    conditional,
                    attempt: *attempt,
                    side,
                    catalog: state.catalog.digest.clone(),
                };
                self.observe_heard(state, mac, fact, hearing)
            })
            .collect()
    }
}

/// The TCP handshake proves that the client answers at its address; a datagram needs an acknowledgment first.
fn heard(protocol: FileProtocol) -> Heard {
    match protocol {
        FileProtocol::Http => Heard::TwoWay,
        FileProtocol::Tftp => Heard::OneWay,
    }
}

/// True for files that only their own phone gets.
fn is_for_a_phone(asked: &Asked) -> bool {
    matches!(
        asked,
        Asked::PhoneConfig { .. }
            | Asked::DefaultConfig { .. }
            | Asked::Profile { .. }
            | Asked::License { .. }
            | Asked::Loads { .. }
    )
}
