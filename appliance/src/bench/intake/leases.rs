//! Turns DHCP messages into facts, and verdicts into DHCP options.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Weak;
use std::time::Duration;

use transload_dhcp::engine::SetAside;
use transload_dhcp::event::{DhcpEvent, DhcpOutcome};
use transload_dhcp::journal::{CommitCallback, CommitFailed, Journal};
use transload_dhcp::lease::{ClientKey, LeaseRecord, LeaseState};
use transload_dhcp::policy::{ClientRequest, Grant, Policy, PolicyDecision};
use transload_provision::client;
use transload_provision::documents::FileServer;
use transload_provision::journey::{Assessment, Fact, Journey, Next, Observation};
use transload_provision::mac::Mac;
use transload_provision::options::{
    Layer, Origin, PhoneOptions, Resolved, Site, Sourced, Steer, answer, find_class,
};
use transload_provision::time::Time;

use crate::bench::Bench;
use crate::bench::BenchState;
use crate::config::Reserved;
use crate::state::ledger::{self, Record};

/// Quiet time after which a renewal without news is recorded as a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(20 * 60);

impl Policy for Bench {
    fn decide(&self, client: &ClientRequest<'_>) -> PolicyDecision {
        let mac = Mac(client.mac);
        let mut state = self.state();
        let verdict = if is_phone_by(&state, mac, client.vendor_class, client.request_list) {
            let vendor_class = client.vendor_class.map(|class| String::from_utf8_lossy(class).into_owned());
            let (at, list) = (self.now(), client.request_list.to_vec());
            self.note(&mut state, mac, at, client.boots, vendor_class, list);
            let verdict = self.assess(&state, mac);
            if let Some(phone) = state.phones.get_mut(&mac) {
                phone.heard_at = Some(client.server);
                phone.given_as = Some(verdict.steered_as);
            }
            Some(verdict)
        } else {
            None
        };
        match given(&state, &Asker::of(client), verdict.as_ref(), grant) {
            Some(grant) => PolicyDecision::Grant(Grant { expected: is_expected(&state, mac), ..grant }),
            None => PolicyDecision::Ignore { reason: no_phone(client.vendor_class) },
        }
    }

    fn expects(&self, mac: transload_dhcp::MacOctets) -> bool {
        is_expected(&self.state(), Mac(mac))
    }
}

/// True for listed phones and for phones in the ledger. They go first where addresses are short.
fn is_expected(state: &BenchState, mac: Mac) -> bool {
    state.roster.contains_key(&mac) || state.phones.get(&mac).is_some_and(|phone| phone.written)
}

/// A DHCP client and the network it asks on.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct Asker<'a> {
    pub(in crate::bench) mac: Mac,
    pub(in crate::bench) client_id: Option<&'a [u8]>,
    pub(in crate::bench) vendor_class: Option<&'a [u8]>,
    /// The name of the client's network.
    pub(in crate::bench) network: &'a str,
    /// Our address on that network.
    pub(in crate::bench) server: Ipv4Addr,
}

impl<'a> Asker<'a> {
    fn of(client: &ClientRequest<'a>) -> Self {
        let ClientRequest { client_id, vendor_class, network, server, .. } = *client;
        Self { mac: Mac(client.mac), client_id, vendor_class, network, server }
    }

    /// The client's reservation on its network: by client identifier, else by MAC.
    pub(in crate::bench) fn reserved<'s>(&self, state: &'s BenchState) -> Option<&'s Reserved> {
        let reservations = &state.rules.given.reservations;
        let by_id = self.client_id.and_then(|id| reservations.get(&ClientKey::Id(id.to_vec())));
        let reserved = by_id.or_else(|| reservations.get(&ClientKey::Mac(self.mac.0)));
        reserved.filter(|reserved| reserved.network == self.network)
    }
}

