//! Enterprise firmware at its call manager (§13): it registers, reports its load, and obeys a NOTIFY with the Call-ID
//! of its registration.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};
use transload_pace::WorkGuard;

use super::Life;
use super::network::VirtualNetwork;
use super::spec::Registers;
use super::xml::Manager;

/// The longest wait for an answer, in real time.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first wait before a datagram is repeated (RFC 3261 §17.1.2.1), in real time; the phone's clock stands still.
const T1: Duration = Duration::from_millis(500);
/// The largest SIP message, in bytes.
const LARGEST: usize = 32 * 1024;

/// An order from the call manager.
pub(super) enum RegistrationOrder {
    /// Read the configuration again.
    Restart,
    /// Boot.
    Reset,
}

/// Keeps the phone registered until an order comes.
pub(super) async fn stay(life: &Life, network: &VirtualNetwork, manager: &Manager) -> RegistrationOrder {
    loop {
        match session(life, network, manager).await {
            Ok(told) => return told,
            Err(error) => life.note(format!("not registered: {error}")),
        }
        life.pause(Duration::from_secs(10)).await;
    }
}

async fn session(life: &Life, network: &VirtualNetwork, manager: &Manager) -> io::Result<RegistrationOrder> {
    let host = manager.address.parse::<Ipv4Addr>().ok().and_then(|host| network.wiring.reach(host));
    let port = network.wiring.sip.filter(|port| *port == manager.port);
    let (Some(host), Some(port)) = (host, port) else {
        return Err(io::Error::other("nobody there"));
    };
    let to = SocketAddr::from((host, port));
    let own = SocketAddr::from((network.address, 0));
    let socket = if life.spec.quirks.registers == Registers::Udp {
        let socket = UdpSocket::bind(own).await?;
        socket.connect(to).await?;
        Socket::Udp(socket)
    } else {
        let socket = TcpSocket::new_v4()?;
        socket.bind(own)?;
        Socket::Tcp(timeout(PATIENCE, socket.connect(to)).await??)
    };
    let at = match &socket {
        Socket::Udp(socket) => socket.local_addr()?,
        Socket::Tcp(stream) => stream.local_addr()?,
    };
    let lower = life.spec.mac.lower();
    let call_id =
        format!("{}-{}{:04x}-{:08x}@{}", &lower[..8], &lower[8..], at.port(), life.spec.index, at.ip());
    let mut line = SipConnection { socket, bytes: Vec::new() };
    let (mut sequence, mut expires) = (101, register(life, &mut line, manager, &call_id, at, 101).await?);
    life.note(format!("registered at {to}"));
    loop {
        let until = life.wiring.pace.elapsed() + Duration::from_secs(expires) * 4 / 5;
        while let Some(message) = hear(life, &mut line, until).await {
            if let Some(told) = answer(life, &mut line, &message?, &call_id).await? {
                return Ok(told);
            }
        }
        sequence += 1;
        expires = register(life, &mut line, manager, &call_id, at, sequence).await?;
    }
}

/// The next message, if one comes before `until`.
async fn hear(life: &Life, line: &mut SipConnection, until: Duration) -> Option<io::Result<SipMessage>> {
    let sleep = life.wiring.pace.sleep_until(until);
    life.awake.rest();
    let (message, _hold) = tokio::select! {
        biased;
        message = line.receive() => (Some(message), WorkGuard::none()),
        hold = sleep => (None, hold),
    };
    life.awake.work();
    message
}

/// Sends a REGISTER; returns how long it lasts, in the phone's seconds.
async fn register(
    life: &Life,
    line: &mut SipConnection,
    manager: &Manager,
    call_id: &str,
    at: SocketAddr,
    sequence: u32,
) -> io::Result<u64> {
    let spec = &life.spec;
    let (mac, lower, server, user) = (spec.mac, spec.mac.lower(), &manager.address, &manager.line);
    let (load, inactive) = life.memory(|memory| (memory.load.clone(), memory.inactive.clone()));
    let inactive = inactive.unwrap_or_else(|| load.clone());
    let loads = if spec.quirks.old_alarm {
        format!("Load={load}")
    } else {
        format!("ActiveLoad={load}.loads InactiveLoad={inactive}.loads")
    };
    let transport = if matches!(line.socket, Socket::Udp(_)) { "udp" } else { "tcp" };
    let body = if spec.quirks.old_alarm || sequence > 101 {
        String::new()
    } else {
        "--part\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\n\r\n<x-cisco-remotecc-request>\
         <optionsind><service-control/></optionsind></x-cisco-remotecc-request>\r\n--part--\r\n"
            .to_owned()
    };
    let version = load.version();
    let text = format!(
        "REGISTER sip:{server} SIP/2.0\r\n\
         Via: SIP/2.0/{} {at};branch=z9hG4bK{lower}{sequence}\r\n\
         From: <sip:{user}@{server}>;tag={lower}{:04x}\r\n\
         To: <sip:{user}@{server}>\r\n\
         Call-ID: {call_id}\r\n\
         CSeq: {sequence} REGISTER\r\n\
         Max-Forwards: 70\r\n\
         User-Agent: Cisco-CP{}/{}.{}.{}\r\n\
         Contact: <sip:{lower}@{at};transport={transport}>;\
         +sip.instance=\"<urn:uuid:00000000-0000-0000-0000-{lower}>\";\
         +u.sip!devicename.ccm.cisco.com=\"SEP{mac}\";+u.sip!model.ccm.cisco.com=\"{}\"\r\n\
         Supported: replaces,X-cisco-service-control,X-cisco-srtp-fallback,X-cisco-sis-7.0.0\r\n\
         Reason: SIP;cause=200;text=\"cisco-alarm:23 Name=SEP{mac} {loads} Last=reset-restart\"\r\n\
         Expires: 3600\r\n\
         Content-Type: multipart/mixed;boundary=part\r\n\
         Content-Length: {}\r\n\r\n{body}",
        transport.to_ascii_uppercase(),
        at.port(),
        spec.model,
        version.major,
        version.minor,
        version.micro,
        spec.id,
        body.len(),
    );
    let deadline = Instant::now() + PATIENCE;
    let mut wait = if transport == "udp" { T1 } else { PATIENCE };
    while Instant::now() < deadline {
        line.send(&text).await?;
        let until = (Instant::now() + wait).min(deadline);
        wait *= 2;
        while let Ok(message) = timeout_at(until, line.receive()).await {
            let message = message?;
            let ours = message.header("CSeq") == format!("{sequence} REGISTER");
            match message.status() {
                Some(100..=199) => {}
                Some(200) if ours => {
                    let expires = message.header("Expires").parse();
                    return expires.map_err(|_| io::Error::other("registered for no known time"));
                }
                Some(status) if ours => return Err(io::Error::other(format!("SIP status {status}"))),
                Some(_) => {}
                // An OPTIONS request is answered at any time.
                None if message.first.starts_with("OPTIONS ") => {
                    answer(life, line, &message, call_id).await?;
                }
                // An order during a refresh is repeated by the server or comes next time.
                None => life.note("a request while it registers".to_owned()),
            }
        }
    }
    Err(io::Error::other("the call manager does not answer"))
}

