//! A server on loopback, with files in memory.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Runtime,
    sync::{Notify, oneshot},
};
use transload_tftp::{
    FileContent, FileSource, LimitCounters, OpenFuture, OpenRefusal, TftpConfig, TftpServer, TransferEnd,
};

use crate::common::{MemorySource, ack, read_request};

/// Long enough for a loaded machine; only a failing test waits for it.
pub const LONG: Duration = Duration::from_secs(20);

/// What the server serves, and what it was asked for.
#[derive(Default)]
pub struct TestFiles {
    pub files: HashMap<String, MemorySource>,
    pub asked: Mutex<Vec<String>>,
    /// "slow" is opened when this is notified.
    pub go_on: Notify,
    /// Clients that nobody knows.
    pub strangers: Vec<Ipv4Addr>,
}

impl FileSource for TestFiles {
    fn open(self: Arc<Self>, _peer: SocketAddr, name: String) -> OpenFuture {
        Box::pin(async move {
            self.asked.lock().unwrap().push(name.clone());
            match name.as_str() {
                "forbidden" => return Err(OpenRefusal::Forbidden),
                "later" => return Err(OpenRefusal::Busy),
                "slow" => self.go_on.notified().await,
                _ => {}
            }
            let file = self.files.get(&name).ok_or(OpenRefusal::NotFound)?;
            Ok(Box::new(file.opened()) as Box<dyn FileContent>)
        })
    }

    fn knows(&self, peer: Ipv4Addr) -> bool {
        !self.strangers.contains(&peer)
    }
}

pub struct Running {
    pub address: SocketAddrV4,
    pub files: Arc<TestFiles>,
    pub reached: Arc<LimitCounters>,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    done: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    pub fn start(files: &[(&str, MemorySource)], config: TftpConfig) -> Running {
        Running::start_among(Vec::new(), files, config)
    }

    /// A server that does not know these clients.
    pub fn start_among(
        strangers: Vec<Ipv4Addr>,
        files: &[(&str, MemorySource)],
        config: TftpConfig,
    ) -> Running {
        let files = files.iter().map(|(name, file)| ((*name).to_owned(), file.clone())).collect();
        let files = Arc::new(TestFiles { files, strangers, ..TestFiles::default() });
        let runtime = Runtime::new().unwrap();
        let (stop, stopped) = oneshot::channel();
        let guard = runtime.enter();
        let source = Arc::clone(&files) as Arc<dyn FileSource>;
        let server =
            TftpServer::bind(TftpConfig { bind: at_loopback(config.bind), ..config }, source).unwrap();
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, server.local_addr().port());
        let reached = server.reached();
        let done = runtime.spawn(server.run(async { drop(stopped.await) }));
        drop(guard);
        Running { address, files, reached, runtime, stop: Some(stop), done: Some(done) }
    }

    /// Asks the server to stop.
    pub fn stop(&mut self) {
        self.stop = None;
    }

    /// Waits until it has stopped.
    pub fn join(&mut self) {
        let done = self.done.take().unwrap();
        self.runtime.block_on(async { tokio::time::timeout(LONG, done).await }).unwrap().unwrap();
    }

    /// A client that has asked for something.
    pub fn asking(&self, request: &[u8]) -> UdpSocket {
        let client = client_at(Ipv4Addr::LOCALHOST);
        client.send_to(request, self.address).unwrap();
        client
    }
}

/// A client's socket, with packets awaited for long.
pub fn client_at(address: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// The tests' servers take any free port; a configured address other than the default's is kept.
fn at_loopback(bind: SocketAddrV4) -> SocketAddrV4 {
    if bind.port() == 69 { SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0) } else { bind }
}

/// The next packet, and where it came from.
pub fn next(client: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = client.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, from)
}

/// Asserts that an ERROR with this code comes, and returns its text.
pub fn error(client: &UdpSocket, code: u8) -> String {
    let (packet, _) = next(client);
    assert_eq!(packet[..4], [0, 5, 0, code], "{packet:?}");
    assert_eq!(packet.last(), Some(&0));
    String::from_utf8(packet[4..packet.len() - 1].to_vec()).unwrap()
}

/// Waits for the file's `count`th ending.
pub fn ending(file: &MemorySource, count: usize) -> TransferEnd {
    let patience = Instant::now() + LONG;
    loop {
        if let Some(ending) = file.endings.lock().unwrap().get(count - 1) {
            return ending.clone();
        }
        assert!(Instant::now() < patience, "the transfer did not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A request without options.
pub fn plain(name: &str) -> Vec<u8> {
    read_request(name, "octet", &[])
}

/// Acknowledges everything from `packet` on, and returns the file.
pub fn finish(client: &UdpSocket, packet: Vec<u8>, transfer: SocketAddr) -> Vec<u8> {
    finish_from(client, packet, transfer, 1)
}

/// Acknowledges everything from `packet` on, which is block `expected`, and returns what came.
pub fn finish_from(
    client: &UdpSocket,
    mut packet: Vec<u8>,
    transfer: SocketAddr,
    mut expected: u16,
) -> Vec<u8> {
    let mut received = Vec::new();
    loop {
        assert_eq!(packet[..2], [0, 3], "{packet:?}");
        let number = u16::from_be_bytes([packet[2], packet[3]]);
        client.send_to(&ack(number), transfer).unwrap();
        if number == expected {
            received.extend_from_slice(&packet[4..]);
            if packet.len() < 516 {
                return received;
            }
            expected += 1;
        }
        packet = next_from(client, transfer);
    }
}

/// The next packet from this port; what comes from others is not for this transfer.
pub fn next_from(client: &UdpSocket, transfer: SocketAddr) -> Vec<u8> {
    loop {
        let (packet, from) = next(client);
        if from == transfer {
            return packet;
        }
    }
}
