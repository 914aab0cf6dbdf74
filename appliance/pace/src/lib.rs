//! The time of a rehearsal, which runs faster than the system's and waits for the machine: it stands still while a request
//! is under way for too long, and never passes a moment that somebody sleeps until before that sleeper has gone on. On a
//! busy machine a rehearsal takes longer, and its phones see the same.
//!
//! A span is on this clock unless its name says otherwise.

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

/// What a request may take at most. Less than a DHCP client waits before it asks again.
const REQUEST: Duration = Duration::from_secs(1);
/// What passes between two looks at the machine, in real time: a process that gets no processor loses no more.
const LOOK: Duration = Duration::from_millis(20);
/// While time stands still, some work begins or ends within this, in real time; otherwise it never will.
const STUCK: Duration = Duration::from_secs(120);

/// A clock and those who wait by it; the system's for the appliance itself.
#[derive(Debug, Clone)]
pub struct Pace(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System(Instant),
    Run(Arc<Shared>),
}

#[derive(Debug)]
struct Shared {
    speed: u32,
    waits: bool,
    /// As [`STUCK`].
    patience: Duration,
    state: Mutex<State>,
    /// Something has changed that the driver has to know.
    changed: Arc<Notify>,
    stuck: watch::Sender<Option<&'static str>>,
    /// Counts messages that were not answered, and transfers that are over.
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    /// How late it was at `since`.
    at: Duration,
    since: Instant,
    /// The driver has to look at the machine before it is later than this.
    reach: Duration,
    next: u64,
    sleepers: BTreeMap<(Duration, u64), Option<Waker>>,
    /// Work in hand, oldest first: when it began, and what it is.
    holds: BTreeMap<u64, (Duration, &'static str)>,
    /// Messages of a DHCP client that were taken in and are not answered.
    unanswered: BTreeMap<Mac, u64>,
    /// Transfers that are served, by the client's end.
    transfers: BTreeMap<SocketAddr, usize>,
}

impl Pace {
    /// The system's clock, at which nobody is waited for.
    pub fn system() -> Self {
        Self(Kind::System(Instant::now()))
    }

    /// A clock that runs `speed` times as fast as the system's, and waits for work in hand.
    pub fn patient(speed: u32) -> Self {
        Self::run(speed, true, STUCK)
    }

    /// A clock that runs `speed` times as fast as the system's, whatever the machine does: for benchmarks, in which a
    /// transfer takes the time it takes.
    pub fn steady(speed: u32) -> Self {
        Self::run(speed, false, STUCK)
    }

    fn run(speed: u32, waits: bool, patience: Duration) -> Self {
        let changed = Arc::new(Notify::new());
        let speed = speed.max(1);
        let state = State {
            at: Duration::ZERO,
            since: Instant::now(),
            reach: LOOK * speed,
            next: 0,
            sleepers: BTreeMap::new(),
            holds: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            transfers: BTreeMap::new(),
        };
        let shared = Arc::new(Shared {
            speed,
            waits,
            patience,
            state: Mutex::new(state),
            changed: Arc::clone(&changed),
            stuck: watch::Sender::new(None),
            news: watch::Sender::new(0),
        });
        tokio::spawn(driver::drive(Arc::downgrade(&shared), changed));
        Self(Kind::Run(shared))
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Kind::System(origin) => origin.elapsed(),
            Kind::Run(shared) => shared.settled().at,
        }
    }

    /// How many times as fast as the system's clock it runs while it does not stand still.
    pub fn speed(&self) -> u32 {
        match &self.0 {
            Kind::System(_) => 1,
            Kind::Run(shared) => shared.speed,
        }
    }

    /// Whether it is not the system's.
    pub fn is_rehearsed(&self) -> bool {
        matches!(self.0, Kind::Run(_))
    }

    /// Whether it waits for work in hand.
    pub fn waits(&self) -> bool {
        matches!(&self.0, Kind::Run(shared) if shared.waits)
    }

    /// What passes on it in a span of real time, if it does not stand still.
    pub fn stretch(&self, real: Duration) -> Duration {
        real * self.speed()
    }

    /// Real time since it began, without that in which it stood still.
    pub fn undisturbed(&self) -> Duration {
        self.elapsed() / self.speed()
    }

