//! The server's decisions, message by message. Pure: time and packets come in, records to save and replies to send
//! go out.
//!
//! The caller saves the records of all [`Decision`]s in their order and reports with [`Engine::committed`] or
//! [`Engine::commit_failed`]. A decision's reply and event leave once the commit they wait for has succeeded.

mod commits;
mod conflict;
mod given_up;
mod handlers;
mod reading;
mod unserved;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;

use crate::config::{ConfigError, DhcpConfig};
use crate::event::{DhcpEvent, DhcpOutcome, Unserved};
use crate::lease::LeaseRecord;
use crate::options::code;
use crate::packet::{Op, Packet};
use crate::policy::{ClientRequest, Grant, Policy, PolicyDecision};
pub use crate::reply::Reply;
use crate::table::{Identity, LeaseTable, WriteState};
use crate::{MacOctets, MessageType};
use conflict::Proxies;
pub use conflict::SetAside;
use reading::{boots, order, relay, server_id};

/// How a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingress {
    /// The server's address on the interface that received it.
    pub local: Ipv4Addr,
    /// Whether it was addressed to us alone, not broadcast.
    pub unicast: bool,
    /// The address it was sent from; 0.0.0.0 while a client has none.
    pub source: Ipv4Addr,
}

/// The decision about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Records to save, in this order, after those of all earlier decisions.
    pub writes: Vec<LeaseRecord>,
    /// The commit that `reply` and `event` wait for; 0 where they need not wait. Where there are writes, theirs.
    pub after: u64,
    /// The reply.
    pub reply: Option<Reply>,
    /// The report to the observer.
    pub event: DhcpEvent,
    /// An address to ask the segment for before `reply` and `event` leave, where that can be done. Report who answers with
    /// [`Engine::probed`], and after a DECLINE or RELEASE with [`Engine::given_up`], even where nobody could be asked.
    pub probe: Option<Ipv4Addr>,
}

/// The lease table and the rules.
#[derive(Debug)]
pub struct Engine {
    config: DhcpConfig,
    tables: Vec<LeaseTable>,
    /// Leases of addresses that no network contains (any more).
    strays: HashMap<Ipv4Addr, (LeaseRecord, WriteState)>,
    /// Number of the last commit asked for.
    sequence: u64,
    under_way: VecDeque<(u64, Ipv4Addr)>,
    failed: BTreeSet<Ipv4Addr>,
    /// Our addresses on the links where another server is about.
    silent: BTreeSet<Ipv4Addr>,
    /// Machines that answer for addresses of others.
    proxies: Proxies,
    /// DECLINEs and RELEASEs that were not believed.
    disbelieved: u64,
    /// The client of the latest of these.
    disbelieved_of: Option<MacOctets>,
    /// Addresses that gave way under earlier configurations.
    given_way: u64,
}

/// A handler's result, before it becomes a [`Decision`].
struct Finding {
    outcome: DhcpOutcome,
    address: Option<Ipv4Addr>,
    lease_ends: Option<u64>,
    network: Option<usize>,
    class: Option<String>,
    reply: Option<Reply>,
    write: Option<LeaseRecord>,
    after: u64,
    left_out: Vec<u8>,
    probe: Option<Ipv4Addr>,
}

impl Finding {
    fn new(outcome: DhcpOutcome) -> Self {
        Self {
            outcome,
            address: None,
            lease_ends: None,
            network: None,
            class: None,
            reply: None,
            write: None,
            after: 0,
            left_out: Vec::new(),
            probe: None,
        }
    }

    fn ignored(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(DhcpOutcome::Ignored(why.into()))
    }

    fn unserved(why: Unserved) -> Self {
        Self::new(DhcpOutcome::Unserved(why))
    }
}

/// The context of a message, for all handlers.
struct RequestContext<'a> {
    now: u64,
    packet: &'a Packet,
    ingress: Ingress,
    /// The address we go by.
    server_id: Ipv4Addr,
    client: Identity,
    /// Index of the client's network.
    at: usize,
    segment: ProbeAnswer,
}

