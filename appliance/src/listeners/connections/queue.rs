//! The queue of leaseholders that wait for a place, first come first served. A phone that is told to come back asks
//! TFTP for the file in the same second, so it is told so only while TFTP has room.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Admitted, Entrance, Taken};
use crate::listeners::places::{Places, Room};

/// Interval of looks at TFTP's room.
const LOOK: Duration = Duration::from_millis(100);

/// Limits of the queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Connections that wait at one time.
    pub connections: usize,
    /// Connections of one peer that wait at one time.
    pub per_peer: usize,
    /// Wait until a connection is told to come back.
    pub at_first: Duration,
    /// Wait while TFTP has no room either; then the connection is closed.
    pub at_most: Duration,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            per_peer: 8,
            at_first: Duration::from_secs(5),
            at_most: Duration::from_secs(30),
        }
    }
}

/// The queue.
#[derive(Clone)]
pub(super) struct Queue {
    waiting: QueueLimits,
    places: Places,
    /// Held by the connection whose turn is next; the mutex is fair.
    first: Arc<Mutex<()>>,
    tftp_has_room: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Queue {
    pub(super) fn new(waiting: QueueLimits, tftp_has_room: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        let room = Room { all: waiting.connections, strangers: 0, per_peer: waiting.per_peer };
        Self { waiting, places: Places::new(room), first: Arc::default(), tftp_has_room }
    }

    /// True if connections wait, so that no newcomer may overtake them.
    pub(super) fn has_somebody(&self) -> bool {
        self.first.try_lock().is_err()
    }

    /// A place in the queue, if one is free.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Taken> {
        let taken = self.places.enter(peer, true).seat?;
        // A queued connection does not give way to later ones.
        taken.0.works();
        Some(taken)
    }

    /// True if a phone that is turned away can get its file by TFTP.
    pub(super) fn tftp_has_room(&self) -> bool {
        (self.tftp_has_room)()
    }

    /// Waits for a place.
    pub(super) async fn place(&self, entrance: &Entrance, peer: IpAddr) -> Admitted {
        let turn = async {
            let _first = self.first.lock().await;
            loop {
                let freed = entrance.places.freed();
                if let (Some(served), _) = entrance.seat(peer) {
                    return served;
                }
                freed.await;
            }
        };
        tokio::select! {
            served = turn => served,
            place = self.patience(entrance, peer) => place,
        }
    }

