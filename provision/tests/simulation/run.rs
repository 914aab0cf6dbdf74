//! One phone on one bench, from its first plug to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use transload_provision::hold::HoldCode;
use transload_provision::journey::{Assessment, Journey, Observation, Restart, Stage};
use transload_provision::time::Time;
use transload_provision::unknown::Draw;

use super::outside::Outside;
use super::phone::Phone;
use super::shadow::Shadow;
use super::world::{self, World};

/// Nothing takes longer.
const LONGEST: Duration = Duration::from_secs(5 * 24 * 3600);

/// How long a registration outlives its phone.
const EXPIRES: Duration = Duration::from_secs(150);

/// Nothing needs more looks than this.
const MOST_STEPS: u32 = 60_000;

/// Why a phone's present run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its plug is pulled, and put in again so much later.
    Unplugged(Duration),
    /// It starts again by itself.
    Boots,
    /// It was told to through its registration.
    Told(Restart),
    /// There is nothing more to see.
    Over,
}

/// What happens around a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its plug is pulled for so long.
    Plug(Duration),
    /// The bench is killed, and starts again so much later.
    Kill(Duration),
    /// It starts again.
    Start,
    /// The ledger cannot be written for so long.
    DiskFull(Duration),
    /// It can be again.
    DiskFree,
    /// Somebody takes the phone away and brings it back with another load.
    Elsewhere,
    /// Somebody resets it to factory settings.
    FactoryReset,
    /// Somebody else speaks in its name.
    Lie,
    /// The registration that it does not renew any more ends.
    Expires,
    /// Its license arrives.
    License,
    /// The operator holds it.
    Hold,
    /// A file of a load that it needs is damaged.
    Damage,
    /// A fact that the bench sees late.
    Late(Box<Observation>),
    /// The technician does what the cure of this hold says.
    Hand(HoldCode),
    /// Whether it has come to its end is looked at.
    Settled,
}

/// A line of the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    pub observation: Observation,
    /// It was on disk before an answer left.
    pub durable: bool,
    pub lie: bool,
}

/// Everything there is.
pub struct Run {
    pub seed: u64,
    pub rng: fastrand::Rng,
    pub now: Time,
    pub world: World,
    pub phone: Phone,
    pub outside: Outside,
    pub journey: Option<Journey>,
    /// The same without what liars said.
    pub honest: Option<Journey>,
    /// What the ledger has: all that was folded, with and without lies, and what came after that.
    pub folded: (Option<Journey>, Option<Journey>),
    pub ledger: Vec<Entry>,
    pub lied: bool,
    /// It is done, and stays on the bench for so long.
    pub stays_until: Option<Time>,
    pub was_done: bool,
    pub verdict: Assessment,
    /// The possible worlds, where they are watched as well.
    pub shadow: Option<Box<Shadow>>,
    pub up: bool,
    /// Since when the ledger cannot be written.
    pub full_since: Option<Time>,
    /// What the phone said last was lost with the bench: it says it again before it is given anything.
    pub unheard: bool,
    /// The latest time that the ledger had when the bench was killed, or later.
    pub marked: Time,
    /// Counts starts of the bench: who was served by another one was cut off.
    pub starts: u32,
    /// When the bench looks at the phone again by itself.
    pub due: Option<Time>,
    /// Tries of the phone's page since it started, and when the next one is.
    pub visits: (Time, u32, Time),
    pub events: BTreeSet<(Time, u32)>,
    pub what: Vec<Event>,
    /// How often a hand was needed, by the hold.
    pub hands: u32,
    pub hand_under_way: bool,
    /// Somebody else has loaded it after it had come to its end.
    pub carried_off: bool,
    pub settled: u32,
    steps: u32,
    /// The holds that it was in, whether or not it came out of them.
    pub held_for: BTreeSet<HoldCode>,
    /// What should not have been.
    pub wrong: Vec<String>,
    pub story: Vec<String>,
    tells: bool,
    began: Time,
}

impl Run {
    pub fn new(seed: u64, tells: bool) -> Self {
        Self::settled(seed, tells, |draw| draw)
    }

