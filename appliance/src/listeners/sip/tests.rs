//! Tests the SIP listener over the network.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use transload_provision::sip::SenderProof;

use super::*;

const PHONE: Mac = Mac([0xc8, 0x00, 0x84, 0xaa, 0x87, 0x43]);
const HERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// Takes every peer except the stranger for the one phone.
struct EventRecorder(UnboundedSender<RegistrarEvent>);

impl Exchange for EventRecorder {
    fn caller(&self, address: Ipv4Addr) -> Option<Mac> {
        (address != STRANGER).then_some(PHONE)
    }

    fn heard(&self, event: RegistrarEvent) {
        let _ = self.0.send(event);
    }
}

struct SipTestListener {
    at: SocketAddr,
    board: Arc<Switchboard<EventRecorder>>,
    heard: UnboundedReceiver<RegistrarEvent>,
    stop: CancellationToken,
}

fn open() -> SipTestListener {
    let (listener, udp) = bind(HERE, None).unwrap();
    let (sender, heard) = unbounded_channel();
    let at = listener.local_addr().unwrap();
    let board = Switchboard::new(udp, Arc::new(EventRecorder(sender)), |_, _| ()).unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(Arc::clone(&board), listener, stop.clone()));
    SipTestListener { at, board, heard, stop }
}

fn register(at: SocketAddr, transport: &str, sequence: u32) -> Vec<u8> {
    format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {at};branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:a@b>\r\nCall-ID: c@{at}\r\nCSeq: {sequence} REGISTER\r\n\
         Contact: <sip:a@{at}>;+u.sip!devicename.ccm.cisco.com=\"SEP{PHONE}\"\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

async fn until(stream: &mut TcpStream, words: &str) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&bytes).contains(words) {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).await.unwrap();
            assert!(length > 0, "closed before {words:?}: {}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&part[..length]);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Waits until the other end closes.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn a_connection_registers_byte_by_byte_is_told_to_restart_and_is_gone_with_its_end() {
    let mut server = open();
    let mut stream = TcpStream::connect(server.at).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let own = stream.local_addr().unwrap();
    for byte in register(own, "TCP", 1) {
        stream.write_all(&[byte]).await.unwrap();
    }
    until(&mut stream, "SIP/2.0 200 OK").await;
    assert!(matches!(
        server.heard.recv().await,
        Some(RegistrarEvent::Registered(PHONE, _, SenderProof::TwoWay))
    ));
    stream.write_all(b"\r\n\r\n").await.unwrap();
    assert!(!server.board.restart(Mac([1; 6]), Restart::Restart));
    assert!(server.board.restart(PHONE, Restart::Reset));
    let notify = until(&mut stream, "action=reset").await;
    assert!(notify.contains("NOTIFY sip:a@"), "{notify}");
    drop(stream);
    assert_eq!(server.heard.recv().await, Some(RegistrarEvent::Gone(PHONE)));
}

#[tokio::test]
async fn datagrams_are_answered_and_a_door_that_closes_forgets_its_phones() {
    let mut server = open();
    let socket = UdpSocket::bind(HERE).await.unwrap();
    let own = socket.local_addr().unwrap();
    for nothing in [b"\r\n\r\n".as_slice(), b"\0\0\0\0", b"no SIP at all"] {
        socket.send_to(nothing, server.at).await.unwrap();
    }
    socket.send_to(&register(own, "UDP", 1), server.at).await.unwrap();
    let mut answers = String::new();
    while !answers.contains("200 OK") {
        let mut part = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut part)).await;
        answers += &String::from_utf8_lossy(&part[..read.unwrap().unwrap()]);
    }
    assert!(matches!(
        server.heard.recv().await,
        Some(RegistrarEvent::Registered(PHONE, _, SenderProof::OneWay))
    ));
    server.stop.cancel();
    assert_eq!(server.heard.recv().await, Some(RegistrarEvent::Gone(PHONE)));
}

