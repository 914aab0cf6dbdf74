//! The limit on what all phones together get, for an uplink shared with others.
//!
//! [`Line`] decides whose bytes leave next, and when: of the phones that wait, the one that had least (start-time fair
//! queuing, Goyal et al. 1996), so that each gets the same share however much it asks for at once. [`Rate`] is what
//! the doors wait on. Firmware and everything else from disk asks; a document made for a phone does not, so that it
//! never waits behind firmware.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A line that was idle, or whose owner was late, may catch up by this much at once.
const BURST: Duration = Duration::from_millis(20);

/// What every door asks for at once, in bytes: a larger piece would make others wait, and be more than their share.
pub const PIECE: u64 = 16 * 1024;

/// A line of limited rate, and who waits for it. `now` is the time since its beginning.
#[derive(Debug)]
pub struct Line<T> {
    bytes_per_second: u64,
    /// When all that was let through will have left.
    free_at: Duration,
    /// How many bytes a phone that never paused has had.
    level: u64,
    /// The same for each phone that lately asked, with what it is waiting for.
    phones: HashMap<IpAddr, u64>,
    /// By the level at which each may go on, then in order of asking.
    waiting: BTreeMap<(u64, u64), (u64, T)>,
    asked: u64,
}

impl<T> Line<T> {
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

    /// Notes that `phone` wants to be sent `bytes`; `ticket` is handed back when they may leave.
    pub fn ask(&mut self, now: Duration, phone: IpAddr, bytes: u64, ticket: T) {
        if self.waiting.is_empty() && self.free_at <= now {
            // The line was idle: all begin on the same level.
            self.level = self.phones.drain().map(|(_, had)| had).fold(self.level, u64::max);
        }
        let level = self.level;
        // Who paused gets no credit for it, and need not be remembered.
        self.phones.retain(|_, had| *had > level);
        let had = self.phones.entry(phone).or_insert(level);
        self.waiting.insert((*had, self.asked), (bytes, ticket));
        *had += bytes;
        self.asked += 1;
    }

    /// When the next of those who wait may go on; `None` if nobody waits.
    pub fn next_at(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.free_at)
    }

    /// The ticket of who may go on `now`. It takes up the line unless its owner no longer `wants` it.
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

/// What the doors wait on before they send. Clones share one line.
#[derive(Clone, Debug)]
pub struct Rate(Option<mpsc::UnboundedSender<Asked>>);

#[derive(Debug)]
struct Asked {
    phone: IpAddr,
    bytes: u64,
    go: oneshot::Sender<()>,
}

impl Rate {
    /// This many bytes per second over all phones, or as many as there can be. A limit needs a tokio runtime around it.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Self(bytes_per_second.map(|rate| {
            let (asks, asked) = mpsc::unbounded_channel();
            tokio::spawn(keep(Line::new(rate), asked));
            asks
        }))
    }

    /// Whether there is a limit at all.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until `bytes` may leave for `phone`: [`PIECE`], or what is left of the file.
    pub async fn take(&self, phone: IpAddr, bytes: u64) {
        let Some(asks) = &self.0 else { return };
        let (go, gone) = oneshot::channel();
        if asks.send(Asked { phone, bytes, go }).is_ok() {
            // An error says that the line is closed, as everything is about to be.
            let _ = gone.await;
        }
    }
}

/// Lets those who wait go on, until nobody can ask any more.
async fn keep(mut line: Line<oneshot::Sender<()>>, mut asked: mpsc::UnboundedReceiver<Asked>) {
    let begun = Instant::now();
    loop {
        let next_at = line.next_at();
        tokio::select! {
            ask = asked.recv() => match ask {
                Some(Asked { phone, bytes, go }) => line.ask(begun.elapsed(), phone, bytes, go),
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
