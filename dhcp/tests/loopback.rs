//! The running server over real sockets, with clients made by dhcproto.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Encodable};
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, LeaseTime, RelayInformation};
use transload_dhcp::event::{DhcpEvent, DhcpOutcome, Unserved};
use transload_dhcp::journal::{CommitCallback, CommitFailed, Journal};
use transload_dhcp::lease::LeaseRecord;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::{ClientRequest, Grant, Policy, PolicyDecision};
use transload_dhcp::server::{DhcpServer, Observer, Setup};
use transload_dhcp::sockets::Link;

const PATIENCE: Duration = Duration::from_secs(20);
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 1);

/// Saves as often as it has permits.
struct Disk {
    permits: Semaphore,
    saved: Mutex<BTreeMap<Ipv4Addr, LeaseRecord>>,
    broken: Mutex<bool>,
}

struct SharedDisk(Arc<Disk>);

impl Disk {
    fn new(permits: usize) -> Arc<Self> {
        let permits = Semaphore::new(permits);
        Arc::new(Self { permits, saved: Mutex::default(), broken: Mutex::default() })
    }

    fn leases(&self) -> Vec<LeaseRecord> {
        self.saved.lock().unwrap().values().cloned().collect()
    }
}

impl Journal for SharedDisk {
    fn commit(&self, records: Vec<LeaseRecord>, done: CommitCallback) {
        let disk = Arc::clone(&self.0);
        // The tests' runtime has one thread, which takes tasks in their order.
        tokio::spawn(async move {
            disk.permits.acquire().await.unwrap().forget();
            if *disk.broken.lock().unwrap() {
                return done(Err(CommitFailed("disk full".into())));
            }
            disk.saved.lock().unwrap().extend(records.into_iter().map(|record| (record.address, record)));
            done(Ok(()));
        });
    }
}

/// Option 66 to Cisco phones, silence to others.
struct PhonePolicy;

impl Policy for PhonePolicy {
    fn decide(&self, client: &ClientRequest<'_>) -> PolicyDecision {
        match client.vendor_class {
            Some(class) if class.starts_with(b"Cisco") => PolicyDecision::Grant(Grant {
                class: "phone".into(),
                next_server: Some(client.server),
                options: vec![(66, client.server.to_string().into_bytes())],
                ..Grant::default()
            }),
            _ => PolicyDecision::Ignore { reason: "no phone".into() },
        }
    }
}

fn config() -> DhcpConfig {
    let host = |third, last| Ipv4Addr::new(127, 9, third, last);
    let network = DhcpNetwork {
        name: "rehearsal".into(),
        address: SERVER,
        prefix_len: 16,
        pools: vec![AddressRange { first: host(1, 0), last: host(4, 255) }],
        exclude: Vec::new(),
        lease: LeaseTime::fixed(600),
        relay_information: RelayInformation::Answer,
        options: vec![(6, SERVER.octets().to_vec())],
        reservations: Vec::new(),
    };
    DhcpConfig { networks: vec![network], ..DhcpConfig::default() }
}

fn start(disk: &Arc<Disk>) -> (DhcpServer, SocketAddrV4, mpsc::UnboundedReceiver<DhcpEvent>) {
    let (events, observed) = mpsc::unbounded_channel();
    let (server, address) = start_telling(disk, Arc::new(move |event, _| _ = events.send(event.clone())));
    (server, address, observed)
}

fn start_telling(disk: &Arc<Disk>, observer: Observer) -> (DhcpServer, SocketAddrV4) {
    let server = DhcpServer::start(Setup {
        config: config(),
        leases: disk.leases(),
        links: vec![Link::Loopback { bind: SocketAddrV4::new(SERVER, 0) }],
        await_links: false,
        policy: Arc::new(PhonePolicy),
        journal: Arc::new(SharedDisk(Arc::clone(disk))),
        clock: Arc::new(|| 1_700_000_000_000),
        observer,
    })
    .unwrap();
    let address = server.addresses()[0];
    (server, address)
}

struct DhcpPhone {
    socket: UdpSocket,
    mac: [u8; 6],
}

impl DhcpPhone {
    async fn new(number: u16, server: SocketAddrV4) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        let [high, low] = number.to_be_bytes();
        Self { socket, mac: [0, 0x12, 0x34, 0, high, low] }
    }

    async fn say(&self, kind: MessageType, more: Vec<DhcpOption>) {
        let mut message = Message::default();
        message.set_opcode(Opcode::BootRequest).set_chaddr(&self.mac);
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(kind));
        options.insert(DhcpOption::ClassIdentifier(b"Cisco Systems, Inc. IP Phone CP-8851\0".to_vec()));
        for option in more {
            options.insert(option);
        }
        self.socket.send(&message.to_vec().unwrap()).await.unwrap();
    }

    async fn hear(&self) -> Message {
        let mut buffer = [0; 1500];
        let length = timeout(PATIENCE, self.socket.recv(&mut buffer)).await.expect("an answer").unwrap();
        Message::from_bytes(&buffer[..length]).unwrap()
    }

    async fn discover(&self) -> Ipv4Addr {
        self.say(MessageType::Discover, Vec::new()).await;
        let offer = self.hear().await;
        assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer));
        offer.yiaddr()
    }

    async fn take(&self, address: Ipv4Addr) {
        let server = DhcpOption::ServerIdentifier(SERVER);
        self.say(MessageType::Request, vec![server, DhcpOption::RequestedIpAddress(address)]).await;
    }

    async fn lease(&self) -> Message {
        let address = self.discover().await;
        self.take(address).await;
        let ack = self.hear().await;
        assert_eq!((ack.opts().msg_type(), ack.yiaddr()), (Some(MessageType::Ack), address));
        ack
    }
}

