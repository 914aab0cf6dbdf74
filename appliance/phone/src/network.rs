//! The phone's HTTP and TFTP clients, which use the leased address. A rehearsal's server listens on high ports, to
//! which well-known ports are translated here.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;
use transload_pace::Pace;

use super::journal::FetchOutcome;
use super::sink::Sink;
use super::{FaultInjector, tftp};

/// The ports and addresses of the server.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// The DHCP server.
    pub dhcp: SocketAddr,
    /// The real port for 80.
    pub http_80: u16,
    /// The real port for 6970.
    pub http_6970: u16,
    /// The real port for UDP 69.
    pub tftp_69: u16,
    /// The real port for 80 at a phone's own address.
    pub page: u16,
    /// The registrar's port as in phones' configuration; `None` without a registrar.
    pub sip: Option<u16>,
    /// The server's address.
    pub server: Ipv4Addr,
    /// The server's address in the configuration; it leads to `server`.
    pub alias: Option<Ipv4Addr>,
    /// A call manager's address, and the local port of its stand-in.
    pub call_manager: Option<(Ipv4Addr, u16)>,
    /// The local port of the redirection service's stand-in.
    pub cda: Option<u16>,
    /// The clock.
    pub pace: Pace,
}

impl Wiring {
    /// The local address behind an address of the phone's network.
    pub(super) fn reach(&self, host: Ipv4Addr) -> Option<Ipv4Addr> {
        if self.alias == Some(host) { Some(self.server) } else { Some(host).filter(Ipv4Addr::is_loopback) }
    }
}

/// A protocol for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// UDP port 69.
    Tftp,
    /// TCP port 80.
    Http,
    /// TCP port 443, which nothing in a rehearsal answers.
    Https,
}

/// The URL of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The protocol.
    pub scheme: Scheme,
    /// The server's address; phones of a rehearsal resolve no names.
    pub host: String,
    /// A port other than the protocol's default.
    pub port: Option<u16>,
    /// The path, with its leading slash.
    pub path: String,
}

/// The longest silence of a server, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

impl Url {
    /// Reads `[scheme://]server[:port][/path]`; without a scheme it is TFTP (cisco-phones.md §6.2).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.trim().split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => ("tftp", text.trim()),
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "tftp" => Scheme::Tftp,
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let (server, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match server.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (server, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        (!host.is_empty()).then(|| Self { scheme, host: host.to_owned(), port, path: path.to_owned() })
    }

    /// The URL with `tail` appended to the path as to a folder.
    pub fn below(&self, tail: &str) -> Self {
        let path = format!("{}/{}", self.path.trim_end_matches('/'), tail.trim_start_matches('/'));
        Self { path, ..self.clone() }
    }

    /// Another file in the same folder.
    pub fn beside(&self, name: &str) -> Self {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self { path: format!("{folder}/{name}"), ..self.clone() }
    }

    /// The file name.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            Scheme::Tftp => "tftp",
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{scheme}://{}{port}{}", self.host, self.path)
    }
}

/// A phone's network access.
#[derive(Debug, Clone)]
pub struct VirtualNetwork {
    /// The ports and addresses.
    pub wiring: Wiring,
    /// The leased address.
    pub address: Ipv4Addr,
    /// Its User-Agent in HTTP.
    pub user_agent: Option<String>,
    /// The block size asked for in TFTP; 512 without asking, if `None`.
    pub block_size: Option<u16>,
    /// The faults around the phone.
    pub faults: FaultInjector,
}

impl VirtualNetwork {
    /// Fetches a file to its end.
    pub async fn fetch(&self, url: &Url, sink: Sink<'_>) -> FetchOutcome {
        let Some(host) = url.host.parse().ok().and_then(|host| self.wiring.reach(host)) else {
            return FetchOutcome::Unreachable;
        };
        match url.scheme {
            Scheme::Tftp => self.tftp(host, url.port.unwrap_or(self.wiring.tftp_69), &url.path, sink).await,
            Scheme::Http => self.http(host, url, url.port.unwrap_or(self.wiring.http_80), sink).await,
            Scheme::Https => FetchOutcome::Unreachable,
        }
    }

    /// Fetches a file of an Enterprise phone by HTTP from port 6970.
    pub async fn fetch_6970(&self, host: Ipv4Addr, name: &str, sink: Sink<'_>) -> FetchOutcome {
        let Some(host) = self.wiring.reach(host) else {
            return FetchOutcome::Unreachable;
        };
        let url =
            Url { scheme: Scheme::Http, host: host.to_string(), port: Some(6970), path: format!("/{name}") };
        self.http(host, &url, self.wiring.http_6970, sink).await
    }

    /// Fetches a file of an Enterprise phone by TFTP under the very name given.
    pub async fn fetch_69(&self, host: Ipv4Addr, name: &str, sink: Sink<'_>) -> FetchOutcome {
        let Some(host) = self.wiring.reach(host) else {
            return FetchOutcome::Unreachable;
        };
        self.tftp(host, self.wiring.tftp_69, name, sink).await
    }

    /// Asks an outside server's stand-in, which speaks HTTP in place of the real protocol.
    pub async fn fetch_outside(&self, port: u16, name: &str, sink: Sink<'_>) -> FetchOutcome {
        let host = self.wiring.server;
        let url =
            Url { scheme: Scheme::Http, host: host.to_string(), port: Some(port), path: format!("/{name}") };
        self.http(host, &url, port, sink).await
    }