    /// Resolves when waiting ends, with the place for what follows.
    async fn patience(&self, entrance: &Entrance, peer: IpAddr) -> Admitted {
        let came = Instant::now();
        tokio::time::sleep(self.waiting.at_first).await;
        while !self.tftp_has_room() {
            if came.elapsed() >= self.waiting.at_most {
                return Admitted::Closed;
            }
            tokio::time::sleep(LOOK).await;
        }
        entrance.turn_away(peer, true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::listeners::connections::Limits;
    use crate::listeners::connections::tests::busy_with;
    use crate::listeners::fake::{Fake, Log, TestListener, open_entrance};
    use crate::listeners::rate::RateLimit;

    const LONG: Duration = Duration::from_secs(60);

    /// A listener with this many places for leaseholders, and a switch for TFTP's room.
    async fn open(connections: usize, waiting: QueueLimits, leased: bool) -> (TestListener, Arc<AtomicBool>) {
        let limits = Limits { connections, strangers: connections, ..Limits::default() };
        let room = Arc::new(AtomicBool::new(false));
        let tftp = Arc::clone(&room);
        let entrance = Entrance::new(limits, move |_| leased, |_| ())
            .with_queue(waiting, move || tftp.load(Ordering::Relaxed));
        let plane = Fake::new();
        let log = plane.log.clone();
        let server = open_entrance(Arc::new(plane), entrance, RateLimit::new(None)).await;
        (TestListener { log, ..server }, room)
    }

    async fn asking(server: &TestListener, path: &str) -> TcpStream {
        let mut stream = server.connect().await;
        let request = format!("GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        drop(tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap());
        String::from_utf8(answer).unwrap()
    }

    fn asked(log: &Log) -> Vec<String> {
        log.asked().into_iter().filter(|path| path != "/big.sbn").collect()
    }

    #[tokio::test]
    async fn phones_wait_for_a_place_in_their_order_and_are_served() {
        let (server, _) = open(1, QueueLimits { at_first: LONG, ..QueueLimits::default() }, true).await;
        let held = busy_with(&server).await;
        let mut waiting = Vec::new();
        for path in ["ten", "none", "SEP.xml", "empty"] {
            waiting.push(asking(&server, path).await);
        }
        assert_eq!(asked(&server.log), [""; 0], "none of them is served yet");
        drop(held);
        let mut answers = Vec::new();
        for stream in waiting {
            answers.push(answer(stream).await.split("\r\n").next().unwrap().to_owned());
        }
        assert_eq!(
            answers,
            ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK"]
        );
        assert_eq!(asked(&server.log), ["/ten", "/none", "/SEP.xml", "/empty"]);
    }

    #[tokio::test]
    async fn a_connection_that_is_idle_makes_room_for_one_that_waits() {
        let (server, _) = open(1, QueueLimits { at_first: LONG, ..QueueLimits::default() }, true).await;
        let mut idle = busy_with(&server).await;
        let waiting = asking(&server, "ten").await;
        // Reads the whole file, after which the connection stays open and idle.
        let mut rest = vec![0; crate::listeners::fake::BIG];
        idle.read_exact(&mut rest).await.unwrap();
        assert!(answer(waiting).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_phone_is_told_to_come_back_only_once_tftp_has_room() {
        let waiting = QueueLimits { at_first: Duration::ZERO, at_most: LONG, ..QueueLimits::default() };
        let (server, room) = open(1, waiting, true).await;
        let _held = busy_with(&server).await;
        let mut waits = asking(&server, "ten").await;
        let early = tokio::time::timeout(3 * LOOK, waits.read_u8()).await;
        assert!(early.is_err(), "TFTP has no room");
        room.store(true, Ordering::Relaxed);
        assert!(answer(waits).await.starts_with("HTTP/1.1 503"));
    }

    #[tokio::test]
    async fn a_phone_that_nobody_has_room_for_is_closed_and_not_told_to_ask_tftp() {
        let brief = Duration::from_millis(200);
        let waiting = QueueLimits { at_first: brief, at_most: brief, ..QueueLimits::default() };
        let (server, _) = open(1, waiting, true).await;
        let _held = busy_with(&server).await;
        assert_eq!(answer(asking(&server, "ten").await).await, "");
    }

    #[tokio::test]
    async fn the_queue_is_bounded_in_all_and_for_one_peer() {
        for (connections, per_peer) in [(2, 8), (100, 2)] {
            let waiting = QueueLimits { connections, per_peer, at_first: LONG, at_most: LONG };
            let (server, room) = open(1, waiting, true).await;
            room.store(true, Ordering::Relaxed);
            let held = busy_with(&server).await;
            let waiting = [asking(&server, "ten").await, asking(&server, "ten").await];
            assert!(answer(asking(&server, "ten").await).await.starts_with("HTTP/1.1 503"));
            room.store(false, Ordering::Relaxed);
            assert_eq!(answer(asking(&server, "ten").await).await, "");
            drop(held);
            for stream in waiting {
                assert!(answer(stream).await.starts_with("HTTP/1.1 200"));
            }
        }
    }

    #[tokio::test]
    async fn strangers_do_not_wait_and_a_stop_ends_the_waiting() {
        let (server, _) = open(1, QueueLimits { at_first: LONG, ..QueueLimits::default() }, false).await;
        let _held = busy_with(&server).await;
        assert!(answer(asking(&server, "ten").await).await.starts_with("HTTP/1.1 503"));
        let (server, _) = open(1, QueueLimits { at_first: LONG, ..QueueLimits::default() }, true).await;
        let _held = busy_with(&server).await;
        let waits = asking(&server, "ten").await;
        server.stop.cancel();
        assert_eq!(answer(waits).await, "");
    }
}