    /// A run in which an open question may go another way than the seed has it.
    pub fn settled(seed: u64, tells: bool, settle: impl FnOnce(Draw) -> Draw) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (world, phone) = world::draw(&mut rng, settle);
        let outside = Outside { ready: rng.bool(), ..Outside::default() };
        let now = Time(1_700_000_000_000);
        let verdict = world.verdict(None, phone.mac, now);
        let mut run = Self {
            seed,
            rng,
            now,
            world,
            phone,
            outside,
            journey: None,
            honest: None,
            folded: (None, None),
            lied: false,
            stays_until: None,
            was_done: false,
            ledger: Vec::new(),
            verdict,
            shadow: None,
            up: true,
            full_since: None,
            unheard: false,
            marked: now,
            starts: 0,
            due: None,
            visits: (Time(0), 0, Time(0)),
            events: BTreeSet::new(),
            what: Vec::new(),
            hands: 0,
            hand_under_way: false,
            carried_off: false,
            settled: 0,
            steps: 0,
            held_for: BTreeSet::new(),
            wrong: Vec::new(),
            story: Vec::new(),
            tells,
            began: now,
        };
        run.plan();
        run.tell(|run| format!("{:?}\n{:?}", run.phone, run.world));
        run
    }

    /// Adds to the story, if it is told.
    pub fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.tells {
            let line = line(self);
            self.story.push(format!("{:>9.1} {line}", (self.now - self.began).as_secs_f64()));
        }
    }

    pub fn is_wrong(&mut self, what: String) {
        self.tell(|_| format!("WRONG: {what}"));
        if !self.wrong.contains(&what) {
            self.wrong.push(what);
        }
    }

    /// Between two numbers of seconds.
    pub fn seconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.rng.u64(from * 1000..to * 1000))
    }

    pub fn chance(&mut self, percent: f64) -> bool {
        self.rng.f64() * 100.0 < percent
    }

    pub fn at(&mut self, after: Duration, event: Event) {
        self.events.insert((self.now + after, self.what.len() as u32));
        self.what.push(event);
    }

    /// What will happen to this phone by itself.
    fn plan(&mut self) {
        let troubles = if self.chance(30.0) { 0 } else { self.rng.u32(1..5) };
        for _ in 0..troubles {
            let after = self.seconds(1, if self.phone.mac.0[5] & 1 == 0 { 900 } else { 4 * 3600 });
            let event = match self.rng.u32(0..18) {
                0..5 => Event::Plug(self.seconds(3, 600)),
                5 => Event::Plug(self.seconds(600, 3600)),
                6..10 => Event::Kill(self.seconds(1, 400)),
                10 => Event::DiskFull(self.seconds(10, 2000)),
                11 => Event::Elsewhere,
                12 => Event::FactoryReset,
                13 | 14 => Event::Hold,
                15 => Event::Damage,
                16 => Event::Plug(self.seconds(3600, 20 * 3600)),
                _ => Event::Kill(self.seconds(3600, 10 * 3600)),
            };
            self.at(after, event);
        }
        if self.world.license_comes {
            let after = self.seconds(60, 6 * 3600);
            self.at(after, Event::License);
        }
        if self.world.liar {
            self.plan_lies();
        }
        self.at(Duration::from_secs(600), Event::Settled);
    }

    /// From the first plug to the end.
    pub fn live(&mut self) {
        loop {
            let stop = self.start();
            match stop {
                Err(Stop::Over) => break,
                Err(Stop::Unplugged(span)) => {
                    self.tell(|_| format!("unplugged for {} s", span.as_secs()));
                    if self.unplugged(span) == Err(Stop::Over) {
                        break;
                    }
                }
                Err(Stop::Boots | Stop::Told(_)) | Ok(()) => {}
            }
        }
        self.judge_end();
    }

    /// It does not renew its registration any more.
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.phone.registered) {
            self.at(EXPIRES, Event::Expires);
        }
    }

    fn unplugged(&mut self, span: Duration) -> Result<(), Stop> {
        self.phone.in_contact = false;
        self.phone.powered = false;
        self.leave();
        let until = self.now + span;
        while self.now < until {
            // Nothing else stops a phone without power.
            if self.pass(until - self.now) == Err(Stop::Over) {
                return Err(Stop::Over);
            }
        }
        self.phone.powered = true;
        Ok(())
    }

    /// Lets time go by: what happens, happens, and the bench looks at the phone when it is due.
    pub fn pass(&mut self, span: Duration) -> Result<(), Stop> {
        let until = self.now + span;
        loop {
            let event = self.events.first().copied();
            let due = self.due.filter(|_| self.up);
            let next =
                [Some(until), event.map(|(at, _)| at), due].into_iter().flatten().min().unwrap_or(until);
            self.steps += u32::from(self.stays_until.is_none());
            if self.steps > MOST_STEPS {
                let (stage, hold) = (self.verdict.stage, self.verdict.hold.clone());
                self.is_wrong(format!("it goes on and on: {stage} on {} {hold:?}", self.phone.load));
                return Err(Stop::Over);
            }
            self.now = self.now.max(next);
            if self.now - self.began > LONGEST && self.stays_until.is_none() {
                let (stage, hold) = (self.verdict.stage, self.verdict.hold.clone());
                self.is_wrong(format!("it never ends: {stage} on {} {hold:?}", self.phone.load));
                return Err(Stop::Over);
            }
            if let Some((at, index)) = event.filter(|(at, _)| *at <= self.now) {
                self.events.remove(&(at, index));
                let event = self.what[index as usize].clone();
                self.happens(event)?;
            } else if due.is_some_and(|due| due <= self.now) {
                self.look()?;
            } else if self.now >= until {
                return Ok(());
            }
        }
    }

    /// In a word, for the count.
    pub fn ending(&self) -> String {
        match (&self.verdict.hold, self.verdict.stage) {
            (Some(hold), stage) => format!("{stage}: {}", hold.code),
            (None, Stage::Done) => "done".to_owned(),
            (None, stage) => stage.to_string(),
        }
    }
}
