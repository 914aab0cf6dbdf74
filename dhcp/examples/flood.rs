//! What a lease costs: `cargo run --release --example flood -- engine|loopback [LEASES]`.
//!
//! `engine` reads, decides and writes messages without a socket; `loopback` is the whole server with one flooding
//! client, whose work counts too. To be run under `perf record` or `valgrind --tool=callgrind`.

// An example may fail like a test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, LeaseTime, RelayInformation};
use transload_dhcp::engine::{Engine, Ingress};
use transload_dhcp::journal::Forgetful;
use transload_dhcp::options::code;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::{ClientRequest, Grant, Policy, PolicyDecision};
use transload_dhcp::server::{DhcpServer, Setup};
use transload_dhcp::sockets::Link;
use transload_dhcp::{MacOctets, MessageType};

const SERVER: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
/// Messages under way at a time.
const WINDOW: u32 = 64;

/// What a phone is told, more or less.
struct PhonePolicy;

impl Policy for PhonePolicy {
    fn decide(&self, client: &ClientRequest<'_>) -> PolicyDecision {
        PolicyDecision::Grant(Grant {
            class: "phone".into(),
            next_server: Some(client.server),
            options: vec![
                (66, client.server.to_string().into_bytes()),
                (150, client.server.octets().to_vec()),
            ],
            ..Grant::default()
        })
    }
}

fn config() -> DhcpConfig {
    let network = DhcpNetwork {
        name: "flood".into(),
        address: SERVER,
        prefix_len: 8,
        pools: vec![AddressRange {
            first: Ipv4Addr::new(127, 16, 0, 0),
            last: Ipv4Addr::new(127, 31, 255, 255),
        }],
        exclude: Vec::new(),
        lease: LeaseTime::fixed(3600),
        relay_information: RelayInformation::Answer,
        options: vec![
            (3, SERVER.octets().to_vec()),
            (6, SERVER.octets().to_vec()),
            (15, b"bench.example".to_vec()),
        ],
        reservations: Vec::new(),
    };
    DhcpConfig { networks: vec![network], ..DhcpConfig::default() }
}

fn mac(number: u32) -> MacOctets {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 0x12, a, b, c, d]
}

/// As a phone sends it.
fn message(kind: MessageType, number: u32, address: Option<Ipv4Addr>) -> Vec<u8> {
    let mut packet = Packet::request(kind, number, mac(number));
    let mut id = vec![1];
    id.extend(packet.chaddr);
    packet.options = vec![
        (code::CLIENT_ID, id),
        (code::VENDOR_CLASS, b"Cisco Systems, Inc. IP Phone CP-8851\0".to_vec()),
        (code::HOST_NAME, format!("SEP{number:012X}").into_bytes()),
        (code::REQUEST_LIST, vec![1, 66, 6, 3, 15, 150, 35]),
    ];
    if let Some(address) = address {
        packet.options.push((code::SERVER_ID, SERVER.octets().to_vec()));
        packet.options.push((code::REQUESTED_ADDRESS, address.octets().to_vec()));
    }
    packet.encode(1500)
}

fn engine(leases: u32) {
    let mut engine = Engine::new(config(), Vec::new()).unwrap();
    let ingress = Ingress { local: SERVER, unicast: false, source: Ipv4Addr::UNSPECIFIED };
    let mut answer = |now, octets: &[u8]| {
        let decision = engine.handle(now, &Packet::decode(octets).unwrap(), ingress, &PhonePolicy);
        engine.committed(decision.after);
        decision.reply.unwrap().encode()
    };
    for number in 0..leases {
        let now = 1_000_000 + u64::from(number) / 10;
        let offer = answer(now, &message(MessageType::Discover, number, None));
        let address = Packet::decode(&offer).unwrap().yiaddr;
        let ack = answer(now, &message(MessageType::Request, number, Some(address)));
        assert_eq!(ack.get(242), Some(&5));
    }
}

async fn loopback(leases: u32) {
    let server = DhcpServer::start(Setup {
        config: config(),
        leases: Vec::new(),
        links: vec![Link::Loopback { bind: SocketAddrV4::new(SERVER, 0) }],
        await_links: false,
        policy: Arc::new(PhonePolicy),
        journal: Arc::new(Forgetful),
        clock: Arc::new(|| 1_000_000),
        observer: Arc::new(|_, _| {}),
    })
    .unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.addresses()[0]).await.unwrap();
    let mut buffer = [0; 1500];
    let (mut begun, mut done) = (0, 0);
    while done < leases {
        if begun < leases && begun - done < WINDOW {
            client.send(&message(MessageType::Discover, begun, None)).await.unwrap();
            begun += 1;
            continue;
        }
        let length =
            tokio::time::timeout(Duration::from_secs(5), client.recv(&mut buffer)).await.expect("an answer");
        let reply = Packet::decode(&buffer[..length.unwrap()]).unwrap();
        if reply.kind == MessageType::Offer {
            client.send(&message(MessageType::Request, reply.xid, Some(reply.yiaddr))).await.unwrap();
        } else {
            done += 1;
        }
    }
    server.shutdown().await;
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let leases = arguments.get(1).map_or(100_000, |leases| leases.parse().expect("a number of leases"));
    let start = Instant::now();
    if arguments.first().is_some_and(|what| what == "loopback") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(loopback(leases));
    } else {
        engine(leases);
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(leases);
    println!("{leases} leases, {each:.2} microseconds each");
}
