//! Random clients, a lossy network, a disk that fails and a server that crashes, against two promises:
//! no address is acknowledged to two clients at a time, and no acknowledged lease is forgotten.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::Ipv4Addr;

use proptest::prelude::*;
use transload_dhcp::config::{Config, LeaseTime, Network, Range};
use transload_dhcp::engine::{Decision, Engine, Ingress};
use transload_dhcp::lease::LeaseRecord;
use transload_dhcp::options::code;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::Everybody;
use transload_dhcp::{Mac, MessageType};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SQUATTER: Mac = [2, 0, 0, 0, 0, 1];
const CLIENTS: usize = 8;
/// Fewer addresses than clients.
const POOL: (u8, u8) = (10, 15);

#[derive(Debug, Clone)]
enum Step {
    /// Where a new address is tried, somebody else may answer for it.
    Discover(usize, bool),
    /// Takes the last offer, or asks for some address as if offered.
    Select(usize, Option<u8>),
    Reboot(usize, Option<u8>),
    Renew(usize),
    Release(usize),
    Decline(usize),
    /// The client sends another client identifier from now on.
    Rename(usize, u8),
    /// An earlier message arrives once more, or late.
    Repeat(usize),
    Commit,
    /// The commit fails; that many of its records got to disk all the same.
    FailCommit(usize),
    Crash,
    Reconfigure,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    let address = prop::option::of(POOL.0 - 1..=POOL.1 + 1);
    prop_oneof![
        8 => (client.clone(), prop::bool::weighted(0.1)).prop_map(|(client, answers)| Step::Discover(client, answers)),
        10 => (client.clone(), prop::option::weighted(0.2, POOL.0..=POOL.1)).prop_map(|(c, a)| Step::Select(c, a)),
        3 => (client.clone(), address).prop_map(|(client, address)| Step::Reboot(client, address)),
        5 => client.clone().prop_map(Step::Renew),
        2 => client.clone().prop_map(Step::Release),
        1 => client.clone().prop_map(Step::Decline),
        1 => (client, 0_u8..3).prop_map(|(client, name)| Step::Rename(client, name)),
        4 => (0_usize..30).prop_map(Step::Repeat),
        12 => Just(Step::Commit),
        1 => (0_usize..4).prop_map(Step::FailCommit),
        1 => Just(Step::Crash),
        1 => Just(Step::Reconfigure),
        4 => prop_oneof![Just(500_u64), Just(3_000), Just(30_000), Just(61_000), Just(120_000)].prop_map(Step::Wait),
    ]
}

/// A lease that an ACK promised.
#[derive(Debug, Clone, Copy)]
struct Promise {
    to: usize,
    until: u64,
}

struct World {
    engine: Engine,
    now: u64,
    disk: BTreeMap<Ipv4Addr, LeaseRecord>,
    /// Decisions that wait, in order; all that wait are committed together, as the server does it.
    waiting: Vec<(usize, Decision)>,
    sent: VecDeque<(usize, Packet)>,
    offers: HashMap<usize, Ipv4Addr>,
    /// The address a client last got an ACK for.
    last: HashMap<usize, Ipv4Addr>,
    names: [u8; CLIENTS],
    promises: HashMap<Ipv4Addr, Promise>,
    /// Somebody answers for the next address that is tried.
    squatter: bool,
}

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn mac(client: usize) -> Mac {
    [0, 0x12, 0x34, 0, 0, client as u8]
}

fn config() -> Config {
    let network = Network {
        name: "bench".into(),
        address: SERVER,
        prefix_len: 24,
        pools: vec![Range { first: host(POOL.0), last: host(POOL.1) }],
        exclude: Vec::new(),
        lease: LeaseTime::fixed(100),
        options: Vec::new(),
        reservations: Vec::new(),
    };
    Config { networks: vec![network], decline_hold: 200_000, ..Config::default() }
}

impl World {
    fn new() -> Self {
        Self {
            engine: Engine::new(config(), Vec::new()).unwrap(),
            now: 1_000_000,
            disk: BTreeMap::new(),
            waiting: Vec::new(),
            sent: VecDeque::new(),
            offers: HashMap::new(),
            last: HashMap::new(),
            names: [0; CLIENTS],
            promises: HashMap::new(),
            squatter: false,
        }
    }

    fn packet(&self, client: usize, kind: MessageType) -> Packet {
        let mut packet = Packet::request(kind, 7, mac(client));
        if self.names[client] > 0 {
            packet.options.push((code::CLIENT_ID, vec![self.names[client], client as u8]));
        }
        packet
    }

    fn send(&mut self, client: usize, mut packet: Packet, server: bool, requested: Option<Ipv4Addr>) {
        if server {
            packet.options.push((code::SERVER_ID, SERVER.octets().to_vec()));
        }
        if let Some(address) = requested {
            packet.options.push((code::REQUESTED_ADDRESS, address.octets().to_vec()));
        }
        if matches!(packet.kind, MessageType::Discover | MessageType::Request) {
            self.sent.push_front((client, packet.clone()));
            self.sent.truncate(30);
        }
        self.deliver(client, &packet);
    }

    fn deliver(&mut self, client: usize, packet: &Packet) {
        let ingress = Ingress { local: SERVER, unicast: !packet.ciaddr.is_unspecified() };
        let decision = self.engine.handle(self.now, packet, ingress, &Everybody);
        if let Some(address) = decision.probe {
            let answer = self.squatter.then_some(SQUATTER);
            if let Some(conflict) = self.engine.probed(self.now, address, answer) {
                self.waiting.push((client, conflict));
                return;
            }
            assert_eq!(answer, None, "{address} was offered though somebody answered for it");
        }
        if decision.after == 0 {
            self.reply(client, &decision);
        } else {
            self.waiting.push((client, decision));
        }
    }

