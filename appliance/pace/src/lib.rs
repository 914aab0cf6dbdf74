//! The clock of a rehearsal. It runs faster than the system's clock and stops while the machine is too busy to keep up.
//! It never passes a moment until its sleeper has woken. A busy machine makes a rehearsal longer, and its phones see no
//! difference.
//!
//! A span is on this clock, unless its name says `real`.

mod driver;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use transload_provision::mac::Mac;

/// The longest time that passes during a request. It is shorter than a DHCP client's retransmission.
const REQUEST: Duration = Duration::from_secs(1);
/// The longest real time between two checks of the machine. A process without a processor loses at most this.
const LOOK: Duration = Duration::from_millis(20);
/// If no work begins or ends for this real time, the rehearsal is stuck.
const STUCK: Duration = Duration::from_secs(120);

/// A clock that tasks sleep by: the system's, or a rehearsal's.
#[derive(Debug, Clone)]
pub struct Pace(PaceKind);

#[derive(Debug, Clone)]
enum PaceKind {
    System(Instant),
    Run(Arc<RunClock>),
}

#[derive(Debug)]
struct RunClock {
    speed: u32,
    waits: bool,
    /// The real time after which the run counts as stuck; see [`STUCK`].
    patience: Duration,
    state: Mutex<RunState>,
    /// Wakes the driver after a change.
    changed: Arc<Notify>,
    stuck: watch::Sender<Option<&'static str>>,
    /// Incremented for each unanswered message and each finished transfer.
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct RunState {
    /// The clock's time at `since`.
    at: Duration,
    since: Instant,
    /// The clock stops here until the driver checks the machine again.
    reach: Duration,
    next: u64,
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
    /// Unfinished work, oldest first: when it began, and its description.
    holds: BTreeMap<u64, (Duration, &'static str)>,
    /// Unanswered messages of each DHCP client.
    unanswered: BTreeMap<Mac, u64>,
    /// Running transfers by the client's address.
    transfers: BTreeMap<SocketAddr, usize>,
}

impl Pace {
    /// The system's clock, which never stops.
    pub fn system() -> Self {
        Self(PaceKind::System(Instant::now()))
    }

    /// A clock that runs `speed` times as fast, and stops while work is unfinished.
    pub fn patient(speed: u32) -> Self {
        Self::run(speed, true, STUCK)
    }

    /// A clock that runs `speed` times as fast and never stops. Benchmarks use it, because a transfer takes its real
    /// time.
    pub fn steady(speed: u32) -> Self {
        Self::run(speed, false, STUCK)
    }

    fn run(speed: u32, waits: bool, patience: Duration) -> Self {
        let changed = Arc::new(Notify::new());
        let speed = speed.max(1);
        let state = RunState {
            at: Duration::ZERO,
            since: Instant::now(),
            reach: LOOK * speed,
            next: 0,
            sleepers: BTreeMap::new(),
            holds: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            transfers: BTreeMap::new(),
        };
        let shared = Arc::new(RunClock {
            speed,
            waits,
            patience,
            state: Mutex::new(state),
            changed: Arc::clone(&changed),
            stuck: watch::Sender::new(None),
            news: watch::Sender::new(0),
        });
        tokio::spawn(driver::drive(Arc::downgrade(&shared), changed));
        Self(PaceKind::Run(shared))
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            PaceKind::System(origin) => origin.elapsed(),
            PaceKind::Run(shared) => shared.settled().at,
        }
    }

    /// The speed relative to the system's clock.
    pub fn speed(&self) -> u32 {
        match &self.0 {
            PaceKind::System(_) => 1,
            PaceKind::Run(shared) => shared.speed,
        }
    }

    /// Whether this is a rehearsal's clock.
    pub fn is_rehearsed(&self) -> bool {
        matches!(self.0, PaceKind::Run(_))
    }

    /// Whether the clock stops while work is unfinished.
    pub fn waits(&self) -> bool {
        matches!(&self.0, PaceKind::Run(shared) if shared.waits)
    }

    /// Converts real time to time on this clock.
    pub fn stretch(&self, real: Duration) -> Duration {
        real * self.speed()
    }

    /// Real time since the start, without the time that the clock stood still.
    pub fn undisturbed(&self) -> Duration {
        self.elapsed() / self.speed()
    }

    /// Sleeps for `span`. The returned guard stops the clock until it is dropped.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.sleep_until(self.elapsed().saturating_add(span))
    }

