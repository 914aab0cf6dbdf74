//! Any sequence of messages, commits, failures, probes and clock jumps: every reply is well formed and answers its
//! request, no address is acknowledged to two clients at a time, and none that is not theirs to give.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use transload_dhcp::config::{
    AddressRange, DhcpConfig, DhcpNetwork, HostReservation, LeaseTime, RelayInformation,
};
use transload_dhcp::engine::{Decision, Engine, Ingress};
use transload_dhcp::lease::{ClientKey, LeaseState};
use transload_dhcp::options::code;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::Everybody;
use transload_dhcp::{MacOctets, MessageType};

use super::rules;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
const RESERVED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);

/// Octets of the input, one by one, then nothing.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

struct PromisedLease {
    mac: MacOctets,
    key: ClientKey,
    until: u64,
}

struct FuzzedServer {
    engine: Engine,
    now: u64,
    waiting: Vec<(Packet, Decision)>,
    promises: HashMap<Ipv4Addr, PromisedLease>,
}

fn mac(client: u8) -> MacOctets {
    [0, 0x12, 0x34, 0, 0, client % 8]
}

fn key(packet: &Packet) -> ClientKey {
    let id = packet.option(code::CLIENT_ID);
    id.map_or(ClientKey::Mac(packet.chaddr), |id| ClientKey::Id(id.to_vec()))
}

fn config() -> DhcpConfig {
    let network = |address: Ipv4Addr, reservations| {
        let at = |last| Ipv4Addr::from(address.to_bits() & !0xff | last);
        DhcpNetwork {
            name: address.to_string(),
            address,
            prefix_len: 24,
            pools: vec![AddressRange { first: at(10), last: at(14) }],
            exclude: vec![AddressRange { first: at(12), last: at(12) }],
            lease: LeaseTime { default: 100, min: 10, max: 1000, renew: None, rebind: None },
            relay_information: RelayInformation::Answer,
            options: vec![(150, vec![1; 252]), (160, vec![b'a'; 200])],
            reservations,
        }
    };
    let reservation =
        HostReservation { client: ClientKey::Mac(mac(0)), address: RESERVED, options: Vec::new() };
    let networks = vec![network(SERVER, vec![reservation]), network(Ipv4Addr::new(10, 1, 0, 0), Vec::new())];
    DhcpConfig { networks, decline_hold: 50_000, max_offers: 6, ..DhcpConfig::default() }
}

impl FuzzedServer {
    /// A message out of the tape: mostly sensible, with whatever options come after.
    fn message(tape: &mut Tape<'_>) -> Option<(Packet, Ingress)> {
        let (kind, client, bits) = (tape.next()?, tape.next()?, tape.next()?);
        let address = |last: u8| Ipv4Addr::new(10, bits >> 7, 0, if last == 255 { 50 } else { last % 20 });
        let mut packet = Packet::request(MessageType::from(kind % 9), u32::from(kind), mac(client));
        if bits & 1 != 0 {
            packet.options.push((code::SERVER_ID, SERVER.octets().to_vec()));
        }
        if bits & 2 != 0 {
            packet.options.push((code::REQUESTED_ADDRESS, address(tape.next()?).octets().to_vec()));
        }
        if bits & 4 != 0 {
            packet.ciaddr = address(tape.next()?);
        }
        if bits & 8 != 0 {
            packet.giaddr = RELAY;
        }
        packet.flags = u16::from(bits & 16) << 11;
        let mut octets = packet.encode(1500);
        if bits & 32 != 0 {
            let end = octets.iter().rposition(|octet| *octet == code::END)?;
            let length = usize::from(tape.next()?);
            octets.splice(end.., tape.take(length).iter().copied());
        }
        let packet = Packet::decode(&octets).ok()?;
        let source = if bits & 64 != 0 { packet.ciaddr } else { Ipv4Addr::UNSPECIFIED };
        Some((packet, Ingress { local: SERVER, unicast: bits & 64 != 0, source }))
    }

    fn handle(&mut self, packet: Packet, ingress: Ingress, squatter: Option<MacOctets>) {
        let mut decision = self.engine.handle(self.now, &packet, ingress, &Everybody);
        let gives_up = matches!(packet.kind, MessageType::Decline | MessageType::Release);
        if gives_up && decision.probe.is_some() {
            decision = self.engine.given_up(self.now, &packet, ingress, squatter);
        }
        for record in &decision.writes {
            // Of the records, those of failed commits come along; the message's own is about its address.
            if Some(record.address) == decision.event.address && record.state != LeaseState::Bound {
                let promise = self.promises.remove(&record.address);
                let own =
                    promise.is_none_or(|promise| promise.until <= self.now || promise.key == key(&packet));
                assert!(own, "{} is given up by another", record.address);
                // Who gives an address up does not listen to an ACK of it still to come.
                for (asked, earlier) in &mut self.waiting {
                    if key(asked) == key(&packet) {
                        earlier.reply = None;
                    }
                }
            }
        }
        if let Some(address) = decision.probe {
            assert!(
                self.promises.get(&address).is_none_or(|p| p.until <= self.now || p.mac == packet.chaddr)
            );
            if let Some(conflict) = self.engine.probed(self.now, address, squatter) {
                self.waiting.push((packet, conflict));
                return;
            }
        }
        if decision.after == 0 {
            self.leave(&packet, &decision);
        } else {
            self.waiting.push((packet, decision));
        }
    }

    fn leave(&mut self, packet: &Packet, decision: &Decision) {
        let Some(answer) = rules::check(packet, decision, SERVER, self.engine.config()) else { return };
        if answer.kind != MessageType::Ack || answer.yiaddr.is_unspecified() {
            return;
        }
        let seconds = answer.option(code::LEASE_TIME).map(|octets| octets.try_into().map(u32::from_be_bytes));
        let until =
            decision.event.at.saturating_add(u64::from(seconds.expect("a lease").expect("time")) * 1000);
        let before = self
            .promises
            .insert(answer.yiaddr, PromisedLease { mac: packet.chaddr, key: key(packet), until });
        if let Some(before) = before {
            let same = before.mac == packet.chaddr || before.key == key(packet);
            assert!(same || before.until <= self.now, "{} is another's", answer.yiaddr);
        }
    }

    fn settle(&mut self, saved: bool) {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(through) = waiting.iter().map(|(_, decision)| decision.after).max() else { return };
        if !saved {
            return self.engine.commit_failed(through);
        }
        self.engine.committed(through);
        for (packet, decision) in waiting {
            self.leave(&packet, &decision);
        }
    }
}

pub fn check(input: &[u8]) {
    let engine = Engine::new(config(), Vec::new()).expect("a sound configuration");
    let mut world = FuzzedServer { engine, now: 1_000_000, waiting: Vec::new(), promises: HashMap::new() };
    let mut tape = Tape(input);
    while let Some(step) = tape.next() {
        match step % 16 {
            0 => world.settle(false),
            1..=4 => world.settle(true),
            5 => world.now += u64::from(tape.next().unwrap_or(0)) * 500,
            6 => world.engine.set_silent(SERVER, tape.next().is_some_and(|on| on < 32)),
            7 => world.engine.reconfigure(config()).expect("a sound configuration"),
            _ => {
                let squatter = (step > 224).then_some([2, 0, 0, 0, 0, 1]);
                if let Some((packet, ingress)) = FuzzedServer::message(&mut tape) {
                    world.handle(packet, ingress, squatter);
                }
            }
        }
    }
}