#[tokio::test]
async fn what_is_no_sip_or_too_much_of_it_is_hung_up_on() {
    let server = open();
    for bytes in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![b'a'; 3 * LARGEST]] {
        let mut stream = TcpStream::connect(server.at).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        closed(stream).await;
    }
    let mut kept = Vec::new();
    for sequence in 0..PER_PEER as u32 {
        let mut stream = TcpStream::connect(server.at).await.unwrap();
        let own = stream.local_addr().unwrap();
        stream.write_all(&register(own, "TCP", sequence)).await.unwrap();
        until(&mut stream, "SIP/2.0 200 OK").await;
        kept.push(stream);
    }
    // A phone that starts again and again leaves its earlier connections open.
    let mut again = TcpStream::connect(server.at).await.unwrap();
    let own = again.local_addr().unwrap();
    again.write_all(&register(own, "TCP", 9)).await.unwrap();
    until(&mut again, "SIP/2.0 200 OK").await;
    closed(kept.swap_remove(0)).await;
}

async fn connect_from(address: Ipv4Addr, server: &SipTestListener) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddrV4::new(address, 0).into()).unwrap();
    socket.connect(server.at).await.unwrap()
}

#[tokio::test]
async fn connections_that_register_nobody_give_way() {
    let server = open();
    let mut halves = Vec::new();
    for _ in 0..=PER_PEER {
        let mut half = connect_from(STRANGER, &server).await;
        half.write_all(b"REGISTER sip:").await.unwrap();
        halves.push(half);
    }
    closed(halves.swap_remove(0)).await;
    let mut phone = TcpStream::connect(server.at).await.unwrap();
    let own = phone.local_addr().unwrap();
    phone.write_all(&register(own, "TCP", 1)).await.unwrap();
    until(&mut phone, "SIP/2.0 200 OK").await;
}

#[tokio::test]
async fn a_phone_that_registers_by_udp_proves_it_by_its_answer() {
    let mut server = open();
    let socket = UdpSocket::bind(HERE).await.unwrap();
    let own = socket.local_addr().unwrap();
    socket.send_to(&register(own, "UDP", 1), server.at).await.unwrap();
    let question = loop {
        let mut part = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut part)).await;
        let text = String::from_utf8(part[..read.unwrap().unwrap()].to_vec()).unwrap();
        if let Some(question) = text.strip_prefix(&format!("OPTIONS sip:a@{own} SIP/2.0\r\n")) {
            break question.to_owned();
        }
    };
    assert!(matches!(
        server.heard.recv().await,
        Some(RegistrarEvent::Registered(PHONE, _, SenderProof::OneWay))
    ));
    socket.send_to(format!("SIP/2.0 200 OK\r\n{question}").as_bytes(), server.at).await.unwrap();
    assert!(matches!(
        server.heard.recv().await,
        Some(RegistrarEvent::Registered(PHONE, _, SenderProof::TwoWay))
    ));
}

#[tokio::test]
async fn one_address_may_say_so_much_and_no_more() {
    let server = open();
    let address = Ipv4Addr::new(10, 23, 45, 101);
    let said = (0..1000).filter(|_| server.board.allows(address)).count();
    assert!((60..100).contains(&said), "{said} of 1000 at once");
    assert!(server.board.allows(Ipv4Addr::new(10, 23, 45, 102)), "others are not concerned");
    for number in 0..(2 * PEERS_KEPT as u32) {
        let _ = server.board.allows(Ipv4Addr::from(number));
    }
    assert!(server.board.state().peers.len() <= PEERS_KEPT);
}

#[tokio::test]
async fn datagrams_in_a_phones_name_take_nothing_from_its_connection() {
    let server = open();
    let mut phone = TcpStream::connect(server.at).await.unwrap();
    let own = phone.local_addr().unwrap();
    while server.board.allows(Ipv4Addr::LOCALHOST) {}
    phone.write_all(&register(own, "TCP", 1)).await.unwrap();
    until(&mut phone, "SIP/2.0 200 OK").await;
}
