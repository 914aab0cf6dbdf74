//! The public face of the server: configuration, start and stop.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    event_loop::EventLoop,
    listen,
    mailbox::{LoopMessage, Mailbox},
    packet::Rollover,
    source::FileSource,
    strangers::LimitCounters,
};

/// How a [`TftpServer`] is set up.
#[derive(Clone, Debug)]
pub struct TftpConfig {
    /// Where requests arrive. With the unspecified address, each is answered from the address it was sent to.
    pub bind: SocketAddrV4,
    /// The only network interface served (`SO_BINDTODEVICE`), all if `None`.
    pub device: Option<String>,
    /// The number that follows block 65535.
    pub rollover: Rollover,
    /// Most transfers at once; further clients are told to try again. Each transfer holds one file descriptor.
    pub max_transfers: usize,
    /// Most transfers at once for one client address.
    pub max_per_peer: usize,
    /// Largest window agreed on, in blocks.
    pub max_window: u16,
    /// How long transfers under way may go on after the shutdown was asked for.
    pub drain: Duration,
}

impl Default for TftpConfig {
    fn default() -> TftpConfig {
        TftpConfig {
            bind: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 69),
            device: None,
            rollover: Rollover::Zero,
            max_transfers: 4096,
            max_per_peer: 16,
            max_window: 64,
            drain: Duration::from_secs(10),
        }
    }
}

/// A TFTP server whose port is open. It answers once it [`run`](TftpServer::run)s.
pub struct TftpServer {
    socket: UdpSocket,
    local: SocketAddrV4,
    config: TftpConfig,
    source: Arc<dyn FileSource>,
    reached: Arc<LimitCounters>,
}

impl TftpServer {
    /// Opens the port. The error keeps its kind (`PermissionDenied`, `AddrInUse`, …) and says what could not be opened.
    pub fn bind(config: TftpConfig, source: Arc<dyn FileSource>) -> io::Result<TftpServer> {
        let explain = |error: io::Error| {
            let on = config.device.as_ref().map(|device| format!(" on {device}")).unwrap_or_default();
            io::Error::new(error.kind(), format!("cannot open UDP {}{on} for TFTP: {error}", config.bind))
        };
        let socket = listen::request_socket(config.bind, config.device.as_deref()).map_err(explain)?;
        let local = match socket.local_addr().map_err(explain)? {
            SocketAddr::V4(local) => local,
            SocketAddr::V6(_) => config.bind,
        };
        Ok(TftpServer { socket, local, config, source, reached: Arc::default() })
    }

    /// The address requests arrive at, with the port the system chose if the configured one was 0.
    pub fn local_addr(&self) -> SocketAddrV4 {
        self.local
    }

    /// Counts reached limits in counters that several servers may share.
    #[must_use]
    pub fn counting(self, reached: Arc<LimitCounters>) -> TftpServer {
        TftpServer { reached, ..self }
    }

    /// How often the server's bounds were reached, while it runs too.
    pub fn reached(&self) -> Arc<LimitCounters> {
        Arc::clone(&self.reached)
    }

    /// Serves until `shutdown` is ready, then refuses new requests, lets transfers under way go on for
    /// [`TftpConfig::drain`], and breaks off the rest. Every opened file has been told of its ending when this returns.
    /// Needs a tokio runtime around it, which opens files; they are sent by a thread of its own. Dropped, it stops at
    /// once.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let TftpServer { socket, config, source, reached, .. } = self;
        let (ended, end) = oneshot::channel::<()>();
        let started = EventLoop::new(config, source, socket, Handle::current(), reached).and_then(
            |(event_loop, mailbox)| {
                let serve = move || {
                    event_loop.serve();
                    drop(ended);
                };
                thread::Builder::new().name("tftp".to_owned()).spawn(serve)?;
                Ok(StopOnDrop(mailbox))
            },
        );
        let stop = match started {
            Ok(stop) => stop,
            Err(error) => return tracing::error!(%error, "TFTP cannot be served"),
        };
        let mut end = std::pin::pin!(end);
        tokio::select! {
            () = shutdown => stop.0.send(LoopMessage::Drain),
            _ = &mut end => return,
        }
        let _ = end.await;
    }
}

/// Stops the serving thread when the future is dropped.
struct StopOnDrop(Mailbox);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.send(LoopMessage::Quit);
    }
}