    /// Waits for so long, and comes back with work in hand: what follows is waited for until that is dropped.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.sleep_until(self.elapsed().saturating_add(span))
    }

    /// As [`Pace::sleep`], until it is so late.
    pub fn sleep_until(&self, at: Duration) -> Sleep {
        match &self.0 {
            Kind::System(origin) => {
                let until = tokio::time::Instant::from_std(*origin + at);
                Sleep(Wait::System(Box::pin(tokio::time::sleep_until(until))))
            }
            Kind::Run(shared) => {
                let mut state = shared.settled();
                let key = (at, state.number());
                let first = state.sleepers.first_key_value().is_none_or(|(earliest, _)| key < *earliest);
                state.sleepers.insert(key, None);
                drop(state);
                if first {
                    shared.changed.notify_one();
                }
                Sleep(Wait::Run(Arc::clone(shared), key))
            }
        }
    }

    /// As [`Pace::sleep`], for a span of real time on a machine that keeps up.
    pub fn sleep_undisturbed(&self, real: Duration) -> Sleep {
        self.sleep(self.stretch(real))
    }

    /// Has work in hand until the guard is dropped.
    pub fn hold(&self, what: &'static str) -> Hold {
        match &self.0 {
            Kind::System(_) => Hold(None),
            Kind::Run(shared) => {
                let number = shared.settled().hold(what);
                Hold(Some((Arc::clone(shared), Held::Work(number))))
            }
        }
    }

    /// Serves a client until the guard is dropped. The clock does not wait for that, but a client may.
    pub fn transfer(&self, client: SocketAddr) -> Hold {
        let Kind::Run(shared) = &self.0 else { return Hold::none() };
        *shared.state().transfers.entry(client).or_default() += 1;
        Hold(Some((Arc::clone(shared), Held::Transfer(client))))
    }

    /// Until nothing is served to this client any more: it has all, and the server knows.
    pub async fn until_over(&self, client: SocketAddr) {
        if let Kind::Run(shared) = &self.0 {
            let over = |_: &u64| !shared.state().transfers.contains_key(&client);
            // The sender lives as long as this.
            let _ = shared.news.subscribe().wait_for(over).await;
        }
    }

    /// A DHCP message of this client was taken in, and there is no answer to it.
    pub fn not_answered(&self, mac: Mac) {
        if let Kind::Run(shared) = &self.0 {
            *shared.state().unanswered.entry(mac).or_default() += 1;
            shared.tell();
        }
    }

    /// Counts the messages of this client that were taken in and not answered.
    pub fn unanswered(&self, mac: Mac) -> u64 {
        match &self.0 {
            Kind::System(_) => 0,
            Kind::Run(shared) => shared.state().unanswered.get(&mac).copied().unwrap_or(0),
        }
    }

    /// Until more than `before` messages of this client were not answered.
    pub async fn until_unanswered(&self, mac: Mac, before: u64) {
        if let Kind::Run(shared) = &self.0 {
            let more = |_: &u64| self.unanswered(mac) > before;
            // The sender lives as long as this.
            let _ = shared.news.subscribe().wait_for(more).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Until work was in hand for so long that it will never end: what work.
    pub async fn stuck(&self) -> &'static str {
        if let Kind::Run(shared) = &self.0
            && let Ok(what) = shared.stuck.subscribe().wait_for(Option::is_some).await
        {
            return what.unwrap_or_default();
        }
        std::future::pending().await
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a whole step, so a panic elsewhere leaves it sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// Everything as it is now.
    fn settled(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.settle(self.speed, self.waits);
        state
    }

    /// Time goes on for as long as it may. Says who wakes up, and how long that takes in real time.
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

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn hold(&mut self, what: &'static str) -> u64 {
        let number = self.number();
        self.holds.insert(number, (self.at, what));
        number
    }

    /// To be called before anything changes that time has to wait for.
    fn settle(&mut self, speed: u32, waits: bool) {
        let now = Instant::now();
        let ran = self.at + (now - self.since) * speed;
        self.since = now;
        let limit = if waits { self.limit() } else { ran };
        self.at = self.at.max(ran.min(limit));
    }

    /// It must not be later than this.
    fn limit(&self) -> Duration {
        let sleeper = self.sleepers.first_key_value().map(|((until, _), _)| *until);
        let work = self.holds.first_key_value().map(|(_, (since, _))| *since + REQUEST);
        [sleeper, work].into_iter().flatten().fold(self.reach, Duration::min)
    }
}

/// Work in hand, that the clock waits for.
#[must_use = "the clock waits for as long as this is kept"]
#[derive(Debug)]
pub struct Hold(Option<(Arc<Shared>, Held)>);

#[derive(Debug)]
enum Held {
    Work(u64),
    Transfer(SocketAddr),
}

impl Hold {
    /// For what no clock waits for.
    pub fn none() -> Self {
        Self(None)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        match self.0.take() {
            Some((shared, Held::Work(number))) => {
                shared.settled().holds.remove(&number);
            }
            Some((shared, Held::Transfer(client))) => {
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

/// Waits by the clock. The clock waits for it in turn: it must be polled or dropped.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Sleep(Wait);

#[derive(Debug)]
enum Wait {
    System(Pin<Box<tokio::time::Sleep>>),
    Run(Arc<Shared>, (Duration, u64)),
    Over,
}

impl Future for Sleep {
    type Output = Hold;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Hold> {
        let hold = match &mut self.0 {
            Wait::System(sleep) => {
                std::task::ready!(sleep.as_mut().poll(context));
                Hold::none()
            }
            Wait::Run(shared, key) => {
                let mut state = shared.settled();
                if state.at < key.0 {
                    state.sleepers.insert(*key, Some(context.waker().clone()));
                    return Poll::Pending;
                }
                // One after the other under one lock, so that no time passes between the two.
                state.sleepers.remove(key);
                let number = state.hold("somebody who has slept");
                drop(state);
                Hold(Some((Arc::clone(shared), Held::Work(number))))
            }
            Wait::Over => Hold::none(),
        };
        self.0 = Wait::Over;
        Poll::Ready(hold)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Wait::Run(shared, key) = &self.0 {
            shared.settled().sleepers.remove(key);
        }
    }
}
