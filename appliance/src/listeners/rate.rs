//! The limit on the rate of all phones together, for a shared uplink.
//!
//! [`RateQueue`] decides whose bytes leave next and when: the waiting phone that had the least (start-time fair queuing,
//! Goyal et al. 1996), so that each gets the same share however much it asks for at once. [`RateLimit`] is what listeners
//! wait on. All content from disk waits. A document made for a phone does not, so that it never queues behind
//! firmware.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// The amount that an idle line, or one with a late owner, may catch up at once, as time.
const BURST: Duration = Duration::from_millis(20);

/// The bytes that every listener asks for at once. A larger piece would make others wait and exceed its share.
pub const PIECE: u64 = 16 * 1024;

/// A line of limited rate and its waiting phones. `now` is the time since its start.
#[derive(Debug)]
pub struct RateQueue<T> {
    bytes_per_second: u64,
    /// The time at which all admitted bytes will have left.
    free_at: Duration,
    /// The bytes that a phone without pauses has had.
    level: u64,
    /// The bytes of each recent phone, those it waits for included.
    phones: HashMap<IpAddr, u64>,
    /// By the level at which each may go on, then by order of asking.
    waiting: BTreeMap<(u64, u64), (u64, T)>,
    asked: u64,
}

impl<T> RateQueue<T> {
    /// An idle line. The rate is at least 1.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            free_at: Duration::ZERO,
            level: 0,
            phones: HashMap::new(),
            waiting: BTreeMap::new(),
            asked: 0,
        }
    }

    /// Queues `bytes` for `phone`; `ticket` is returned by [`Self::next`] when they may leave.
    pub fn ask(&mut self, now: Duration, phone: IpAddr, bytes: u64, ticket: T) {
        if self.waiting.is_empty() && self.free_at <= now {
            // The line was idle: all phones start at the same level.
            self.level = self.phones.drain().map(|(_, had)| had).fold(self.level, u64::max);
        }
        let level = self.level;
        // A phone that paused gets no credit, so it can be dropped.
        self.phones.retain(|_, had| *had > level);
        let had = self.phones.entry(phone).or_insert(level);
        self.waiting.insert((*had, self.asked), (bytes, ticket));
        *had += bytes;
        self.asked += 1;
    }

    /// The time at which the next phone may go on; `None` if nobody waits.
    pub fn next_at(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.free_at)
    }

    /// The ticket that is due at `now`. It takes up the line unless its owner no longer `wants` it.
    pub fn next(&mut self, now: Duration, wants: impl Fn(&T) -> bool) -> Option<T> {
        while self.free_at <= now {
            let ((level, _), (bytes, ticket)) = self.waiting.pop_first()?;
            self.level = level;
            if wants(&ticket) {
                let takes = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
                let takes = Duration::from_nanos(u64::try_from(takes).unwrap_or(u64::MAX));
                self.free_at = self.free_at.max(now.saturating_sub(BURST)) + takes;
                return Some(ticket);
            }
        }
        None
    }
}

/// The shared limit that listeners wait on. Clones share one line.
#[derive(Clone, Debug)]
pub struct RateLimit(Option<mpsc::UnboundedSender<RateRequest>>);

#[derive(Debug)]
struct RateRequest {
    phone: IpAddr,
    bytes: u64,
    go: oneshot::Sender<()>,
}

impl RateLimit {
    /// A limit in bytes per second over all phones; `None` is no limit. A limit needs a tokio runtime.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Self(bytes_per_second.map(|rate| {
            let (asks, asked) = mpsc::unbounded_channel();
            tokio::spawn(keep(RateQueue::new(rate), asked));
            asks
        }))
    }

    /// True if there is a limit.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until `bytes` may leave for `phone`: [`PIECE`], or the rest of the file.
    pub async fn take(&self, phone: IpAddr, bytes: u64) {
        let Some(asks) = &self.0 else { return };
        let (go, gone) = oneshot::channel();
        if asks.send(RateRequest { phone, bytes, go }).is_ok() {
            // An error means that the line is closed, as at shutdown.
            let _ = gone.await;
        }
    }
}

/// Runs the line until the last [`RateLimit`] is dropped.
async fn keep(mut line: RateQueue<oneshot::Sender<()>>, mut asked: mpsc::UnboundedReceiver<RateRequest>) {
    let begun = Instant::now();
    loop {
        let next_at = line.next_at();
        tokio::select! {
            ask = asked.recv() => match ask {
                Some(RateRequest { phone, bytes, go }) => line.ask(begun.elapsed(), phone, bytes, go),
                None => return,
            },
            () = tokio::time::sleep_until(begun + next_at.unwrap_or_default()), if next_at.is_some() => {
                while let Some(go) = line.next(begun.elapsed(), |go| !go.is_closed()) {
                    let _ = go.send(());
                }
            }
        }
    }
}
