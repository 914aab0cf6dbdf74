//! Plans routes: the loads from the present one to the target, in order.

use crate::catalog::{Catalog, Eligibility, Fit, Hardware, HopRule, Model, Vid};
use crate::hold::{Hold, NotAdmitted, PinFault};
use crate::library::{Completeness, Library, Load};
use crate::load::{Direction, Kind, LoadName, Side, Version};

mod explain;
mod search;
#[cfg(test)]
mod tests;

/// The present load, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present<'a> {
    /// This load.
    Load(&'a LoadName),
    /// A Multiplatform load of this release and unknown build; no transition load.
    Release(&'a Version),
    /// Some load of this side. On the Multiplatform side it may be a transition load.
    Unknown(Side),
}

/// The inputs of a plan besides catalog and library.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Its model.
    pub model: &'a Model,
    /// Its hardware version.
    pub vid: Option<Vid>,
    /// The side of the firmware that the phone was bought with, if known.
    pub born: Option<Side>,
    /// The present load.
    pub present: Present<'a>,
    /// The direction.
    pub direction: Direction,
    /// The operator's pinned loads, in order.
    pub pin: Option<&'a [LoadName]>,
    /// With an unknown VID, prefer a shorter route that some VID forbids to a longer one that every VID takes.
    pub unknown_vid_proceeds: bool,
}

impl<'a> Query<'a> {
    fn hardware(&self) -> Hardware<'a> {
        Hardware { model: self.model, vid: self.vid, born: self.born }
    }
}

/// A route to the target; without hops if the phone is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The steps, in order.
    pub hops: Vec<Hop>,
    /// The load at the end.
    pub target: LoadName,
}

/// One hop of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The load before it; `None` if the present load is unknown.
    pub from: Option<LoadName>,
    /// The load after it.
    pub to: LoadName,
    /// The hop changes sides, and so factory-resets the phone.
    pub crosses: bool,
    /// The phone needs its license at this hop or after it.
    pub license: bool,
    /// Every VID of the model takes it, or the VID is known and takes it.
    pub safe_for_every_vid: bool,
}

/// Plans a phone's route over the complete loads of the library, by the catalog's hop rules and above the floors of
/// the phone's hardware.
///
/// The target is the pin's last load, else the newest reachable load of the far side. Among the routes to it the best
/// has the fewest hops, then suits every VID, then has no transition load, then has the fewest bytes, then the newest
/// loads.
pub fn plan(query: &Query<'_>, catalog: &Catalog, library: &Library) -> Result<Route, Hold> {
    let planner = planner(query, catalog, library)?;
    match query.pin {
        Some(pin) => planner.pinned(pin),
        None => planner.free(),
    }
}

/// The routes that an operator could pin instead: the best route to each other reachable load of the final kind,
/// newest first. A pin of the query is ignored.
pub fn alternatives(query: &Query<'_>, catalog: &Catalog, library: &Library) -> Vec<Route> {
    let Ok(planner) = planner(query, catalog, library) else { return Vec::new() };
    let complete = planner.complete();
    let targets = planner.targets(&complete);
    let routes = targets.into_iter().filter_map(|target| planner.best_to(&complete, target));
    routes.skip(1).filter(|route| !route.hops.is_empty()).collect()
}

fn planner<'a>(
    query: &'a Query<'_>,
    catalog: &'a Catalog,
    library: &'a Library,
) -> Result<Planner<'a>, Hold> {
    let depends_on_vid = match catalog.eligibility(query.model, query.vid, query.direction) {
        Eligibility::Eligible => false,
        Eligibility::DependsOnVid { .. } => true,
        Eligibility::Refused { cause, source, date } => {
            return Err(NotAdmitted::NotEligible { cause, source, date }.into());
        }
        Eligibility::NotInCatalog { model } => return Err(NotAdmitted::NotInCatalog { model }.into()),
    };
    let Some(family) = query.model.family.as_deref() else {
        return Err(NotAdmitted::NoFamily { model: query.model.name.clone() }.into());
    };
    Ok(Planner { query, catalog, library, family, depends_on_vid })
}

/// A query with all inputs of its answer.
struct Planner<'a> {
    query: &'a Query<'a>,
    catalog: &'a Catalog,
    library: &'a Library,
    family: &'a str,
    /// Some VIDs of the model may not change sides, and the phone's VID is unknown.
    depends_on_vid: bool,
}

impl<'a> Planner<'a> {
    /// The loads of the phone's family.
    fn loads(&self) -> impl Iterator<Item = (&'a LoadName, &'a Load)> {
        let family = self.family;
        self.library.loads.iter().filter(move |(name, _)| name.family().eq_ignore_ascii_case(family))
    }