/// Whether the segment was asked who uses the address of a DECLINE or RELEASE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProbeAnswer {
    NotAsked,
    /// The machine that answered.
    Asked(Option<MacOctets>),
}

impl Engine {
    /// Starts from what the journal has: the last record of each address.
    pub fn new(config: DhcpConfig, mut restored: Vec<LeaseRecord>) -> Result<Self, ConfigError> {
        let mut engine = Self {
            config: DhcpConfig::default(),
            tables: Vec::new(),
            strays: HashMap::new(),
            sequence: 0,
            under_way: VecDeque::new(),
            failed: BTreeSet::new(),
            silent: BTreeSet::new(),
            proxies: Proxies::default(),
            disbelieved: 0,
            disbelieved_of: None,
            given_way: 0,
        };
        engine.reconfigure(config)?;
        restored.sort_unstable_by_key(order);
        for record in restored {
            engine.place(record, WriteState::Saved);
        }
        Ok(engine)
    }

    /// Takes another configuration. Leases stay; offers not yet taken are forgotten. On an error nothing changes.
    pub fn reconfigure(&mut self, config: DhcpConfig) -> Result<(), ConfigError> {
        config.validate()?;
        let tables = config
            .networks
            .iter()
            .map(|network| LeaseTable::new(network.clone(), config.offer_hold, config.max_offers));
        let old = std::mem::replace(&mut self.tables, tables.collect());
        self.given_way += old.iter().map(LeaseTable::given_way).sum::<u64>();
        let strays = std::mem::take(&mut self.strays).into_values();
        let mut leases: Vec<_> = strays.chain(old.into_iter().flat_map(LeaseTable::into_leases)).collect();
        leases.sort_unstable_by_key(|(record, _)| order(record));
        for (record, write) in leases {
            self.place(record, write);
        }
        self.config = config;
        Ok(())
    }

    fn place(&mut self, record: LeaseRecord, write: WriteState) {
        match self.tables.iter_mut().find(|table| table.network.contains(record.address)) {
            Some(table) => table.put(record, write),
            None => _ = self.strays.insert(record.address, (record, write)),
        }
    }

