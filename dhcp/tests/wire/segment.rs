//! A server and its clients on a wire: two network namespaces and a pair of veth interfaces. The test's thread is in
//! the clients' namespace and sees every frame. The namespaces end with their threads.

use std::io::ErrorKind;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::ifaddrs::getifaddrs;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, sendto};
use nix::unistd::gettid;
use socket2::{Domain, Protocol, Socket, Type};
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, LeaseTime, RelayInformation};
use transload_dhcp::event::DhcpEvent;
use transload_dhcp::journal::Forgetful;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::Everybody;
use transload_dhcp::server::{DhcpServer, Setup};
use transload_dhcp::sockets::Link;
use transload_dhcp::{MacOctets, MessageType};

use crate::frames::{WireArp, WireDatagram, WireFrame};

pub const PATIENCE: Duration = Duration::from_secs(10);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub const PHONE: MacOctets = [0x00, 0x12, 0x34, 0, 0, 1];
pub const EVERYBODY: MacOctets = [0xff; 6];
const ANYBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A thread in a network namespace of its own, where commands can be run.
struct Namespace {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Namespace {
    /// And the name to move interfaces to.
    fn new() -> (Self, String) {
        let (jobs, work) = mpsc::channel::<Job>();
        let (name, named) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            name.send(gettid().to_string()).unwrap();
            for job in work {
                job();
            }
        });
        (Self { jobs: Some(jobs), thread: Some(thread) }, named.recv().unwrap())
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (result, done) = mpsc::channel();
        let job = Box::new(move || _ = result.send(job()));
        self.jobs.as_ref().unwrap().send(job).unwrap();
        done.recv().expect("the job ended well")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The kernel notices a carrier in its own time, and drops what is sent before.
fn wait_until_up(interface: &str) {
    let end = Instant::now() + PATIENCE;
    while !ip(&format!("-br link show {interface}")).contains(" UP ") {
        assert!(Instant::now() < end, "{interface} does not come up");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `ip` in the namespace of the calling thread; what it says.
pub fn ip(arguments: &str) -> String {
    let done = Command::new("ip").args(arguments.split_whitespace()).output().expect("ip, of iproute2");
    assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// The wire. `c0` is here, `s0` at the server's end; where there is a second pair, `c1` and `s1`.
pub struct TestSegment {
    socket: Socket,
    far: Namespace,
    name: String,
    serving: Option<(tokio::sync::oneshot::Sender<()>, JoinHandle<()>)>,
    pub events: mpsc::Receiver<DhcpEvent>,
    told: mpsc::Sender<DhcpEvent>,
}

/// Whether namespaces can be made; says so loudly where not.
pub fn possible() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        // Written past the capture of passing tests' output.
        _ = writeln!(std::io::stderr(), "SKIPPED: tests on the wire need root, for network namespaces");
        assert!(std::env::var_os("CI").is_none(), "tests on the wire were skipped under CI");
    }
    root
}

impl TestSegment {
    pub fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let all = Protocol::from(i32::from((nix::libc::ETH_P_ALL as u16).to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all)).unwrap();
        let (far, name) = Namespace::new();
        let (told, events) = mpsc::channel();
        let segment = Self { socket, far, name, serving: None, events, told };
        segment.plug(0, &format!("{SERVER}/24"));
        segment
    }

    /// Joins `c<number>` here with `s<number>` there, which gets an address.
    pub fn plug(&self, number: u8, address: &str) {
        ip(&format!("link add c{number} type veth peer name s{number} netns {}", self.name));
        ip(&format!("link set c{number} up"));
        self.far(&format!("address add {address} dev s{number}"));
        self.far(&format!("link set s{number} up"));
        wait_until_up(&format!("c{number}"));
        self.far.run(move || wait_until_up(&format!("s{number}")));
    }

    /// Runs `ip` at the server's end.
    pub fn far(&self, arguments: &str) {
        let arguments = arguments.to_owned();
        self.far.run(move || drop(ip(&arguments)));
    }

    /// The link to the interface that is there now, and to no other of its name.
    pub fn this_link(&self, number: u8, address: Ipv4Addr) -> Link {
        let name = format!("s{number}");
        let index = self.far.run(move || nix::net::if_::if_nametoindex(name.as_str()).unwrap());
        Link::Interface { name: format!("s{number}"), address, index: Some(index) }
    }

    pub fn serve(&mut self, config: DhcpConfig) {
        self.serve_links(config, vec![link(0, SERVER)], false);
    }

    /// Starts the server; it ends with the segment.
    pub fn serve_links(&mut self, config: DhcpConfig, links: Vec<Link>, await_links: bool) {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let told = self.told.clone();
        // A thread begins in the namespace of the thread that starts it.
        self.serving = Some((
            stop,
            self.far.run(move || {
                let (started, wait) = mpsc::channel();
                let thread = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async move {
                        let server = DhcpServer::start(Setup {
                            config,
                            leases: Vec::new(),
                            links,
                            await_links,
                            policy: Arc::new(Everybody),
                            journal: Arc::new(Forgetful),
                            clock: Arc::new(|| {
                                SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
                            }),
                            observer: Arc::new(move |event, _| _ = told.send(event.clone())),
                        })
                        .unwrap();
                        started.send(()).unwrap();
                        _ = stopped.await;
                        server.shutdown().await;
                    });
                });
                wait.recv().expect("the server starts");
                thread
            }),
        ));
    }

    /// Sends a message out of an interface as a client sends it: to everybody, from its address or none.
    pub fn say_on(&self, interface: &str, packet: &Packet) {
        let from = SocketAddrV4::new(packet.ciaddr, 68);
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
        self.send(
            interface,
            &WireDatagram { from, to, payload: packet.encode(1500) }.frame(packet.chaddr, EVERYBODY),
        );
    }

    pub fn say(&self, packet: &Packet) {
        self.say_on("c0", packet);
    }

    /// Sends a message the way a relay does.
    pub fn relay(&self, packet: &Packet, from: Ipv4Addr) {
        let datagram = WireDatagram {
            from: SocketAddrV4::new(from, 67),
            to: SocketAddrV4::new(SERVER, 67),
            payload: packet.encode(1500),
        };
        let server = self.far.run(|| ethernet("s0").addr().unwrap());
        self.send("c0", &datagram.frame(ethernet("c0").addr().unwrap(), server));
    }

    pub fn send(&self, interface: &str, frame: &[u8]) {
        sendto(self.socket.as_raw_fd(), frame, &ethernet(interface), MsgFlags::empty()).unwrap();
    }

    /// The first frame within `wait` that `wanted` makes something of.
    pub fn find<T>(&self, wait: Duration, mut wanted: impl FnMut(WireFrame) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + wait;
        let mut buffer = [0; 4096];
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut buffer) {
                Ok((length, _)) => {
                    if let Some(found) = WireFrame::read(&buffer[..length]).and_then(&mut wanted) {
                        return Some(found);
                    }
                }
                Err(cause) if std::io::Error::from(cause).kind() == ErrorKind::WouldBlock => return None,
                Err(nix::Error::ENETDOWN | nix::Error::EINTR) => {}
                Err(cause) => panic!("{cause}"),
            }
        }
    }

    /// The server's next message.
    pub fn hear(&self) -> ServerMessage {
        self.find(PATIENCE, reply).expect("an answer")
    }

    pub fn offer(&self, packet: &Packet) -> ServerMessage {
        self.say(packet);
        let heard = self.hear();
        assert_eq!(heard.packet.kind, MessageType::Offer);
        heard
    }

    /// The next question or answer of ARP.
    pub fn arp(&self, wait: Duration) -> Option<WireArp> {
        self.find(wait, |frame| frame.arp)
    }
}