    fn commit(&mut self, saved: Result<(), usize>) {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(through) = waiting.iter().map(|(_, decision)| decision.after).max() else {
            return;
        };
        let records = waiting.iter().flat_map(|(_, decision)| decision.writes.iter().cloned());
        let arrive = saved.err().unwrap_or(usize::MAX);
        self.disk.extend(records.take(arrive).map(|record| (record.address, record)));
        match saved {
            Ok(()) => {
                self.engine.committed(through);
                for (client, decision) in waiting {
                    self.reply(client, &decision);
                }
            }
            Err(_) => self.engine.commit_failed(through),
        }
    }

    /// What the client gets; that an ACK is lost on the way makes no difference to the promise.
    fn reply(&mut self, client: usize, decision: &Decision) {
        let Some(reply) = &decision.reply else { return };
        let packet = Packet::decode(&reply.encode()).unwrap();
        let address = packet.yiaddr;
        match packet.kind {
            MessageType::Offer => _ = self.offers.insert(client, address),
            MessageType::Ack => {
                let seconds =
                    packet.option(code::LEASE_TIME).unwrap().try_into().map(u32::from_be_bytes).unwrap();
                assert!(seconds <= 100, "lease time");
                // The client counts from when it asked, which was not later.
                let until = decision.event.at + u64::from(seconds) * 1000;
                let octet = address.octets()[3];
                assert!((POOL.0..=POOL.1).contains(&octet), "{address} is not in the pool");
                if let Some(promise) = self.promises.get(&address) {
                    assert!(
                        promise.to == client || promise.until <= self.now,
                        "{address} promised to {client} while {promise:?}"
                    );
                }
                let until = self
                    .promises
                    .get(&address)
                    .filter(|p| p.to == client)
                    .map_or(until, |p| p.until.max(until));
                self.promises.insert(address, Promise { to: client, until });
                self.last.insert(client, address);
                let record = &self.disk[&address];
                assert_eq!(record.mac, mac(client), "acknowledged but not on disk");
                assert!(record.expires >= decision.event.at + u64::from(seconds) * 1000, "shorter on disk");
            }
            _ => {}
        }
    }

    /// The client stops using the address, and will not listen to an ACK still to come.
    fn give_up(&mut self, client: usize, address: Ipv4Addr) {
        for (_, decision) in self.waiting.iter_mut().filter(|(to, _)| *to == client) {
            decision.reply = None;
        }
        if self.promises.get(&address).is_some_and(|promise| promise.to == client) {
            self.promises.remove(&address);
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Discover(client, answers) => {
                self.squatter = answers;
                self.send(client, self.packet(client, MessageType::Discover), false, None);
            }
            Step::Select(client, wish) => {
                let Some(address) = wish.map(host).or(self.offers.get(&client).copied()) else {
                    return;
                };
                self.send(client, self.packet(client, MessageType::Request), true, Some(address));
            }
            Step::Reboot(client, wish) => {
                let Some(address) = wish.map(host).or(self.last.get(&client).copied()) else {
                    return;
                };
                self.send(client, self.packet(client, MessageType::Request), false, Some(address));
            }
            Step::Renew(client) => {
                let Some(&ciaddr) = self.last.get(&client) else {
                    return;
                };
                let packet = Packet { ciaddr, ..self.packet(client, MessageType::Request) };
                self.send(client, packet, false, None);
            }
            Step::Release(client) => {
                let Some(&ciaddr) = self.last.get(&client) else {
                    return;
                };
                self.give_up(client, ciaddr);
                let packet = Packet { ciaddr, ..self.packet(client, MessageType::Release) };
                self.send(client, packet, true, None);
            }
            Step::Decline(client) => {
                let Some(&address) = self.last.get(&client) else {
                    return;
                };
                self.give_up(client, address);
                self.send(client, self.packet(client, MessageType::Decline), true, Some(address));
            }
            Step::Rename(client, name) => self.names[client] = name,
            Step::Repeat(which) => {
                if let Some((client, packet)) = self.sent.get(which).cloned() {
                    self.deliver(client, &packet);
                }
            }
            Step::Commit => self.commit(Ok(())),
            Step::FailCommit(arrive) => self.commit(Err(arrive)),
            Step::Crash => {
                self.waiting.clear();
                self.engine = Engine::new(config(), self.disk.values().cloned().collect()).unwrap();
            }
            Step::Reconfigure => self.engine.reconfigure(config()).unwrap(),
            Step::Wait(time) => self.now += time,
        }
    }

    /// Whoever was promised an address can go on using it.
    fn nobody_is_forgotten(&mut self) {
        self.commit(Ok(()));
        let promises: Vec<_> = self.promises.iter().map(|(address, promise)| (*address, *promise)).collect();
        for (ciaddr, promise) in promises {
            if promise.until <= self.now {
                continue;
            }
            let packet = Packet { ciaddr, ..self.packet(promise.to, MessageType::Request) };
            let ingress = Ingress { local: SERVER, unicast: true };
            let decision = self.engine.handle(self.now, &packet, ingress, &Everybody);
            let kind = decision.reply.as_ref().map(|reply| reply.packet.kind);
            assert_eq!(kind, Some(MessageType::Ack), "{ciaddr} of {promise:?}: {:?}", decision.event.outcome);
            self.engine.committed(decision.after);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn d32_no_address_for_two_and_no_acknowledged_lease_lost(steps in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.nobody_is_forgotten();
        // Nor after a crash.
        world.run(&Step::Crash);
        world.nobody_is_forgotten();
    }
}