async fn event(observed: &mut mpsc::UnboundedReceiver<DhcpEvent>) -> DhcpEvent {
    timeout(PATIENCE, observed.recv()).await.expect("an event").unwrap()
}

#[tokio::test]
async fn a_phone_gets_its_lease_with_its_options_and_it_is_on_disk() {
    let disk = Disk::new(100);
    let (_server, address, mut observed) = start(&disk);
    let phone = DhcpPhone::new(1, address).await;
    let ack = phone.lease().await;
    assert_eq!((ack.siaddr(), ack.chaddr()), (SERVER, &phone.mac[..]));
    let tftp = DhcpOption::TFTPServerName(SERVER.to_string().into_bytes());
    assert_eq!(ack.opts().get(OptionCode::TFTPServerName), Some(&tftp));
    assert_eq!(
        ack.opts().get(OptionCode::DomainNameServer),
        Some(&DhcpOption::DomainNameServer(vec![SERVER]))
    );
    assert_eq!(disk.leases()[0].address, ack.yiaddr());
    assert_eq!(event(&mut observed).await.outcome, DhcpOutcome::Offered);
    let acknowledged = event(&mut observed).await;
    assert_eq!(
        (acknowledged.outcome, acknowledged.class.as_deref()),
        (DhcpOutcome::Acknowledged, Some("phone"))
    );
}

#[tokio::test]
async fn d6_no_ack_leaves_before_its_lease_is_saved() {
    let disk = Disk::new(0);
    let (_server, address, mut observed) = start(&disk);
    let mut phones = Vec::new();
    for number in 0..20 {
        let phone = DhcpPhone::new(number, address).await;
        let offered = phone.discover().await;
        event(&mut observed).await;
        phones.push((phone, offered));
    }
    for (phone, offered) in &phones {
        phone.take(*offered).await;
    }
    // All requests are handled once an offer asked for after them is there; none of them was answered.
    DhcpPhone::new(100, address).await.discover().await;
    let mut buffer = [0; 1500];
    assert!(phones.iter().all(|(phone, _)| phone.socket.try_recv(&mut buffer).is_err()));
    assert_eq!(event(&mut observed).await.outcome, DhcpOutcome::Offered);

    disk.permits.add_permits(100);
    for (phone, offered) in &phones {
        let ack = phone.hear().await;
        assert_eq!((ack.opts().msg_type(), ack.yiaddr()), (Some(MessageType::Ack), *offered));
    }
    assert_eq!(disk.leases().len(), 20);
}

#[tokio::test]
async fn what_a_slow_disk_held_back_does_not_leave_in_one_burst() {
    const PHONES: u16 = 600;
    let disk = Disk::new(0);
    let left = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let left = Arc::clone(&left);
        move |event: &DhcpEvent, _: Duration| {
            if event.outcome == DhcpOutcome::Acknowledged {
                left.lock().unwrap().push(Instant::now());
            }
        }
    };
    let (_server, address) = start_telling(&disk, Arc::new(observer));
    let mut phones = Vec::new();
    for number in 0..PHONES {
        let phone = DhcpPhone::new(number, address).await;
        let offered = phone.discover().await;
        phones.push((phone, offered));
    }
    for (phone, offered) in &phones {
        phone.take(*offered).await;
    }
    disk.permits.add_permits(usize::from(PHONES));
    for (phone, _) in &phones {
        assert_eq!(phone.hear().await.opts().msg_type(), Some(MessageType::Ack));
    }
    // A relay that hears all of them has room for about 250; the 400 after the first 200 take 24 ms at least.
    let left = left.lock().unwrap();
    let took = left[usize::from(PHONES) - 1].duration_since(left[200]);
    assert!(took > Duration::from_millis(20), "{took:?}");
}

