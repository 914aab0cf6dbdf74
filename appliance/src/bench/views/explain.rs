//! Explains the present answer to a client and the next one.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use transload_dhcp::lease::{LeaseRecord, LeaseState};
use transload_dhcp::options;
use transload_provision::client;
use transload_provision::journey::{Assessment, Journey, Next};
use transload_provision::mac::Mac;
use transload_provision::options::{Origin, Resolved, find_class};
use transload_provision::text;
use transload_provision::time::Time;
use utoipa::ToSchema;

use crate::bench::BenchState;
use crate::bench::assess_as;
use crate::bench::belief;
use crate::bench::intake::leases::{Asker, given, is_phone_by, no_phone};
use crate::bench::intake::others::is_other;
use crate::bench::views::phone::{HoldView, PhoneView};
use crate::bench::views::show;
use crate::bench::views::timeline::{Moment, timeline};
use crate::config::NetworkGives;
use crate::config::values::has_host;
use crate::system::utc;

/// Origin of the options that the server writes itself.
const SERVER: &str = "the server";

/// Everything there is to say about one client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The client.
    pub mac: Mac,
    /// As in `status`; null for a client that was never seen and is not listed.
    pub phone: Option<PhoneView>,
    /// It is in the roster.
    pub listed: bool,
    /// The DHCP class it is in, and why, or why it is in none.
    pub class: ClassView,
    /// Option 60 as last sent.
    pub vendor_class: Option<String>,
    /// Its network and our address there, as it was last heard or would be.
    pub network: Option<NetworkView>,
    /// Its lease, current or past.
    pub lease: Option<LeaseView>,
    /// Where an address is kept for it: file and line.
    pub reservation: Option<String>,
    /// What DHCP gives it; empty where it gets no answer.
    pub options: Vec<GivenOption>,
    /// The loads it is known to have run, and why the present one is believed.
    pub belief: BeliefView,
    /// When it was first and last given its license.
    pub license_given: Option<LicenseGiven>,
    /// Signals that disagreed, the oldest first; the stronger one counts.
    #[serde(default)]
    pub contradictions: Vec<Contradiction>,
    /// What it is given when it asks for its configuration.
    pub next: NextStep,
    /// What stops it, or would stop it as soon as it appears.
    pub hold: Option<HoldView>,
    /// What came of its last DHCP message since the program started.
    pub last_dhcp: Option<String>,
    /// What happened to it, oldest first, as far as it is kept.
    #[serde(default)]
    pub timeline: Vec<Moment>,
}

/// A class and its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Class)]
pub struct ClassView {
    /// Its name; null where it is in none.
    pub name: Option<String>,
    /// Why.
    pub why: String,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Network)]
pub struct NetworkView {
    /// Its addresses.
    pub subnet: String,
    /// Our address there.
    #[schema(value_type = String, format = Ipv4)]
    pub server: Ipv4Addr,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Lease)]
pub struct LeaseView {
    /// The address.
    #[schema(value_type = String, format = Ipv4)]
    pub address: Ipv4Addr,
    /// bound, expired, released or declined.
    pub state: String,
    /// Seconds until it ends; 0 where it has.
    pub seconds_left: u64,
    /// Option 61, in hexadecimal digits.
    pub client_id: Option<String>,
}

/// One thing that DHCP gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Given)]
pub struct GivenOption {
    /// The option's number; null for a header field.
    pub code: Option<u8>,
    /// Its name, as far as it has one.
    pub name: String,
    /// The value, as a user would write it.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
}

/// What it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Belief)]
pub struct BeliefView {
    /// The load.
    pub load: Option<String>,
    /// Why.
    pub evidence: String,
}

/// The use of a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseGiven {
    /// First, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first: Option<Time>,
    /// Last, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest: Option<Time>,
}

/// Two signals that disagreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contradiction {
    /// When it was last noticed, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Time>,
    /// What disagreed.
    pub what: String,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NextStep {
    /// nothing, introduction, load, license or final.
    pub what: String,
    /// The load.
    pub load: Option<String>,
    /// In words.
    pub summary: String,
}

