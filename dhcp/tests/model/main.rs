//! Random clients, a network that loses, doubles, delays and reorders, a disk that fails, a clock that jumps and a server
//! that crashes, against three promises: no address is acknowledged to two clients at a time, no acknowledged lease is
//! forgotten, and no reply breaks a rule.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/rules.rs"]
mod rules;
mod steps;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, LeaseTime, RelayInformation};
use transload_dhcp::engine::{Decision, Engine, Ingress};
use transload_dhcp::lease::LeaseRecord;
use transload_dhcp::options::code;
use transload_dhcp::packet::{BROADCAST, Packet};
use transload_dhcp::policy::Everybody;
use transload_dhcp::{MacOctets, MessageType};

use steps::{CLIENTS, Manner, ModelStep, POOL, step};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SQUATTER: MacOctets = [2, 0, 0, 0, 0, 1];

/// A lease that an ACK promised.
#[derive(Debug, Clone, Copy)]
struct PromisedLease {
    to: usize,
    /// By the client's clock, which does not jump.
    until: u64,
}

/// What waits for a commit.
struct PendingCommit {
    client: usize,
    /// When it asked, by its own clock.
    asked_at: u64,
    asked: Packet,
    decision: Decision,
}

struct ModelledNetwork {
    engine: Engine,
    now: u64,
    /// How far the server's clock was set back in all.
    lag: u64,
    disk: BTreeMap<Ipv4Addr, LeaseRecord>,
    waiting: Vec<PendingCommit>,
    /// What the next commit will save, and its number; what arrives while one is under way goes into the next.
    unsaved: (Vec<LeaseRecord>, u64),
    under_way: Option<(Vec<LeaseRecord>, u64)>,
    sent: VecDeque<(usize, Packet)>,
    offers: HashMap<usize, Ipv4Addr>,
    /// The address a client last got an ACK for.
    last: HashMap<usize, Ipv4Addr>,
    names: [u8; CLIENTS],
    promises: HashMap<Ipv4Addr, PromisedLease>,
    /// Somebody answers for the next address that is tried.
    squatter: bool,
    manner: Manner,
}

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn mac(client: usize) -> MacOctets {
    [0, 0x12, 0x34, 0, 0, client as u8]
}

fn config() -> DhcpConfig {
    let network = DhcpNetwork {
        name: "bench".into(),
        address: SERVER,
        prefix_len: 24,
        pools: vec![AddressRange { first: host(POOL.0), last: host(POOL.1) }],
        exclude: Vec::new(),
        lease: LeaseTime::fixed(100),
        relay_information: RelayInformation::Answer,
        options: vec![
            (code::ROUTER, SERVER.octets().to_vec()),
            (code::DNS, vec![10; 8]),
            (15, b"example".to_vec()),
            (code::NTP, vec![9; 4]),
            (150, vec![7; 100]),
            (160, vec![b'a'; 150]),
        ],
        reservations: Vec::new(),
    };
    DhcpConfig { networks: vec![network], decline_hold: 200_000, ..DhcpConfig::default() }
}

impl ModelledNetwork {
    fn new() -> Self {
        Self {
            engine: Engine::new(config(), Vec::new()).unwrap(),
            now: 1_000_000,
            lag: 0,
            disk: BTreeMap::new(),
            waiting: Vec::new(),
            unsaved: (Vec::new(), 0),
            under_way: None,
            sent: VecDeque::new(),
            offers: HashMap::new(),
            last: HashMap::new(),
            names: [0; CLIENTS],
            promises: HashMap::new(),
            squatter: false,
            manner: Manner::default(),
        }
    }

    fn packet(&self, client: usize, kind: MessageType) -> Packet {
        let mut packet = Packet::request(kind, 7, mac(client));
        if self.names[client] > 0 {
            packet.options.push((code::CLIENT_ID, vec![self.names[client], client as u8]));
        }
        let Manner { broadcast, relay, request_list, max_message_size, .. } = &self.manner;
        packet.flags = if *broadcast { BROADCAST } else { 0x0100 };
        if !request_list.is_empty() {
            packet.options.push((code::REQUEST_LIST, request_list.clone()));
        }
        if let Some(size) = max_message_size {
            packet.options.push((code::MAX_MESSAGE_SIZE, size.to_be_bytes().to_vec()));
        }
        if let Some(information) = relay {
            packet.giaddr = RELAY;
            packet.options.push((code::RELAY_INFORMATION, information.clone()));
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
            if self.manner.delays {
                return;
            }
        }
        self.deliver(client, &packet);
    }