#[tokio::test]
async fn a_lease_that_cannot_be_saved_is_not_acknowledged() {
    let disk = Disk::new(100);
    let (_server, address, mut observed) = start(&disk);
    let phone = DhcpPhone::new(1, address).await;
    let offered = phone.discover().await;
    event(&mut observed).await;
    *disk.broken.lock().unwrap() = true;
    phone.take(offered).await;
    assert_eq!(event(&mut observed).await.outcome, DhcpOutcome::NotSaved("disk full".into()));
    *disk.broken.lock().unwrap() = false;
    phone.take(offered).await;
    // The first answer the phone hears is that to its second request.
    assert_eq!(phone.hear().await.opts().msg_type(), Some(MessageType::Ack));
    assert_eq!(disk.leases().len(), 1);
}

#[tokio::test]
async fn a_server_told_to_stop_saves_and_answers_what_it_granted() {
    let disk = Disk::new(0);
    let (server, address, mut observed) = start(&disk);
    let phone = DhcpPhone::new(1, address).await;
    let offered = phone.discover().await;
    phone.take(offered).await;
    // The request is handled once an offer asked for after it is there.
    DhcpPhone::new(2, address).await.discover().await;
    let stopped = tokio::spawn(async move { server.shutdown().await });
    disk.permits.add_permits(1);
    timeout(PATIENCE, stopped).await.expect("an end").unwrap();
    assert_eq!(disk.leases()[0].address, offered);
    assert_eq!(phone.hear().await.opts().msg_type(), Some(MessageType::Ack));
    let outcomes = [event(&mut observed).await, event(&mut observed).await, event(&mut observed).await];
    assert_eq!(outcomes.map(|event| event.outcome)[2], DhcpOutcome::Acknowledged);
}

#[tokio::test]
async fn d32_leases_survive_a_restart_of_the_server() {
    let disk = Disk::new(100);
    let (server, address, _observed) = start(&disk);
    let first = DhcpPhone::new(1, address).await.lease().await.yiaddr();
    server.shutdown().await;
    let (server, address, _observed) = start(&disk);
    assert_eq!(server.lease(first).unwrap().mac, [0, 0x12, 0x34, 0, 0, 1]);
    assert_ne!(DhcpPhone::new(2, address).await.lease().await.yiaddr(), first);
    assert_eq!(DhcpPhone::new(1, address).await.lease().await.yiaddr(), first);
}

#[tokio::test]
async fn garbage_does_not_stop_the_service() {
    let disk = Disk::new(100);
    let (_server, address, _observed) = start(&disk);
    let noise = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut state = 0x2545_f491_u32;
    for length in (0..6000).step_by(97) {
        let garbage: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(length)
        .collect();
        noise.send_to(&garbage, address).await.unwrap();
    }
    DhcpPhone::new(1, address).await.lease().await;
}

#[tokio::test]
async fn a_silent_server_answers_nobody_until_it_may_again() {
    let disk = Disk::new(100);
    let (server, address, mut observed) = start(&disk);
    let phone = DhcpPhone::new(1, address).await;
    server.set_silent(*address.ip(), true);
    phone.say(MessageType::Discover, Vec::new()).await;
    assert!(matches!(event(&mut observed).await.outcome, DhcpOutcome::Unserved(Unserved::Silent)));
    server.set_silent(*address.ip(), false);
    // An answer to the first would come before the one to the second, with an offer where an ACK is awaited.
    phone.lease().await;
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let disk = Disk::new(0);
    let (_server, address, _observed) = start(&disk);
    let second = DhcpServer::start(Setup {
        config: config(),
        leases: Vec::new(),
        links: vec![Link::Loopback { bind: address }],
        await_links: false,
        policy: Arc::new(PhonePolicy),
        journal: Arc::new(SharedDisk(disk)),
        clock: Arc::new(|| 0),
        observer: Arc::new(|_, _| {}),
    });
    let error = second.err().expect("an error").to_string();
    assert!(error.contains("in use"), "{error}");
}

#[tokio::test]
async fn clients_without_a_lease_that_ask_for_options_alone_are_answered_within_bounds() {
    let disk = Disk::new(101);
    let (_server, address, mut observed) = start(&disk);
    let phone = DhcpPhone::new(1, address).await;
    let leased = phone.lease().await.yiaddr();
    let inform = |mac, ciaddr| {
        let mut packet = Packet::request(MessageType::Inform, 1, mac);
        packet.ciaddr = ciaddr;
        packet.options.push((60, b"Cisco Systems, Inc. IP Phone CP-8851".to_vec()));
        packet.encode(576)
    };
    let mut answered = 0;
    let mut next = async || loop {
        let event = event(&mut observed).await;
        if event.kind == MessageType::Inform {
            return event.outcome;
        }
    };
    for number in 0..1500_u16 {
        let [high, low] = number.to_be_bytes();
        let made_up = inform([2, 0, 0, 0, high, low], Ipv4Addr::new(127, 9, high, low));
        phone.socket.send(&made_up).await.unwrap();
        answered += usize::from(next().await == DhcpOutcome::Informed);
    }
    assert!((64..1500).contains(&answered), "{answered}");
    phone.socket.send(&inform(phone.mac, leased)).await.unwrap();
    assert_eq!(next().await, DhcpOutcome::Informed);
}
