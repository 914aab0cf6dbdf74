//! A network, an engine on it, and a disk that saves at once.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, LeaseTime, RelayInformation};
use transload_dhcp::engine::{Decision, Engine, Ingress};
use transload_dhcp::event::DhcpOutcome;
use transload_dhcp::lease::LeaseRecord;
use transload_dhcp::options::code;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::{ClientRequest, Grant, Policy, PolicyDecision};
use transload_dhcp::{MacOctets, MessageType};

pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const PHONE: MacOctets = [0x00, 0x12, 0x34, 0, 0, 1];
pub const OTHER: MacOctets = [0x00, 0x12, 0x34, 0, 0, 2];
pub const BROADCAST: Ingress = Ingress { local: SERVER, unicast: false, source: NOBODY };
/// Of a client, or a relay, with an address.
pub const UNICAST: Ingress = Ingress { local: SERVER, unicast: true, source: Ipv4Addr::new(10, 0, 0, 254) };
pub const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// To everybody, from a client that has an address.
pub fn from(source: Ipv4Addr) -> Ingress {
    Ingress { source, ..BROADCAST }
}

pub fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// 10.0.0.0/24 with addresses 10 to 19 for clients.
pub fn network() -> DhcpNetwork {
    DhcpNetwork {
        name: "bench".into(),
        address: SERVER,
        prefix_len: 24,
        pools: vec![AddressRange { first: host(10), last: host(19) }],
        exclude: Vec::new(),
        lease: LeaseTime::fixed(3600),
        relay_information: RelayInformation::Answer,
        options: Vec::new(),
        reservations: Vec::new(),
    }
}

pub fn config() -> DhcpConfig {
    DhcpConfig { networks: vec![network()], ..DhcpConfig::default() }
}

/// Gives everybody the same.
pub struct Same(pub PolicyDecision);

impl Policy for Same {
    fn decide(&self, _: &ClientRequest<'_>) -> PolicyDecision {
        self.0.clone()
    }
}

pub struct EngineUnderTest {
    pub engine: Engine,
    pub policy: Same,
    pub now: u64,
    pub disk: BTreeMap<Ipv4Addr, LeaseRecord>,
    /// Who answers when a client gives up its address.
    pub user: Option<MacOctets>,
}

impl EngineUnderTest {
    pub fn new(config: DhcpConfig) -> Self {
        let engine = Engine::new(config, Vec::new()).unwrap();
        let policy = Same(PolicyDecision::Grant(Grant::default()));
        Self { engine, policy, now: 1_000_000, disk: BTreeMap::new(), user: None }
    }

    pub fn granting(config: DhcpConfig, grant: Grant) -> Self {
        Self { policy: Same(PolicyDecision::Grant(grant)), ..Self::new(config) }
    }

    /// Handles a message without saving anything.
    pub fn decide(&mut self, packet: &Packet, ingress: Ingress) -> Decision {
        let decision = self.engine.handle(self.now, packet, ingress, &self.policy);
        let gives_up = matches!(packet.kind, MessageType::Decline | MessageType::Release);
        if gives_up && decision.probe.is_some() {
            return self.engine.given_up(self.now, packet, ingress, self.user);
        }
        decision
    }

    pub fn commit(&mut self, decision: &Decision) {
        self.disk.extend(decision.writes.iter().map(|record| (record.address, record.clone())));
        self.engine.committed(decision.after);
    }

    /// Handles a message and saves what is to be saved.
    pub fn handle(&mut self, packet: &Packet, ingress: Ingress) -> Decision {
        let decision = self.decide(packet, ingress);
        self.commit(&decision);
        decision
    }

    /// The reply to a message, as the wire carries it.
    pub fn ask(&mut self, packet: &Packet) -> Option<Packet> {
        let reply = self.handle(packet, BROADCAST).reply?;
        Some(Packet::decode(&reply.encode()).unwrap())
    }

    pub fn outcome(&mut self, packet: &Packet) -> DhcpOutcome {
        self.handle(packet, BROADCAST).event.outcome
    }

    /// Discover and request; the address that was acknowledged.
    pub fn lease(&mut self, mac: MacOctets) -> Ipv4Addr {
        self.lease_as(mac, None)
    }

    pub fn lease_as(&mut self, mac: MacOctets, id: Option<&[u8]>) -> Ipv4Addr {
        let offer = self.ask(&with_id(discover(mac), id)).expect("an offer");
        let ack = self.ask(&with_id(select(mac, offer.yiaddr), id)).expect("an answer to the request");
        assert_eq!((ack.kind, ack.yiaddr), (MessageType::Ack, offer.yiaddr));
        ack.yiaddr
    }

    /// A crash: what is on disk is all that is left.
    pub fn restart(&mut self) {
        let config = self.engine.config().clone();
        self.engine = Engine::new(config, self.disk.values().cloned().collect()).unwrap();
    }
}

pub fn discover(mac: MacOctets) -> Packet {
    Packet::request(MessageType::Discover, 0x1234_5678, mac)
}

pub fn request(mac: MacOctets) -> Packet {
    Packet::request(MessageType::Request, 0x1234_5678, mac)
}

pub fn with(mut packet: Packet, code: u8, octets: &[u8]) -> Packet {
    packet.options.push((code, octets.to_vec()));
    packet
}

pub fn with_id(packet: Packet, id: Option<&[u8]>) -> Packet {
    match id {
        Some(id) => with(packet, code::CLIENT_ID, id),
        None => packet,
    }
}

pub fn asking_for(packet: Packet, address: Ipv4Addr) -> Packet {
    with(packet, code::REQUESTED_ADDRESS, &address.octets())
}

/// SELECTING: takes our offer.
pub fn select(mac: MacOctets, address: Ipv4Addr) -> Packet {
    asking_for(with(request(mac), code::SERVER_ID, &SERVER.octets()), address)
}

/// INIT-REBOOT: still has an address.
pub fn reboot(mac: MacOctets, address: Ipv4Addr) -> Packet {
    asking_for(request(mac), address)
}

/// RENEWING or REBINDING.
pub fn renew(mac: MacOctets, address: Ipv4Addr) -> Packet {
    Packet { ciaddr: address, ..request(mac) }
}

pub fn release(mac: MacOctets, address: Ipv4Addr) -> Packet {
    let packet = Packet { ciaddr: address, ..Packet::request(MessageType::Release, 1, mac) };
    with(packet, code::SERVER_ID, &SERVER.octets())
}

pub fn decline(mac: MacOctets, address: Ipv4Addr) -> Packet {
    let packet = Packet::request(MessageType::Decline, 1, mac);
    asking_for(with(packet, code::SERVER_ID, &SERVER.octets()), address)
}

pub fn inform(mac: MacOctets, address: Ipv4Addr) -> Packet {
    Packet { ciaddr: address, ..Packet::request(MessageType::Inform, 1, mac) }
}

pub fn codes(packet: &Packet) -> Vec<u8> {
    packet.options.iter().map(|(code, _)| *code).collect()
}

/// The option as four octets, big end first.
pub fn number(packet: &Packet, code: u8) -> Option<u32> {
    packet.option(code)?.try_into().ok().map(u32::from_be_bytes)
}
