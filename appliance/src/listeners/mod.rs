//! The doors: they turn what comes over the network into requests, and answers into what goes out. They know
//! files and connections, and nothing of phones.

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

/// A way to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// TFTP.
    Tftp,
    /// HTTP.
    Http,
}

impl Door {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tftp => "tftp",
            Self::Http => "http",
        }
    }
}

/// A request for a file, as a door took it in.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Which way it came.
    pub door: Door,
    /// Who asks.
    pub peer: SocketAddr,
    /// The address of ours that it asked at.
    pub local: Ipv4Addr,
    /// The name, or the path of the request target without its query; not decoded.
    pub path: String,
    /// HTTP's User-Agent.
    pub user_agent: Option<String>,
    /// Only the length is wanted: nothing is given, so nothing counts as given.
    pub head_only: bool,
}

/// What a door hands out.
#[derive(Debug)]
pub enum Served {
    /// Made for this request.
    Document {
        /// The whole document.
        body: Bytes,
        /// For HTTP.
        content_type: &'static str,
    },
    /// From disk.
    File(OpenFile),
    /// No such file, or not for this client.
    NotFound,
    /// Not now; it may ask again.
    Busy,
}

/// Follows one transfer. Dropped before its end, it counts as broken.
pub trait Track: Send + Sync + 'static {
    /// These bytes of the file, from `from` to one before `to`, have gone out.
    fn advance(&self, from: u64, to: u64);
    /// The client has answered from the address that it asked from: the request was not forged. HTTP needs no such
    /// word, because TCP's handshake comes first; over TFTP it is the first acknowledgment.
    fn answered(&self) {}
    /// The client has all that it asked for.
    fn finish(self);
    /// The transfer ended early.
    fn broken(self, why: &str);
}

/// What stands behind the doors and decides who gets what.
pub trait Plane: Send + Sync + 'static {
    /// Takes a transfer's progress and end.
    type Tracker: Track;
    /// Answers a request.
    fn fetch(self: &Arc<Self>, fetch: Fetch) -> impl Future<Output = (Served, Self::Tracker)> + Send;
    /// Whether a client is known to hold this address: such clients go first where there is not room for everybody.
    fn is_leased(&self, address: Ipv4Addr) -> bool;
    /// A client is served until the guard is dropped: in a rehearsal its clock may wait for that.
    fn serving(&self, _client: SocketAddr) -> WorkGuard {
        WorkGuard::none()
    }
}

/// A TCP listener on one address, and with an interface's name only for what comes in through it.
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

/// A UDP socket on one address, and with an interface's name only for what comes in through it.
pub fn bind_udp(address: SocketAddrV4, interface: Option<&str>) -> io::Result<tokio::net::UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), None)?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.bind(&address.into())?;
    tokio::net::UdpSocket::from_std(socket.into())
}