    async fn tftp(&self, host: Ipv4Addr, port: u16, name: &str, sink: Sink<'_>) -> FetchOutcome {
        if self.faults.is_cut() {
            return FetchOutcome::Unreachable;
        }
        let Ok(socket) = UdpSocket::bind((self.address, 0)).await else {
            return FetchOutcome::Unreachable;
        };
        let own = socket.local_addr();
        let work = tftp::fetch(socket, SocketAddrV4::new(host, port), name, self.block_size, sink);
        let answer = self.unless_it_breaks(work).await;
        if let (FetchOutcome::Got(_), Ok(own)) = (&answer, own) {
            self.until_known(own).await;
        }
        answer
    }

    async fn http(&self, host: Ipv4Addr, url: &Url, port: u16, sink: Sink<'_>) -> FetchOutcome {
        if self.faults.is_cut() {
            return FetchOutcome::Unreachable;
        }
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((self.address, 0)))?;
            socket.connect(SocketAddr::from((host, port))).await
        };
        let Ok(Ok(stream)) = timeout(PATIENCE, connect).await else {
            return FetchOutcome::Unreachable;
        };
        let agent =
            self.user_agent.as_ref().map(|agent| format!("User-Agent: {agent}\r\n")).unwrap_or_default();
        let shown_port = url.port.map(|port| format!(":{port}")).unwrap_or_default();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}{shown_port}\r\n{agent}Accept: */*\r\nConnection: close\r\n\r\n",
            url.path.replace(' ', "%20"),
            url.host
        );
        let own = stream.local_addr();
        let answer = self.unless_it_breaks(exchange(stream, &request, sink)).await;
        if let (FetchOutcome::Got(_), Ok(own)) = (&answer, own) {
            self.until_known(own).await;
        }
        answer
    }

    /// Waits until the server knows that the file arrived, as it always does in reality before the next request.
    async fn until_known(&self, own: SocketAddr) {
        let _ = timeout(PATIENCE, self.wiring.pace.until_over(own)).await;
    }

    async fn unless_it_breaks(&self, work: impl Future<Output = io::Result<FetchOutcome>>) -> FetchOutcome {
        self.faults.carry().await;
        tokio::select! {
            done = work => done.unwrap_or_else(|error| FetchOutcome::Broken(error.to_string())),
            () = self.faults.breaks() => FetchOutcome::Broken("the connection was lost".to_owned()),
        }
    }
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(io::Error::other("the server fell silent")))
}

async fn exchange(stream: TcpStream, request: &str, sink: Sink<'_>) -> io::Result<FetchOutcome> {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    stream.get_mut().write_all(request.as_bytes()).await?;
    let mut status = None;
    let (mut length, mut chunked) = (None, false);
    let mut lines = 0;
    loop {
        let mut line = String::new();
        let read = patiently((&mut stream).take(8192).read_line(&mut line)).await?;
        lines += 1;
        if read == 0 || lines > 100 {
            return Err(io::Error::other("the answer has no end of its header"));
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if status.is_none() {
            status = Some(line.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok()).unwrap_or(0));
        } else if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse::<u64>().ok(),
                "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
    }
    match status {
        Some(200) => {}
        Some(404) => return Ok(FetchOutcome::NotFound),
        status => return Ok(FetchOutcome::Broken(format!("HTTP status {}", status.unwrap_or(0)))),
    }
    if chunked { chunks(&mut stream, sink).await } else { body(&mut stream, length, sink).await }
        .map(FetchOutcome::Got)
}

/// Reads `length` bytes, or to the end of the connection.
async fn body(stream: &mut BufReader<TcpStream>, length: Option<u64>, sink: Sink<'_>) -> io::Result<u64> {
    let mut got = 0;
    while length.is_none_or(|length| got < length) {
        let available = patiently(stream.fill_buf()).await?;
        let left = length.map_or(usize::MAX, |length| usize::try_from(length - got).unwrap_or(usize::MAX));
        let part = &available[..available.len().min(left)];
        if part.is_empty() {
            break;
        }
        sink(part);
        let used = part.len();
        got += used as u64;
        stream.consume(used);
    }
    match length {
        Some(length) if got < length => Err(io::Error::other(format!("ended after {got} of {length} bytes"))),
        _ => Ok(got),
    }
}

async fn chunks(stream: &mut BufReader<TcpStream>, sink: Sink<'_>) -> io::Result<u64> {
    let mut got = 0;
    loop {
        let mut line = String::new();
        patiently((&mut *stream).take(1024).read_line(&mut line)).await?;
        let digits = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(digits, 16).map_err(|_| io::Error::other("a chunk without a size"))?;
        if size == 0 {
            return Ok(got);
        }
        got += body(stream, Some(size), sink).await?;
        patiently((&mut *stream).take(2).read_line(&mut line)).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_in_both_formats_and_joined_as_the_guide_shows() {
        for (base, tail, expected) in [
            ("http://10.23.45.67", "8851-3PCC.xml", "http://10.23.45.67/8851-3PCC.xml"),
            ("http://10.23.45.67/path/", "8851-3PCC.xml", "http://10.23.45.67/path/8851-3PCC.xml"),
            ("http://10.23.45.67/path", "/a/b.cfg", "http://10.23.45.67/path/a/b.cfg"),
            ("10.23.45.67", "x", "tftp://10.23.45.67/x"),
            ("https://10.23.45.67:8443/", "x", "https://10.23.45.67:8443/x"),
        ] {
            assert_eq!(Url::parse(base).unwrap().below(tail).to_string(), expected);
        }
        assert_eq!(
            Url::parse("http://h:8080/a/1/x.loads").unwrap().beside("y.sbn").to_string(),
            "http://h:8080/a/1/y.sbn"
        );
        for bad in ["", "gopher://h/a", "http://", "http://h:port/"] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
    }
}
