//! How the phone takes a load: its list, its components, and the flash.

use std::time::Duration;

use transload_phone::truth;
use transload_provision::journey::{Fact, Observation};
use transload_provision::load::{LoadName, Side};
use transload_provision::time::Time;

use super::phone::Phone;
use super::run::{Event, Run, Stop};
use super::world::SIZE;

/// Between two moments at which bytes of a file are seen.
const PROGRESS: Duration = Duration::from_secs(60);
/// Tries for each component.
const TRIES: u32 = 3;

impl Run {
    pub fn upgrade(&mut self, load: LoadName, attempt: u32) -> Result<(), Stop> {
        let direction = self.world.settings.direction;
        let unlicensed =
            truth::needs_license(&self.phone.load, &load) && self.phone.authorized != Some(direction);
        let failed = self.phone.failed == Some((load.clone(), attempt));
        let again = self.phone.draw.is("failed-upgrade", "after-a-while") && self.chance(2.0);
        if unlicensed || (failed && !again) || !self.up {
            return Ok(());
        }
        if self.phone.inactive.as_ref() == Some(&load) && self.phone.draw.is("components", "missing-ones") {
            // In its other partition: started without a download (§6.4).
            self.judge(&load);
            return self.install(load);
        }
        if self.fetch(&load)? {
            return self.install(load);
        }
        self.phone.failed = Some((load, attempt));
        Ok(())
    }

    /// Fetches a load to its end.
    pub fn fetch(&mut self, load: &LoadName) -> Result<bool, Stop> {
        self.pass(Duration::from_millis(200))?;
        if !self.up || !self.asked_for_load(load) {
            return Ok(false);
        }
        self.judge(load);
        if Phone::is_old(&self.phone.load, load) && self.phone.draw.is("old-leap", "refused") {
            return Ok(false);
        }
        self.phone.busy = true;
        self.phone.has_taken = false;
        let Some(known) = self.world.library.loads.get(load) else { return Ok(false) };
        let components = known.platforms[self.phone.platform].components.clone();
        for name in components {
            let kept =
                self.phone.draw.is("components", "missing-ones") && self.phone.components.contains(&name);
            if kept {
                continue;
            }
            let mut came = false;
            for _ in 0..TRIES {
                if self.component(&name)? {
                    came = true;
                    break;
                }
                self.pass(Duration::from_secs(5))?;
            }
            if !came {
                self.phone.busy = false;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn component(&mut self, name: &str) -> Result<bool, Stop> {
        let (asked, starts) = (self.now, self.starts);
        if !self.up {
            return Ok(false);
        }
        let time = self.seconds(2, 60) * self.phone.slow as u32;
        let breaks = self.chance(self.phone.link);
        let stopped = self.transfer(name, if breaks { time / 2 } else { time }, asked);
        let cut = |run: &mut Self, why: &str| {
            let to = run.rng.u64(0..SIZE);
            run.phone.has_taken = false;
            run.see(Fact::Fetched { name: name.to_owned(), from: 0, to, size: SIZE, asked: Some(asked) });
            run.see(Fact::Broken { name: name.to_owned(), cause: why.to_owned() });
        };
        let served = self.up && self.starts == starts;
        if stopped.is_err() || breaks {
            if served {
                cut(self, "the connection was closed");
            }
            stopped?;
            return Ok(false);
        }
        if !served {
            return Ok(false);
        }
        self.phone.has_taken = true;
        let whole =
            Fact::Fetched { name: name.to_owned(), from: 0, to: SIZE, size: SIZE, asked: Some(asked) };
        if self.rng.u32(0..40) == 0 {
            let late = self.seconds(0, 30);
            let observation = Observation::new(self.now, whole);
            self.at(late, Event::Late(Box::new(observation)));
        } else {
            self.see(whole);
        }
        Ok(true)
    }

    /// Bytes are seen as they go.
    fn transfer(&mut self, name: &str, time: Duration, asked: Time) -> Result<(), Stop> {
        let (until, starts) = (self.now + time, self.starts);
        loop {
            self.pass(PROGRESS.min(until - self.now))?;
            if self.now >= until || self.starts != starts {
                return Ok(());
            }
            let (name, to) = (name.to_owned(), 1 + self.rng.u64(0..SIZE / 2));
            self.phone.has_taken = true;
            self.see(Fact::Fetched { name, from: 0, to, size: SIZE, asked: Some(asked) });
        }
    }

    /// Writes a load and starts with it.
    pub fn install(&mut self, load: LoadName) -> Result<(), Stop> {
        self.phone.busy = true;
        self.phone.has_taken = true;
        let flash = self.seconds(60, 300) * if self.phone.slow > 1 { 2 } else { 1 };
        self.pass(flash)?;
        if self.chance(self.phone.flash_fails) {
            self.tell(|_| format!("phone throws {load} away"));
            return Err(Stop::Boots);
        }
        self.phone.in_contact = false;
        let (from, to) = (self.phone.load.kind(), load.kind());
        let components = self
            .world
            .library
            .loads
            .get(&load)
            .map(|load| load.platforms[self.phone.platform].components.clone());
        self.phone.components.extend(components.unwrap_or_default());
        self.phone.inactive = Some(std::mem::replace(&mut self.phone.load, load));
        self.was_done = false;
        if truth::is_transition(from) || truth::is_transition(to) {
            // After each hop to or from a transition load, phones reach out again.
            self.phone.profile = None;
        }
        if from.side() != to.side() {
            self.phone.factory_reset();
            self.phone.license_due = to.side() == Side::Multiplatform && !truth::is_transition(to);
            self.phone.inactive = None;
        }
        Err(Stop::Boots)
    }
}