/// Explains a client; `lease` is its latest.
pub(in crate::bench) fn explain(
    state: &BenchState,
    now: Time,
    mac: Mac,
    lease: Option<&LeaseRecord>,
) -> Explanation {
    let phone = state.phones.get(&mac);
    let listed = state.roster.contains_key(&mac);
    let known = state.shows(mac);
    let last = state.last_dhcp(mac);
    let vendor_class = phone
        .and_then(|phone| phone.journey.vendor_class.clone().map(String::into_bytes))
        .or_else(|| last.and_then(|last| last.vendor_class.clone()));
    let requests = phone.map_or_else(
        || last.map(|last| last.request_list.as_slice()).unwrap_or_default(),
        |phone| &phone.journey.request_list,
    );
    let client_id = lease.and_then(|lease| lease.client_id.as_deref());

    // A phone that was never seen is judged as if it had just arrived.
    let arrived = Journey::new(mac, now);
    let verdict = assess_as(state, now, mac, phone.map_or(&arrived, |phone| &phone.journey));
    let heard_at = phone.and_then(|phone| phone.heard_at);
    let network = network(state, lease.map(|lease| lease.address), heard_at);
    let server = heard_at.or(network.map(|(_, network)| network.server));
    let asker = Asker {
        mac,
        client_id,
        vendor_class: vendor_class.as_deref(),
        network: network.map(|(name, _)| name).unwrap_or_default(),
        server: server.unwrap_or(state.rules.settings.server),
    };
    let is_phone = is_phone_by(state, mac, asker.vendor_class, requests);
    let mut options = Vec::new();
    let mut class =
        ClassView { name: None, why: format!("it gets no lease: {}", no_phone(asker.vendor_class)) };
    let told = given(state, &asker, is_phone.then_some(&verdict), |told| {
        let name = told.class.map(str::to_owned);
        let why = why(state, &asker, told, &verdict, is_phone);
        (name, why, shown(told, network.map(|(_, network)| network), &asker, requests))
    });
    if let (Some((name, why, shown)), true) = (told, state.rules.gives_leases) {
        class = ClassView { name, why };
        options = shown;
    } else if !state.rules.gives_leases {
        "DHCP is off here: another server gives the leases".clone_into(&mut class.why);
    }
    let view = known.then(|| show::phone(state, now, mac));
    if let Some(refusal) = state.refusal(mac) {
        options.clear();
        class.why = refusal.cause();
    }
    let of_verdict = verdict.hold.clone().filter(|_| !is_other(state, mac, now)).map(HoldView::from);
    let hold = view.as_ref().and_then(|view| view.hold.clone()).or(of_verdict);
    Explanation {
        mac,
        listed,
        class,
        vendor_class: asker.vendor_class.map(|class| text::line(&String::from_utf8_lossy(class))),
        network: network
            .map(|(_, network)| NetworkView { subnet: network.prefix.clone(), server: asker.server }),
        lease: lease.map(|lease| shown_lease(lease, now)),
        reservation: asker.reserved(state).map(|reserved| reserved.place.clone()),
        options,
        belief: BeliefView {
            load: verdict.load.as_ref().map(ToString::to_string),
            evidence: verdict.evidence.clone(),
        },
        license_given: phone
            .and_then(|phone| phone.journey.license_given)
            .map(|(first, latest)| LicenseGiven { first: Some(first), latest: Some(latest) }),
        contradictions: phone
            .iter()
            .flat_map(|phone| &phone.journey.contradictions)
            .cloned()
            .chain(state.unleased.told_of(mac, now))
            .map(|(at, what)| Contradiction { at: Some(at), what })
            .collect(),
        next: next(&verdict, hold.is_some(), known, last.is_some()),
        hold: hold.filter(|_| known),
        last_dhcp: last.map(|last| last.shown(now)),
        timeline: state
            .forgotten
            .moment(mac)
            .into_iter()
            .chain(
                phone
                    .into_iter()
                    .flat_map(|phone| timeline(&phone.journey, &belief(state, now, &phone.journey))),
            )
            .collect(),
        phone: view,
    }
}

/// The network of the lease, else the network where the phone was last heard, else the bench's own.
fn network(
    state: &BenchState,
    address: Option<Ipv4Addr>,
    heard_at: Option<Ipv4Addr>,
) -> Option<(&str, &NetworkGives)> {
    let networks = || state.rules.given.networks.iter();
    let found =
        address.and_then(|address| networks().find(|(_, network)| has_host(network.addresses, address)));
    found
        .or_else(|| networks().find(|(_, network)| Some(network.server) == heard_at))
        .or_else(|| networks().find(|(name, _)| *name == "bench"))
        .map(|(name, network)| (name.as_str(), network))
}