    /// Sleeps like [`Pace::sleep`], until the moment `at`.
    pub fn sleep_until(&self, at: Duration) -> Sleep {
        match &self.0 {
            PaceKind::System(origin) => {
                let until = tokio::time::Instant::from_std(*origin + at);
                Sleep(SleepKind::System(Box::pin(tokio::time::sleep_until(until))))
            }
            PaceKind::Run(shared) => {
                let mut state = shared.settled();
                let key = (at, state.number());
                let first = state.sleepers.first_key_value().is_none_or(|(earliest, _)| key < *earliest);
                state.sleepers.insert(key, None);
                drop(state);
                if first {
                    shared.changed.notify_one();
                }
                Sleep(SleepKind::Run(Arc::clone(shared), key))
            }
        }
    }

    /// Sleeps like [`Pace::sleep`], for `real` time on a machine that keeps up.
    pub fn sleep_undisturbed(&self, real: Duration) -> Sleep {
        self.sleep(self.stretch(real))
    }

    /// Marks work as unfinished until the guard is dropped.
    pub fn hold(&self, what: &'static str) -> WorkGuard {
        match &self.0 {
            PaceKind::System(_) => WorkGuard(None),
            PaceKind::Run(shared) => {
                let number = shared.settled().hold(what);
                WorkGuard(Some((Arc::clone(shared), HeldWork::Work(number))))
            }
        }
    }

    /// Marks a transfer as running until the guard is dropped. The clock does not stop for it, but a client may wait
    /// for its end.
    pub fn transfer(&self, client: SocketAddr) -> WorkGuard {
        let PaceKind::Run(shared) = &self.0 else { return WorkGuard::none() };
        *shared.state().transfers.entry(client).or_default() += 1;
        WorkGuard(Some((Arc::clone(shared), HeldWork::Transfer(client))))
    }

    /// Waits until no transfer to this client runs. The server then knows that the client has everything.
    pub async fn until_over(&self, client: SocketAddr) {
        if let PaceKind::Run(shared) = &self.0 {
            let over = |_: &u64| !shared.state().transfers.contains_key(&client);
            // The sender lives as long as `self`.
            let _ = shared.news.subscribe().wait_for(over).await;
        }
    }

    /// Counts a DHCP message of this client that gets no answer.
    pub fn not_answered(&self, mac: Mac) {
        if let PaceKind::Run(shared) = &self.0 {
            *shared.state().unanswered.entry(mac).or_default() += 1;
            shared.tell();
        }
    }

    /// The number of this client's unanswered messages.
    pub fn unanswered(&self, mac: Mac) -> u64 {
        match &self.0 {
            PaceKind::System(_) => 0,
            PaceKind::Run(shared) => shared.state().unanswered.get(&mac).copied().unwrap_or(0),
        }
    }

    /// Waits until this client has more than `before` unanswered messages.
    pub async fn until_unanswered(&self, mac: Mac, before: u64) {
        if let PaceKind::Run(shared) = &self.0 {
            let more = |_: &u64| self.unanswered(mac) > before;
            // The sender lives as long as this.
            let _ = shared.news.subscribe().wait_for(more).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until some work is stuck, and returns its description.
    pub async fn stuck(&self) -> &'static str {
        if let PaceKind::Run(shared) = &self.0
            && let Ok(what) = shared.stuck.subscribe().wait_for(Option::is_some).await
        {
            return what.unwrap_or_default();
        }
        std::future::pending().await
    }
}

impl RunClock {
    fn state(&self) -> MutexGuard<'_, RunState> {
        // Each change under this lock is complete, so a poisoned lock holds valid data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// Locks the state after advancing it to the present.
    fn settled(&self) -> MutexGuard<'_, RunState> {
        let mut state = self.state();
        state.settle(self.speed, self.waits);
        state
    }