    fn deliver(&mut self, client: usize, packet: &Packet) {
        let ingress =
            Ingress { local: SERVER, unicast: !packet.ciaddr.is_unspecified(), source: packet.ciaddr };
        let mut decision = self.engine.handle(self.now, packet, ingress, &Everybody);
        if matches!(packet.kind, MessageType::Decline | MessageType::Release) {
            if decision.probe.is_some() {
                decision = self.engine.given_up(self.now, packet, ingress, None);
            }
        } else if let Some(address) = decision.probe {
            let answer = self.squatter.then_some(SQUATTER);
            match self.engine.probed(self.now, address, answer) {
                Some(conflict) => decision = conflict,
                None => assert_eq!(answer, None, "{address} was offered though somebody answered for it"),
            }
        }
        if !decision.writes.is_empty() {
            self.unsaved.0.append(&mut decision.writes);
            self.unsaved.1 = decision.after;
        }
        let waiting = PendingCommit { client, asked_at: self.true_time(), asked: packet.clone(), decision };
        if waiting.decision.after == 0 {
            self.reply(&waiting);
        } else {
            self.waiting.push(waiting);
        }
    }

    fn true_time(&self) -> u64 {
        self.now.saturating_add(self.lag)
    }

    fn begin_commit(&mut self) {
        if self.under_way.is_none() && !self.unsaved.0.is_empty() {
            self.under_way = Some((std::mem::take(&mut self.unsaved.0), self.unsaved.1));
        }
    }

    /// The commit under way, or a new one, ends; of a failed one, so many records got to disk.
    fn end_commit(&mut self, saved: Result<(), usize>) {
        self.begin_commit();
        let Some((records, through)) = self.under_way.take() else { return };
        let arrive = saved.err().unwrap_or(usize::MAX);
        self.disk.extend(records.into_iter().take(arrive).map(|record| (record.address, record)));
        match saved {
            Ok(()) => self.engine.committed(through),
            Err(_) => self.engine.commit_failed(through),
        }
        let done: Vec<_> = self.waiting.extract_if(.., |waiting| waiting.decision.after <= through).collect();
        if saved.is_ok() {
            for waiting in &done {
                self.reply(waiting);
            }
        }
    }

    fn commit_all(&mut self) {
        while self.under_way.is_some() || !self.unsaved.0.is_empty() {
            self.end_commit(Ok(()));
        }
    }

    /// What the client gets; that an ACK is lost on the way makes no difference to the promise.
    fn reply(&mut self, waiting: &PendingCommit) {
        let PendingCommit { client, asked_at, asked, decision } = waiting;
        let Some(packet) = rules::check(asked, decision, SERVER, self.engine.config()) else { return };
        let address = packet.yiaddr;
        match packet.kind {
            MessageType::Offer if !self.manner.deaf => _ = self.offers.insert(*client, address),
            MessageType::Ack if asked.kind == MessageType::Request => {
                let seconds =
                    packet.option(code::LEASE_TIME).unwrap().try_into().map(u32::from_be_bytes).unwrap();
                assert!(seconds <= 100, "lease time");
                let until = asked_at.saturating_add(u64::from(seconds) * 1000);
                let before = self.promises.get(&address);
                assert!(
                    before.is_none_or(|before| before.to == *client || before.until <= self.true_time()),
                    "{address} promised to {client} while {before:?}"
                );
                let until = before
                    .filter(|before| before.to == *client)
                    .map_or(until, |before| before.until.max(until));
                self.promises.insert(address, PromisedLease { to: *client, until });
                if !self.manner.deaf {
                    self.last.insert(*client, address);
                }
                let record = &self.disk[&address];
                assert_eq!(record.mac, mac(*client), "acknowledged but not on disk");
                assert!(
                    record.expires.saturating_add(self.lag) >= until,
                    "{record:?} is shorter than promised at {asked_at}, until {until}"
                );
            }
            _ => {}
        }
    }