/// Answers a request; returns the order in it.
async fn answer(
    life: &Life,
    line: &mut SipConnection,
    message: &SipMessage,
    call_id: &str,
) -> io::Result<Option<RegistrationOrder>> {
    if message.status().is_some() {
        return Ok(None);
    }
    let mut words = message.first.split(' ');
    let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "OPTIONS" {
        // RFC 3261 §11.2: answered as an INVITE would be; only the user of the phone's own Contact exists.
        let here = uri.contains(&format!("sip:{}@", life.spec.mac.lower()));
        let status = if here { "200 OK" } else { "404 Not Found" };
        reply(line, message, status).await?;
        return Ok(None);
    }
    let control = method == "NOTIFY" && message.header("Event") == "service-control";
    let told = |name: &str| {
        message
            .body
            .lines()
            .find_map(|text| text.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
            .trim()
    };
    let ours = told("RegisterCallId") == format!("{{{call_id}}}");
    if control && !ours {
        life.fail("told to restart in the name of another registration".to_owned());
    }
    let (status, what) = match told("action") {
        _ if !control => ("405 Method Not Allowed", None),
        _ if !ours || life.spec.quirks.refuses_restart => ("400 Bad Request", None),
        "restart" if life.spec.quirks.needs_reset => ("200 OK", None),
        "restart" => ("200 OK", Some(RegistrationOrder::Restart)),
        "reset" => ("200 OK", Some(RegistrationOrder::Reset)),
        _ => ("400 Bad Request", None),
    };
    life.note(format!("told to {}: {status}", told("action")));
    reply(line, message, status).await?;
    Ok(what)
}

async fn reply(line: &mut SipConnection, request: &SipMessage, status: &str) -> io::Result<()> {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        text.extend([name, ": ", request.header(name), "\r\n"]);
    }
    line.send(&(text + "Content-Length: 0\r\n\r\n")).await
}

enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

struct SipConnection {
    socket: Socket,
    bytes: Vec<u8>,
}

struct SipMessage {
    first: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl SipMessage {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// A response's code.
    fn status(&self) -> Option<u16> {
        self.first.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }
}

impl SipConnection {
    async fn send(&mut self, text: &str) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(stream) => timeout(PATIENCE, stream.write_all(text.as_bytes())).await?,
            Socket::Udp(socket) => socket.send(text.as_bytes()).await.map(|_| ()),
        }
    }

    /// The next message. Bytes of an incomplete message are kept if this is cancelled.
    async fn receive(&mut self) -> io::Result<SipMessage> {
        loop {
            if let Some(message) = self.take() {
                return Ok(message);
            }
            let mut part = [0; 4096];
            let length = match &mut self.socket {
                Socket::Tcp(stream) => stream.read(&mut part).await?,
                Socket::Udp(socket) => socket.recv(&mut part).await?,
            };
            if length == 0 || self.bytes.len() > LARGEST {
                return Err(io::Error::other("the call manager closed the connection"));
            }
            self.bytes.extend_from_slice(&part[..length]);
        }
    }

    fn take(&mut self) -> Option<SipMessage> {
        let head = self.bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&self.bytes[..head]).into_owned();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_owned();
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        let mut message =
            SipMessage { first, headers: lines.filter_map(pair).collect(), body: String::new() };
        let whole = head + 4 + message.header("Content-Length").parse::<usize>().unwrap_or(0);
        let body = self.bytes.get(head + 4..whole)?;
        message.body = String::from_utf8_lossy(body).into_owned();
        self.bytes.drain(..whole);
        Some(message)
    }
}