    /// Advances the clock as far as permitted. Returns the sleepers to wake, and the real time until the next one.
    fn turn(&self) -> (Vec<Waker>, Duration) {
        let mut state = self.settled();
        let at = state.at;
        state.reach = at + LOOK * self.speed;
        let due = state.sleepers.range_mut(..=(at, u64::MAX));
        let woken = due.filter_map(|(_, waker)| waker.take()).collect();
        let next =
            state.sleepers.range((at, u64::MAX)..).next().map_or(state.reach, |((until, _), _)| *until);
        (woken, next.min(state.reach).saturating_sub(at) / self.speed)
    }
}

impl RunState {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn hold(&mut self, what: &'static str) -> u64 {
        let number = self.number();
        self.holds.insert(number, (self.at, what));
        number
    }

    /// Must run before each change that the clock waits for.
    fn settle(&mut self, speed: u32, waits: bool) {
        let now = Instant::now();
        let ran = self.at + (now - self.since) * speed;
        self.since = now;
        let limit = if waits { self.limit() } else { ran };
        self.at = self.at.max(ran.min(limit));
    }

    /// The latest time that the clock may show now.
    fn limit(&self) -> Duration {
        let sleeper = self.sleepers.first_key_value().map(|((until, _), _)| *until);
        let work = self.holds.first_key_value().map(|(_, (since, _))| *since + REQUEST);
        [sleeper, work].into_iter().flatten().fold(self.reach, Duration::min)
    }
}

/// Unfinished work. The clock waits until it is dropped.
#[must_use = "the clock waits for as long as this is kept"]
#[derive(Debug)]
pub struct WorkGuard(Option<(Arc<RunClock>, HeldWork)>);

#[derive(Debug)]
enum HeldWork {
    Work(u64),
    Transfer(SocketAddr),
}

impl WorkGuard {
    /// A guard that no clock waits for.
    pub fn none() -> Self {
        Self(None)
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        match self.0.take() {
            Some((shared, HeldWork::Work(number))) => {
                shared.settled().holds.remove(&number);
            }
            Some((shared, HeldWork::Transfer(client))) => {
                let mut state = shared.state();
                if let Entry::Occupied(mut served) = state.transfers.entry(client) {
                    *served.get_mut() -= 1;
                    if *served.get() == 0 {
                        served.remove();
                    }
                }
                drop(state);
                shared.tell();
            }
            None => {}
        }
    }
}

/// A sleep on the clock. It must be polled or dropped, because the clock waits for it.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Sleep(SleepKind);

#[derive(Debug)]
enum SleepKind {
    System(Pin<Box<tokio::time::Sleep>>),
    Run(Arc<RunClock>, (Duration, u64)),
    Over,
}

impl Future for Sleep {
    type Output = WorkGuard;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<WorkGuard> {
        let hold = match &mut self.0 {
            SleepKind::System(sleep) => {
                std::task::ready!(sleep.as_mut().poll(context));
                WorkGuard::none()
            }
            SleepKind::Run(shared, key) => {
                let mut state = shared.settled();
                if state.at < key.0 {
                    state.sleepers.insert(*key, Some(context.waker().clone()));
                    return Poll::Pending;
                }
                // Both changes happen under one lock, so that no time passes between them.
                state.sleepers.remove(key);
                let number = state.hold("somebody who has slept");
                drop(state);
                WorkGuard(Some((Arc::clone(shared), HeldWork::Work(number))))
            }
            SleepKind::Over => WorkGuard::none(),
        };
        self.0 = SleepKind::Over;
        Poll::Ready(hold)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let SleepKind::Run(shared, key) = &self.0 {
            shared.settled().sleepers.remove(key);
        }
    }
}