    /// Stops or resumes answers on the link with the address `local`, while a foreign server is there. Releases, and
    /// requests that choose another server, are still noted.
    pub fn set_silent(&mut self, local: Ipv4Addr, silent: bool) {
        if silent {
            self.silent.insert(local);
        } else {
            self.silent.remove(&local);
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &DhcpConfig {
        &self.config
    }

    /// All records, in no order.
    pub fn leases(&self) -> impl Iterator<Item = &LeaseRecord> {
        self.tables.iter().flat_map(LeaseTable::records).chain(self.strays.values().map(|(record, _)| record))
    }

    /// The record of one address.
    pub fn lease(&self, address: Ipv4Addr) -> Option<&LeaseRecord> {
        let stray = || self.strays.get(&address).map(|(record, _)| record);
        self.tables.iter().find_map(|table| table.record(address)).map(|(record, _)| record).or_else(stray)
    }

    /// Whether a machine has a reservation, or has or had a lease.
    pub fn knows(&self, mac: MacOctets) -> bool {
        self.tables.iter().any(|table| table.knows(mac))
    }

    /// Decides about one message. `now` may jump, forwards or backwards.
    pub fn handle(&mut self, now: u64, packet: &Packet, ingress: Ingress, policy: &dyn Policy) -> Decision {
        let finding = self.find(now, packet, ingress, policy, ProbeAnswer::NotAsked);
        self.decide(now, packet, finding)
    }

    fn decide(&mut self, now: u64, packet: &Packet, finding: Finding) -> Decision {
        let sent_to = finding.reply.as_ref().map(|reply| reply.destination);
        let mut decision = Decision {
            writes: Vec::new(),
            after: finding.after,
            reply: finding.reply,
            event: DhcpEvent {
                address: finding.address,
                lease_ends: finding.lease_ends,
                network: finding
                    .network
                    .and_then(|at| self.tables.get(at))
                    .map(|table| table.network.name.clone()),
                class: finding.class,
                vendor_class: packet.text(code::VENDOR_CLASS).map(<[u8]>::to_vec),
                request_list: packet.option(code::REQUEST_LIST).unwrap_or_default().to_vec(),
                client_id: packet.option(code::CLIENT_ID).map(<[u8]>::to_vec),
                host_name: packet.text(code::HOST_NAME).map(<[u8]>::to_vec),
                relay: relay(packet),
                left_out: finding.left_out,
                ignored: packet.ignored.clone(),
                sent_to,
                ..DhcpEvent::new(now, packet.chaddr, packet.kind, finding.outcome)
            },
            probe: finding.probe,
        };
        if let Some(record) = finding.write {
            self.write(record, &mut decision);
        }
        decision
    }

    fn find(
        &mut self,
        now: u64,
        packet: &Packet,
        ingress: Ingress,
        policy: &dyn Policy,
        segment: ProbeAnswer,
    ) -> Finding {
        if packet.op != Op::Request {
            return Finding::ignored("a server's reply");
        }
        let Some(at) = self.network_of(packet, ingress) else {
            return self.without_network(packet, ingress);
        };
        if self.drops(packet, at) {
            return Finding { network: Some(at), ..Finding::unserved(Unserved::RelayInformation) };
        }
        let asked = RequestContext {
            now,
            packet,
            ingress,
            server_id: server_id(packet, ingress),
            client: Identity::of(packet),
            at,
            segment,
        };
        let mut finding = match packet.kind {
            MessageType::Discover => self.granted(&asked, policy, Self::discover),
            MessageType::Request => match packet.address(code::SERVER_ID) {
                Some(other) if !self.is_own(other, &asked) => self.chose_other(&asked, other),
                _ => self.granted(&asked, policy, Self::request),
            },
            MessageType::Inform => self.granted(&asked, policy, Self::inform),
            MessageType::Decline => self.decline(&asked),
            MessageType::Release => self.release(&asked),
            _ => Finding::ignored("not a message for a server"),
        };
        finding.network = Some(at);
        finding
    }

    /// RFC 2131 §4.1: any of our addresses is us.
    fn is_own(&self, server: Ipv4Addr, asked: &RequestContext<'_>) -> bool {
        self.goes_by(server, asked.ingress, asked.server_id)
    }

    fn goes_by(&self, server: Ipv4Addr, ingress: Ingress, server_id: Ipv4Addr) -> bool {
        server == ingress.local
            || server == server_id
            || self.tables.iter().any(|table| table.network.address == server)
    }

    fn granted(
        &mut self,
        asked: &RequestContext<'_>,
        policy: &dyn Policy,
        handler: impl FnOnce(&mut Self, &RequestContext<'_>, &Grant) -> Finding,
    ) -> Finding {
        if self.silent.contains(&asked.ingress.local) {
            return Finding::unserved(Unserved::Silent);
        }
        let packet = asked.packet;
        let Some(table) = self.tables.get(asked.at) else {
            return Finding::ignored("no network");
        };
        let verdict = policy.decide(&ClientRequest {
            mac: packet.chaddr,
            client_id: packet.option(code::CLIENT_ID),
            vendor_class: packet.text(code::VENDOR_CLASS),
            request_list: packet.option(code::REQUEST_LIST).unwrap_or_default(),
            host_name: packet.text(code::HOST_NAME),
            relay_information: packet.option(code::RELAY_INFORMATION),
            kind: packet.kind,
            boots: boots(packet, asked.ingress),
            relay: relay(packet),
            network: &table.network.name,
            server: asked.ingress.local,
        });
        match verdict {
            PolicyDecision::Ignore { reason } => Finding::ignored(reason),
            PolicyDecision::Grant(grant) => {
                Finding { class: Some(grant.class.clone()), ..handler(self, asked, &grant) }
            }
        }
    }
}