impl Drop for TestSegment {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.serving.take() {
            _ = stop.send(());
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server ends well");
        }
    }
}

/// A message of the server's, as it was on the wire.
#[derive(Debug)]
pub struct ServerMessage {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub to_mac: MacOctets,
    /// Octets of the IP datagram.
    pub size: usize,
    pub payload: Vec<u8>,
    pub packet: Packet,
}

pub fn reply(frame: WireFrame) -> Option<ServerMessage> {
    let WireDatagram { from, to, payload } = frame.datagram?;
    let packet = Packet::decode(&payload).ok()?;
    let size = payload.len() + 28;
    (from.port() == 67 && packet.op == transload_dhcp::packet::Op::Reply).then_some(ServerMessage {
        from,
        to,
        to_mac: frame.to,
        size,
        payload,
        packet,
    })
}

pub fn ethernet(interface: &str) -> LinkAddr {
    getifaddrs()
        .unwrap()
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address?.as_link_addr().copied())
        .expect("an Ethernet address")
}

pub fn link(number: u8, address: Ipv4Addr) -> Link {
    Link::Interface { name: format!("s{number}"), address, index: None }
}

pub fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

/// A /24 with addresses 100 to 150 for clients.
pub fn network(address: Ipv4Addr) -> DhcpNetwork {
    let at = |last| Ipv4Addr::from(address.to_bits() & !0xff | last);
    DhcpNetwork {
        name: address.to_string(),
        address,
        prefix_len: 24,
        pools: vec![AddressRange { first: at(100), last: at(150) }],
        exclude: Vec::new(),
        lease: LeaseTime::fixed(600),
        relay_information: RelayInformation::Answer,
        options: Vec::new(),
        reservations: Vec::new(),
    }
}

/// Without probing, so that answers come at once.
pub fn config() -> DhcpConfig {
    DhcpConfig { networks: vec![network(SERVER)], conflict_probe: false, ..DhcpConfig::default() }
}

pub fn message(kind: MessageType, options: &[(u8, &[u8])]) -> Packet {
    let mut packet = Packet::request(kind, 0x5eed_1234, PHONE);
    packet.options = options.iter().map(|(code, octets)| (*code, octets.to_vec())).collect();
    packet.ciaddr = ANYBODY;
    packet
}
