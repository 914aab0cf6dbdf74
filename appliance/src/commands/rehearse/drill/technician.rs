//! The technician of a drill, who carries out the actions of holds after a while, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use transload_phone::{Doing, VirtualPhone};
use transload_provision::catalog::Vid;
use transload_provision::hold::ActionKind;
use transload_provision::journey::Act;
use transload_provision::mac::Mac;

use super::super::actions::{due, writes_load};
use super::super::lineup::Player;
use crate::bench::views::phone::{HoldCode, HoldView, PhoneView, Stage};

/// Time from a hold to the technician's arrival, on the phones' clock: longer than a phone takes to start and ask.
const COMES: Duration = Duration::from_secs(240);
/// A powered phone that is shown as absent for this long is restarted; no accident lasts as long.
const MISSED: Duration = Duration::from_secs(600);
/// The most visits to one phone; beyond it the phone goes round in circles.
const HANDS: u32 = 24;

/// A task for a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TechnicianTask {
    /// A task at the phone, already done.
    AtThePhone,
    /// An order of the operator.
    Operate(Act),
    /// Get the phone's license.
    License,
    /// Import the firmware again.
    Firmware,
    /// Write the roster again.
    Roster,
}

/// The technician.
#[derive(Default)]
pub struct Technician {
    shown: BTreeMap<Mac, (HoldCode, Duration)>,
    absent: BTreeMap<Mac, Duration>,
    /// Visits by phone.
    pub hands: BTreeMap<Mac, u32>,
    /// Phones beyond help.
    pub given_up: BTreeSet<Mac>,
}

impl Technician {
    /// Looks at one phone. Licenses in `late` arrive by themselves.
    pub fn look(
        &mut self,
        now: Duration,
        phone: &mut VirtualPhone,
        player: &mut Player,
        view: &PhoneView,
    ) -> Vec<TechnicianTask> {
        let mac = player.spec.mac;
        if view.stage == Stage::Absent {
            let since = self.absent.entry(mac).or_insert(now);
            if now.saturating_sub(*since) < MISSED {
                return Vec::new();
            }
            *since = now;
            phone.restart();
            return vec![TechnicianTask::AtThePhone];
        }
        let Some(hold) = &view.hold else {
            self.shown.remove(&mac);
            return Vec::new();
        };
        let since = match self.shown.get(&mac) {
            Some((code, since)) if *code == hold.code => *since,
            _ => {
                self.shown.insert(mac, (hold.code, now));
                return Vec::new();
            }
        };
        let writes = matches!(phone.state.borrow().doing, Doing::Fetching(..) | Doing::Flashing(_));
        if now.saturating_sub(since) < COMES || writes {
            return Vec::new();
        }
        let hands = self.hands.entry(mac).or_default();
        if *hands >= HANDS {
            self.given_up.insert(mac);
            return Vec::new();
        }
        self.shown.insert(mac, (hold.code, now));
        let memory = phone.state.borrow().memory.clone();
        let running = memory.load.clone();
        let deeds = match hold.code {
            // The screen asks for the license that the phone has not accepted.
            HoldCode::WaitingOutside
                if memory.license_due && due(hold, &memory, |kind| *kind == ActionKind::Unplug) =>
            {
                phone.restart();
                vec![TechnicianTask::AtThePhone]
            }
            // The screen shows the load that the phone was to get.
            HoldCode::WaitingOutside if due(hold, &memory, writes_load) => {
                player.listed_load = Some(running);
                vec![TechnicianTask::Roster, TechnicianTask::Operate(Act::Retry)]
            }
            HoldCode::NoRoute if due(hold, &memory, writes_load) && player.listed_load.is_none() => {
                player.listed_load = Some(running);
                vec![TechnicianTask::Roster, TechnicianTask::Operate(Act::Retry)]
            }
            HoldCode::WaitingOutside if hold.asks_for(&ActionKind::FactoryReset) => {
                factory_reset(phone);
                vec![TechnicianTask::AtThePhone]
            }
            HoldCode::NeedsRestart | HoldCode::NotAsking | HoldCode::WaitingOutside => {
                let cancel = hold.asks_for(&ActionKind::PressCancel);
                phone.mend(|_, memory| memory.wants_code &= !cancel);
                vec![TechnicianTask::AtThePhone]
            }
            HoldCode::TrustList => {
                player.spec.quirks.trust_list = false;
                phone.mend(|spec, _| spec.quirks.trust_list = false);
                vec![TechnicianTask::AtThePhone]
            }
            HoldCode::Failed if hold.asks_for(&ActionKind::CheckLicense) => {
                vec![TechnicianTask::License, TechnicianTask::Operate(Act::Retry)]
            }
            HoldCode::Failed => {
                if hold.asks_for(&ActionKind::FactoryReset) {
                    factory_reset(phone);
                } else {
                    phone.restart();
                }
                let retry = hold.asks_for(&ActionKind::Retry).then_some(TechnicianTask::Operate(Act::Retry));
                retry.into_iter().chain([TechnicianTask::AtThePhone]).collect()
            }
            HoldCode::FirmwareDamaged | HoldCode::FirmwareMissing => vec![TechnicianTask::Firmware],
            HoldCode::NoLicense => vec![TechnicianTask::License],
            HoldCode::UnknownVid => {
                player.listed_vid = Some(Vid(player.spec.vid));
                vec![TechnicianTask::Roster]
            }
            HoldCode::Operator => vec![TechnicianTask::Operate(Act::Release)],
            HoldCode::NotEligible | HoldCode::NoRoute | HoldCode::NotListed | HoldCode::ForeignDhcp => {
                return Vec::new();
            }
        };
        *hands += 1;
        deeds
    }

    /// True if a held phone may still be helped.
    pub fn may_help(&self, mac: Mac, view: Option<&PhoneView>) -> bool {
        let beyond = [HoldCode::NotEligible, HoldCode::NotListed];
        let hold = view.and_then(|view| view.hold.as_ref());
        let helps = |hold: &HoldView| match hold.code {
            HoldCode::NoRoute => hold.actions.iter().any(|action| writes_load(&action.kind)),
            code => !beyond.contains(&code),
        };
        !self.given_up.contains(&mac) && hold.is_some_and(helps)
    }
}

/// A reset by the user's menu; firmware stays.
fn factory_reset(phone: &mut VirtualPhone) {
    phone.mend(|_, memory| memory.forget_settings());
}
