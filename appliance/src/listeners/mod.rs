//! Turns network input into requests, and answers into network output. Listeners know files and connections, but no
//! phones.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use bytes::Bytes;
use socket2::{Domain, Socket, Type};
use transload_pace::WorkGuard;

use crate::state::library::OpenFile;
pub mod bounds;

pub mod connections;
#[cfg(test)]
mod fake;
pub mod http;
pub(crate) mod places;
pub mod rate;
pub mod sip;
pub mod tftp;
pub(crate) mod uptake;

/// A protocol for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileProtocol {
    /// TFTP.
    Tftp,
    /// HTTP.
    Http,
}

impl FileProtocol {
    /// The protocol's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tftp => "tftp",
            Self::Http => "http",
        }
    }
}

/// A request for a file, as a listener received it.
#[derive(Debug, Clone)]
pub struct FileRequest {
    /// The protocol.
    pub protocol: FileProtocol,
    /// The peer.
    pub peer: SocketAddr,
    /// Our address that the request came to.
    pub local: Ipv4Addr,
    /// The file name, or the path of the request target without its query; not decoded.
    pub path: String,
    /// HTTP's User-Agent.
    pub user_agent: Option<String>,
    /// A HEAD request, or one for the length only: nothing counts as given.
    pub head_only: bool,
}

/// An answer to a file request.
#[derive(Debug)]
pub enum FileAnswer {
    /// A document made for this request.
    Document {
        /// The whole document.
        body: Bytes,
        /// HTTP's media type.
        content_type: &'static str,
    },
    /// A file on disk.
    File(OpenFile),
    /// No such file, or not for this client.
    NotFound,
    /// Not now; the client may ask again.
    Busy,
}

/// Follows one transfer. If it is dropped before the end, the transfer counts as broken.
pub trait Track: Send + Sync + 'static {
    /// The bytes of the file from `from` to before `to` were sent.
    fn advance(&self, from: u64, to: u64);
    /// The client has answered from its address, so the request is not forged. Over TFTP this is the first
    /// acknowledgment; HTTP needs no call, because the TCP handshake comes first.
    fn answered(&self) {}
    /// The client has everything it asked for.
    fn finish(self);
    /// The transfer ended early.
    fn broken(self, why: &str);
}

/// The decisions behind the listeners.
pub trait Plane: Send + Sync + 'static {
    /// Takes the progress and the end of a transfer.
    type Tracker: Track;
    /// Answers a request.
    fn fetch(
        self: &Arc<Self>,
        fetch: FileRequest,
    ) -> impl Future<Output = (FileAnswer, Self::Tracker)> + Send;
    /// True if a client holds a lease of this address. Leaseholders go first when places are short.
    fn is_leased(&self, address: Ipv4Addr) -> bool;
    /// Returns a guard for as long as a client is served; in a rehearsal the clock may wait for it.
    fn serving(&self, _client: SocketAddr) -> WorkGuard {
        WorkGuard::none()
    }
}

/// A TCP listener on one address; with an interface's name, only for packets from that interface.
pub fn bind_tcp(address: SocketAddrV4, interface: Option<&str>) -> io::Result<tokio::net::TcpListener> {
    const BACKLOG: i32 = 1024;
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
    socket.set_reuse_address(true)?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    tokio::net::TcpListener::from_std(socket.into())
}

/// A UDP socket on one address; with an interface's name, only for packets from that interface.
pub fn bind_udp(address: SocketAddrV4, interface: Option<&str>) -> io::Result<tokio::net::UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), None)?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.bind(&address.into())?;
    tokio::net::UdpSocket::from_std(socket.into())
}