    /// The complete loads among them.
    fn complete(&self) -> Vec<search::Node<'a>> {
        self.loads()
            .filter(|(_, load)| load.completeness() == Completeness::Complete)
            .map(|(name, load)| search::Node { name, load: Some(load) })
            .collect()
    }

    fn free(&self) -> Result<Route, Hold> {
        if let Some(route) = self.best(&self.complete()) {
            return Ok(route);
        }
        match self.query.present {
            // The present load is newer than every load at hand and of the target's kind.
            Present::Load(load) if load.kind() == self.query.direction.final_kind() => {
                Ok(Route { hops: Vec::new(), target: load.clone() })
            }
            _ => Err(self.no_route()),
        }
    }

    /// A phone on the pinned route continues from its load; any other starts at the first load it may go to.
    fn pinned(&self, pin: &[LoadName]) -> Result<Route, Hold> {
        let Some(target) = pin.last().filter(|target| target.kind() == self.query.direction.final_kind())
        else {
            return Err(self.bad_pin(PinFault::End(self.query.direction.final_kind())));
        };
        if let Some(stranger) = pin.iter().find(|load| !load.family().eq_ignore_ascii_case(self.family)) {
            let model = self.query.model.name.clone();
            return Err(self.bad_pin(PinFault::Stranger { load: stranger.clone(), model }));
        }
        let on_it = match self.query.present {
            Present::Load(load) => pin.iter().rposition(|pinned| same(pinned, load)).map(|at| at + 1),
            Present::Release(_) | Present::Unknown(_) => None,
        };
        let entry = || pin.iter().position(|load| self.step(self.query.present, load, true).is_some());
        let Some(start) = on_it.or_else(entry) else {
            let first = pin.first().unwrap_or(target);
            return Err(self.bad_pin(self.why_not(self.query.present, first)));
        };
        let rest = &pin[start..];
        if let Some(lack) = self.not_at_hand(rest.iter()) {
            return Err(lack.into());
        }
        let mut present = self.query.present;
        let mut hops = Vec::new();
        for load in rest {
            let Some(hop) = self.step(present, load, true) else {
                return Err(self.bad_pin(self.why_not(present, load)));
            };
            hops.push(hop);
            present = Present::Load(load);
        }
        Ok(Route { hops, target: target.clone() })
    }

    /// The hop to a load, if a rule allows it and, with `floors`, the hardware takes it.
    fn step(&self, present: Present<'_>, to: &LoadName, floors: bool) -> Option<Hop> {
        let fit = self.catalog.fit(self.query.hardware(), to);
        let lets_go = self.lets_go(present, to);
        if floors && (matches!(fit, Fit::TooOld(_)) || matches!(lets_go, Fit::TooOld(_))) {
            return None;
        }
        let mut rules = self.catalog.hops.iter().filter(|rule| self.applies(rule, present, to)).peekable();
        rules.peek()?;
        let (from, side) = match present {
            Present::Load(load) => (Some(load.clone()), load.kind().side()),
            Present::Release(_) => (None, Side::Multiplatform),
            Present::Unknown(side) => (None, side),
        };
        let license = match present {
            Present::Load(_) | Present::Release(_) => rules.all(|rule| rule.license),
            Present::Unknown(_) => self.may_need_license(side, to),
        };
        let leaves = license && side == self.query.direction.near();
        Some(Hop {
            from,
            to: to.clone(),
            crosses: side != to.kind().side(),
            license,
            safe_for_every_vid: fit == Fit::Runs && lets_go == Fit::Runs && !(self.depends_on_vid && leaves),
        })
    }

    /// The fit of a crossing from the present load. For an unknown load nothing is excluded, since no rule crosses
    /// from it.
    fn lets_go(&self, present: Present<'_>, to: &LoadName) -> Fit<'a> {
        let (side, release) = match present {
            Present::Load(load) => (load.kind().side(), load.version()),
            Present::Release(release) => (Side::Multiplatform, release),
            Present::Unknown(_) => return Fit::Runs,
        };
        if side == to.kind().side() {
            return Fit::Runs;
        }
        self.catalog.lets_go(self.query.hardware(), side, release)
    }

    /// True if a rule allows this hop. An unknown load may be any load of its side, so only rules without a bound on
    /// the start apply; that the upgrade leads to a newer release is then assumed.
    fn applies(&self, rule: &HopRule, present: Present<'_>, to: &LoadName) -> bool {
        let direction = rule.direction().is_none_or(|direction| direction == self.query.direction);
        let arrives =
            rule.to == to.kind() && rule.to_min.as_ref().is_none_or(|min| to.version().at_least(min));
        let departs = match present {
            Present::Load(from) => departs_from(rule, from.kind(), from.version(), to),
            Present::Release(version) => departs_from(rule, Kind::Multiplatform, version, to),
            Present::Unknown(side) => {
                rule.from.side() == side
                    && !matches!(rule.from, Kind::Transition(_))
                    && !(rule.from == rule.to && rule.from == self.half_way())
                    && rule.from_min.is_none()
                    && rule.from_below.is_none()
            }
        };
        direction && arrives && departs
    }

    /// The kind of load that an unknown load is not upgraded to. Towards Enterprise, the phone may run a transition
    /// load of the same side, from which no rule leads back. Towards Multiplatform, a transition load leads there
    /// anyway.
    fn half_way(&self) -> Kind {
        match self.query.direction {
            Direction::E2m => Kind::Transition(Direction::E2m),
            Direction::M2e => Kind::Multiplatform,
        }
    }

    /// True if a phone on an unknown load of this side may need its license for this hop: on the Multiplatform side
    /// it may be within its crossing.
    fn may_need_license(&self, side: Side, to: &LoadName) -> bool {
        self.catalog.hops.iter().any(|rule| {
            let direction = rule.direction().is_none_or(|direction| direction == self.query.direction);
            direction && rule.license && rule.from.side() == side && rule.to == to.kind()
        })
    }
}

fn departs_from(rule: &HopRule, kind: Kind, version: &Version, to: &LoadName) -> bool {
    rule.from == kind
        && rule.from_min.as_ref().is_none_or(|min| version.at_least(min))
        && rule.from_below.as_ref().is_none_or(|end| !version.at_least(end))
        && (!rule.upward || to.version() > version)
}

/// True if two names mean the same load; phones and file systems may change letter case.
fn same(one: &LoadName, other: &LoadName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}