fn why(
    state: &BenchState,
    asker: &Asker<'_>,
    told: &Resolved<'_>,
    verdict: &Assessment,
    is_phone: bool,
) -> String {
    if let Some(class) = find_class(&state.rules.classes, asker.vendor_class, asker.mac.oui()) {
        let by_text = class.vendor_class.as_ref().map(|pattern| format!("its vendor class is {pattern}"));
        let by_oui = (!class.oui.is_empty()).then(|| "its address begins with a listed OUI".to_owned());
        let because = by_text.into_iter().chain(by_oui).collect::<Vec<_>>().join(" and ");
        return format!("configured: {because}");
    }
    if !is_phone {
        return match asker.reserved(state) {
            Some(reserved) => format!("no phone, but an address is reserved for it ({})", reserved.place),
            None => "no phone, but dhcp.admit = \"all\"".to_owned(),
        };
    }
    let signal = asker.vendor_class.and_then(client::vendor_class);
    let known_by = match (signal, state.roster.contains_key(&asker.mac)) {
        (Some(_), _) => "its vendor class is a Cisco phone's",
        (None, true) => "it is in the roster",
        (None, false) => "it has shown itself as a phone",
    };
    let class = told.class.unwrap_or_default();
    format!("built-in: {known_by}, and by all known facts it behaves as {class} ({})", verdict.evidence)
}

fn shown(
    told: &Resolved<'_>,
    network: Option<&NetworkGives>,
    asker: &Asker<'_>,
    requests: &[u8],
) -> Vec<GivenOption> {
    let own = |code: u8, name: &str, value: String| GivenOption {
        code: Some(code),
        name: name.to_owned(),
        value,
        origin: SERVER.to_owned(),
    };
    let mut shown = vec![own(54, "server-identifier", asker.server.to_string())];
    if let Some(network) = network {
        shown.push(own(1, "subnet-mask", network.addresses.netmask().to_string()));
        shown.push(own(51, "lease-time", format!("{} s", network.lease)));
        if let Some((renewal, rebinding)) = network.timers {
            shown.push(own(58, "renewal-time", format!("{renewal} s")));
            shown.push(own(59, "rebinding-time", format!("{rebinding} s")));
        }
    }
    let field = |name: &str, value: String, origin: Origin<'_>| GivenOption {
        code: None,
        name: name.to_owned(),
        value,
        origin: origin.to_string(),
    };
    shown.extend(told.next_server.map(|(address, origin)| field("siaddr", address.to_string(), origin)));
    shown.extend(told.server_name.map(|(name, origin)| field("sname", name.to_owned(), origin)));
    shown.extend(told.boot_file.map(|(file, origin)| field("file", file.to_owned(), origin)));
    let has = |code| told.options.iter().any(|option| option.code == code);
    let given = told.options.iter().filter(|option| !options::gives_way(option.code, requests, has));
    shown.extend(given.map(|option| {
        let standard = options::find(&option.code.to_string());
        GivenOption {
            code: Some(option.code),
            name: standard
                .and_then(|standard| standard.names.first().copied())
                .unwrap_or_default()
                .to_owned(),
            value: options::show(option.code, &option.value),
            origin: option.origin.to_string(),
        }
    }));
    shown
}

fn shown_lease(lease: &LeaseRecord, now: Time) -> LeaseView {
    let state = match lease.state {
        LeaseState::Bound if lease.is_bound(now.0) => "bound",
        LeaseState::Bound => "expired",
        LeaseState::Released => "released",
        LeaseState::Declined => "declined",
    };
    LeaseView {
        address: lease.address,
        state: state.to_owned(),
        seconds_left: if lease.is_bound(now.0) { (lease.expires - now.0) / 1000 } else { 0 },
        client_id: lease
            .client_id
            .as_ref()
            .map(|id| id.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")),
    }
}

fn next(verdict: &Assessment, held: bool, known: bool, heard: bool) -> NextStep {
    let step =
        |what: &str, load: Option<String>, summary: String| NextStep { what: what.to_owned(), load, summary };
    let nothing = |why: &str| step("nothing", None, format!("no load: {why}"));
    match &verdict.next {
        _ if !known && heard => nothing(
            "only its DHCP messages are known, they do not show a phone, and the roster does not list it",
        ),
        _ if !known => nothing("this address was never seen, and the roster does not list it"),
        Next::Nothing if held => nothing(
            "Enterprise boot files are not found; a profile says \"no upgrade\" and \"come back in a minute\"",
        ),
        Next::Nothing => nothing("there is nothing to do for it now"),
        Next::Later => nothing(
            "its web page is read first, to know its load for certain; the phone asks again by itself",
        ),
        Next::Introduction => step(
            "introduction",
            None,
            "a document without a load, so that the phone settles and shows what it is".to_owned(),
        ),
        Next::Load { load, when, attempt, license } => {
            let by = when.as_ref().map_or_else(String::new, |when| format!(", by way of {when}"));
            let with = if *license { ", with its license" } else { "" };
            let name = load.to_string();
            step("load", Some(name.clone()), format!("the load {name}{by}{with} (attempt {attempt})"))
        }
        Next::License => step("license", None, "its license once more, and no load".to_owned()),
        Next::Final => step("final", None, "the final document: it is at its target".to_owned()),
    }
}