/// The options of a client from all origins; `None` if the client gets no answer. `verdict` is present for phones
/// only.
pub(in crate::bench) fn given<R>(
    state: &BenchState,
    asker: &Asker<'_>,
    verdict: Option<&Assessment>,
    told: impl FnOnce(&Resolved<'_>) -> R,
) -> Option<R> {
    let class = find_class(&state.rules.classes, asker.vendor_class, asker.mac.oui());
    let reserved = asker.reserved(state);
    let built_in = verdict.map(|verdict| built_in(state, asker, verdict));
    if built_in.is_none() && class.is_none() && reserved.is_none() && !state.rules.admit_all {
        return None;
    }
    let origin = |origin, gives| Layer { origin, gives };
    let reserved = reserved.map(|reserved| origin(Origin::Reservation(&reserved.place), &reserved.gives));
    let network = state.rules.given.networks.get(asker.network).map(|network| {
        [origin(Origin::Network(&network.prefix), &network.own), origin(Origin::Global, &network.inherited)]
    });
    let more = reserved.into_iter().chain(network.into_iter().flatten());
    Some(told(&answer(class, built_in.as_ref(), more)))
}

/// The options that follow from the phone's persona.
fn built_in(state: &BenchState, asker: &Asker<'_>, verdict: &Assessment) -> PhoneOptions {
    let server = FileServer { address: asker.server, port: state.rules.settings.http_port };
    steer(state, asker.mac, verdict).options(server)
}

/// How a phone is steered, by our DHCP server or another.
pub(in crate::bench) fn steer(state: &BenchState, mac: Mac, verdict: &Assessment) -> Steer {
    let settings = &state.rules.settings;
    let home = settings.after.call_managers(mac, verdict.model.as_deref()).to_vec();
    let site = Site { home, ..settings.site() };
    site.steer(verdict.steered_as, verdict.next == Next::Final)
}

/// The grant for our DHCP server, which adds the options of networks itself.
fn grant(told: &Resolved<'_>) -> Grant {
    let special = |option: &&Sourced<'_>| !matches!(option.origin, Origin::Network(_) | Origin::Global);
    Grant {
        class: told.class.unwrap_or("no phone").to_owned(),
        next_server: told.next_server.map(|(address, _)| address),
        server_name: told.server_name.map(|(name, _)| name.to_owned()),
        boot_file: told.boot_file.map(|(file, _)| file.to_owned()),
        options: told
            .options
            .iter()
            .filter(special)
            .map(|option| (option.code, option.value.clone()))
            .collect(),
        ..Grant::default()
    }
}

/// True if the DHCP message identifies a phone, or the phone is known or listed.
pub(in crate::bench) fn is_phone_by(
    state: &BenchState,
    mac: Mac,
    vendor_class: Option<&[u8]>,
    requests: &[u8],
) -> bool {
    state.phones.contains_key(&mac)
        || state.roster.contains_key(&mac)
        || client::is_phone(vendor_class, requests, mac)
}

/// The reason that a client gets no answer.
pub(in crate::bench) fn no_phone(vendor_class: Option<&[u8]>) -> String {
    let said = vendor_class.map_or("nothing".into(), |class| {
        class
            .iter()
            .take(60)
            .map(|byte| char::from(*byte))
            .filter(|char| char.is_ascii_graphic() || *char == ' ')
            .collect::<String>()
    });
    format!("no phone (its vendor class: {said}); set dhcp.admit = \"all\" to serve it")
}

impl Bench {
    /// Records a phone's DHCP message if it says anything new.
    pub(in crate::bench) fn note(
        &self,
        state: &mut BenchState,
        mac: Mac,
        at: Time,
        boot: bool,
        vendor_class: Option<String>,
        request_list: Vec<u8>,
    ) {
        let known = state.phones.get(&mac).map(|phone| &phone.journey);
        let beats = known.is_some_and(|journey| journey.heard.is_none_or(|heard| at - heard >= HEARTBEAT));
        let news = known.is_none_or(|journey| {
            let said = journey.vendor_class != vendor_class || journey.request_list != request_list;
            // A repeated DISCOVER is the same boot until the phone has an address or asks for a file.
            let asked =
                journey.booted.is_none_or(|booted| journey.asked.is_some_and(|asked| asked >= booted));
            let leased = !journey.wants_address() && journey.stays.last().is_some_and(|stay| stay.from < at);
            let again = boot && (asked || leased);
            said || again
        });
        let fact = Fact::Dhcp { boot, vendor_class, request_list };
        if news {
            self.note_down_at(state, mac, fact, at);
        } else if beats {
            self.note_lazily(state, mac, &Observation::new(at, fact));
        }
    }

    /// Records a phone's lease if its address is new or the phone has just started.
    pub(in crate::bench) fn note_lease(&self, state: &mut BenchState, mac: Mac, address: Ipv4Addr) {
        let news = |journey: &Journey| journey.address != Some(address) || journey.wants_address();
        let Some(phone) = state.phones.get(&mac).filter(|phone| news(&phone.journey)) else { return };
        let persona = phone.given_as.unwrap_or_else(|| self.assess(state, mac).steered_as);
        self.note_down(state, mac, Fact::Leased { address });
        self.note_down(state, mac, Fact::OptionsGiven { persona });
    }

    /// Takes in the outcome of a DHCP message.
    pub fn dhcp_event(&self, event: &DhcpEvent, took: Duration) {
        self.metrics.dhcp(event, took);
        let (mac, address) = (Mac(event.mac), event.address);
        let mut state = self.state();
        state.remember(mac, event);
        self.note_refusal(&mut state, mac, event);
        drop(state);
        match (&event.outcome, address) {
            (DhcpOutcome::Acknowledged, Some(address)) => {
                let mut state = self.state();
                let until = Time(event.lease_ends.unwrap_or(u64::MAX));
                state.addresses.lease(address, mac, until);
                self.note_lease(&mut state, mac, address);
            }
            (DhcpOutcome::Released, Some(address)) => self.state().addresses.free(address),
            (DhcpOutcome::Declined, Some(address)) => {
                self.state().addresses.free(address);
                // RFC 2131 §4.3.3: the administrator should be told.
                tracing::warn!(
                    %mac, %address,
                    cure = "find that machine, or exclude the address (dhcp.exclude)",
                    "the phone declined this address because another machine uses it"
                );
            }
            (DhcpOutcome::Conflict(user), Some(address)) => {
                tracing::warn!(
                    %mac, %address, user = %Mac(*user),
                    cure = "find that machine, or exclude the address (dhcp.exclude)",
                    "this address is not offered because another machine uses it"
                );
            }
            (DhcpOutcome::Ignored(reason), _) => tracing::debug!(%mac, %reason, "DHCP message not answered"),
            (DhcpOutcome::Unserved(reason), _) => tracing::debug!(%mac, %reason, "DHCP message not answered"),
            (DhcpOutcome::Refused(reason), _) => tracing::info!(%mac, %reason, "DHCP request refused"),
            (DhcpOutcome::NotSaved(reason), _) => {
                tracing::error!(
                    %mac, %reason,
                    cure = "free space on the ledger's disk",
                    "the phone gets no lease, because it could not be saved"
                );
            }
            _ => {}
        }
    }

    /// Leases by state.
    pub fn leases(&self) -> BTreeMap<&'static str, f64> {
        let mut count =
            BTreeMap::from(["bound", "expired", "released", "declined"].map(|state| (state, 0.0)));
        let now = self.now().0;
        let server = self.dhcp.get().and_then(Weak::upgrade);
        for lease in server.iter().flat_map(|server| server.leases()) {
            let state = match lease.state {
                LeaseState::Bound if lease.is_bound(now) => "bound",
                LeaseState::Bound => "expired",
                LeaseState::Released => "released",
                LeaseState::Declined => "declined",
            };
            *count.entry(state).or_default() += 1.0;
        }
        count
    }

    /// Datagrams that the DHCP server did not handle: malformed ones, and those over the limit.
    pub fn unobserved(&self) -> (u64, u64) {
        self.dhcp.get().and_then(Weak::upgrade).map_or((0, 0), |server| server.unobserved())
    }

    /// Addresses that DHCP has set aside because another machine seems to use them; `None` if DHCP is off.
    pub fn set_aside(&self) -> Option<SetAside> {
        self.dhcp.get().and_then(Weak::upgrade).map(|server| server.set_aside())
    }

    /// Restores leases after a restart.
    pub fn restore_leases(&self, leases: &[LeaseRecord]) {
        let now = self.now().0;
        let mut state = self.state();
        for lease in leases.iter().filter(|lease| lease.is_bound(now)) {
            state.addresses.lease(lease.address, Mac(lease.mac), Time(lease.expires));
        }
    }
}

impl Journal for Bench {
    fn commit(&self, records: Vec<LeaseRecord>, done: CommitCallback) {
        let rows = records.into_iter().map(Record::Lease).collect();
        let done = |result: Result<(), ledger::WriteFailed>| {
            done(result.map_err(|error| CommitFailed(error.to_string())));
        };
        self.ledger.append_then(rows, Box::new(done));
    }
}