    /// The client stops using the address, and will not listen to an ACK still to come.
    fn give_up(&mut self, client: usize, address: Ipv4Addr) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.client == client) {
            waiting.decision.reply = None;
        }
        if self.promises.get(&address).is_some_and(|promise| promise.to == client) {
            self.promises.remove(&address);
        }
    }

    fn run(&mut self, step: &ModelStep) {
        match *step {
            ModelStep::Discover(client, answers) => {
                self.squatter = answers;
                self.send(client, self.packet(client, MessageType::Discover), false, None);
            }
            ModelStep::Select(client, wish) => {
                let Some(address) = wish.map(host).or(self.offers.get(&client).copied()) else {
                    return;
                };
                self.send(client, self.packet(client, MessageType::Request), true, Some(address));
            }
            ModelStep::Reboot(client, wish) => {
                let Some(address) = wish.map(host).or(self.last.get(&client).copied()) else {
                    return;
                };
                self.send(client, self.packet(client, MessageType::Request), false, Some(address));
            }
            ModelStep::Renew(client) => {
                let Some(&ciaddr) = self.last.get(&client) else {
                    return;
                };
                let packet = Packet { ciaddr, ..self.packet(client, MessageType::Request) };
                self.send(client, packet, false, None);
            }
            ModelStep::Release(client) => {
                let Some(&ciaddr) = self.last.get(&client) else {
                    return;
                };
                self.give_up(client, ciaddr);
                let packet = Packet { ciaddr, ..self.packet(client, MessageType::Release) };
                self.send(client, packet, true, None);
            }
            ModelStep::Decline(client) => {
                let Some(&address) = self.last.get(&client) else {
                    return;
                };
                self.give_up(client, address);
                self.send(client, self.packet(client, MessageType::Decline), true, Some(address));
            }
            ModelStep::Inform(client) => {
                let packet = Packet { ciaddr: host(200), ..self.packet(client, MessageType::Inform) };
                self.send(client, packet, false, None);
            }
            ModelStep::Manner(ref manner) => self.manner = manner.clone(),
            ModelStep::Rename(client, name) => self.names[client] = name,
            ModelStep::Repeat(which) => {
                if let Some((client, packet)) = self.sent.get(which).cloned() {
                    self.deliver(client, &packet);
                }
            }
            ModelStep::BeginCommit => self.begin_commit(),
            ModelStep::Commit => self.end_commit(Ok(())),
            ModelStep::FailCommit(arrive) => self.end_commit(Err(arrive)),
            ModelStep::Crash(arrive) => {
                if let Some((records, _)) = self.under_way.take() {
                    self.disk.extend(records.into_iter().take(arrive).map(|record| (record.address, record)));
                }
                self.unsaved.0.clear();
                self.waiting.clear();
                self.engine = Engine::new(config(), self.disk.values().cloned().collect()).unwrap();
            }
            ModelStep::Reconfigure => self.engine.reconfigure(config()).unwrap(),
            ModelStep::Wait(time) => self.now += time,
            ModelStep::Back(time) => {
                let time = time.min(self.now - 1);
                self.now -= time;
                self.lag += time;
            }
        }
    }

    /// Whoever was promised an address can go on using it.
    fn nobody_is_forgotten(&mut self) {
        self.commit_all();
        let promises: Vec<_> = self.promises.iter().map(|(address, promise)| (*address, *promise)).collect();
        for (ciaddr, promise) in promises {
            if promise.until <= self.true_time() {
                continue;
            }
            let packet = Packet { ciaddr, ..self.packet(promise.to, MessageType::Request) };
            let ingress = Ingress { local: SERVER, unicast: true, source: ciaddr };
            let decision = self.engine.handle(self.now, &packet, ingress, &Everybody);
            let kind = decision.reply.as_ref().map(|reply| reply.packet.kind);
            assert_eq!(kind, Some(MessageType::Ack), "{ciaddr} of {promise:?}: {:?}", decision.event.outcome);
            self.engine.committed(decision.after);
        }
    }
}

#[test]
fn d32_no_address_for_two_no_acknowledged_lease_lost_and_no_reply_out_of_order() {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("MODEL_SEED").map_or(clock, |seed| seed.parse().unwrap());
    let cases = std::env::var("MODEL_CASES").map_or(512, |cases| cases.parse().unwrap());
    println!("MODEL_SEED={seed} MODEL_CASES={cases}");
    let config =
        ProptestConfig { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..<_>::default() };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 1..200), |steps| {
        let mut world = ModelledNetwork::new();
        for step in &steps {
            world.run(step);
        }
        world.nobody_is_forgotten();
        // Nor after a crash.
        world.run(&ModelStep::Crash(0));
        world.nobody_is_forgotten();
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("MODEL_SEED={seed} MODEL_CASES={cases}: {failure}");
    }
}
