//! Explains why there is no route, and which loads would help.

use std::collections::BTreeSet;

use super::search::{Allow, Node};
use super::{Planner, Present};
use crate::catalog::{Fit, Floor, HopRule, known};
use crate::hold::{Additions, Barrier, FirmwareLack, Hold, NoWay, PinFault, StartPoint, WantedLoad};
use crate::library::{Completeness, Load};
use crate::load::{Kind, LoadName, Side, Version};

/// A range of loads that a rule or a floor refers to.
#[derive(Clone)]
struct LoadRange {
    kind: Kind,
    min: Option<Version>,
    below: Option<Version>,
}

impl LoadRange {
    /// True if no release lies within the bounds.
    fn is_empty(&self) -> bool {
        self.min.as_ref().zip(self.below.as_ref()).is_some_and(|(min, below)| min.at_least(below))
    }
}

impl Planner<'_> {
    /// The hold for a missing route: files, hardware, or rules, in this order.
    pub(super) fn no_route(&self) -> Hold {
        let every: Vec<Node> = self.loads().map(|(name, load)| Node { name, load: Some(load) }).collect();
        let targets = self.targets(&every);
        let kind = self.query.direction.final_kind();
        if targets.is_empty() {
            let wanted = self.above_floors(LoadRange { kind, min: None, below: None });
            return FirmwareLack::NoTarget {
                family: self.family.to_owned(),
                wanted: Box::new(self.describe(wanted)),
            }
            .into();
        }
        if let Some(route) = self.best(&every)
            && let Some(lack) = self.not_at_hand(route.hops.iter().map(|hop| &hop.to))
        {
            return lack.into();
        }
        let below = targets.iter().find_map(|target| self.shortest(&every, target, Allow::BelowFloorsToo));
        let mut before = self.query.present;
        let barrier = below.iter().flatten().find_map(|hop| {
            let from = std::mem::replace(&mut before, Present::Load(&hop.to));
            self.barrier(from, &hop.to).map(Box::new)
        });
        let from = StartPoint::from(self.query.present);
        NoWay::NoRule { from, to: kind, barrier, help: self.additions(&every) }.into()
    }

    /// The first obstacle among the needed loads: a damaged load, else all missing ones.
    pub(super) fn not_at_hand<'l>(&self, needed: impl Iterator<Item = &'l LoadName>) -> Option<FirmwareLack> {
        let absent = Load::default();
        let (mut files, mut loads, mut packages) = (Vec::new(), Vec::new(), Vec::new());
        for name in needed {
            let load = self.library.loads.get(name).unwrap_or(&absent);
            let lacks = match load.completeness() {
                Completeness::Complete => continue,
                Completeness::Damaged => return Some(damaged(name, load)),
                Completeness::Missing if load.missing.is_empty() => vec![name.loads_file()],
                Completeness::Missing => load.missing.clone(),
            };
            packages.extend(lacks.iter().map(|file| load.package_of(name, file)));
            files.extend(lacks);
            loads.push(name.clone());
        }
        packages.sort();
        packages.dedup();
        (!files.is_empty()).then_some(FirmwareLack::Missing { files, loads, packages })
    }

    /// The hold for a pin that this phone cannot follow.
    pub(super) fn bad_pin(&self, fault: PinFault) -> Hold {
        NoWay::BadPin { family: self.family.to_owned(), fault: Box::new(fault) }.into()
    }

    /// The reason that a hop is not allowed.
    pub(super) fn why_not(&self, present: Present<'_>, to: &LoadName) -> PinFault {
        if let Some(barrier) = self.barrier(present, to) {
            return PinFault::Barrier(barrier);
        }
        let kind = match present {
            Present::Load(load) => load.kind(),
            Present::Release(_) | Present::Unknown(Side::Multiplatform) => Kind::Multiplatform,
            Present::Unknown(Side::Enterprise) => Kind::Enterprise,
        };
        let applies = |rule: &&HopRule| {
            rule.from == kind
                && rule.to == to.kind()
                && rule.direction().is_none_or(|direction| direction == self.query.direction)
        };
        let rules = self.catalog.hops.iter().filter(applies).cloned().collect();
        PinFault::NoRule { from: present.into(), to: to.clone(), rules }
    }

    /// The floor that forbids the load on this hardware, or the crossing to it.
    fn barrier(&self, present: Present<'_>, to: &LoadName) -> Option<Barrier> {
        let phone = self.phone();
        let cannot_leave =
            |floor: &Floor| Barrier::CannotLeave { phone: phone.clone(), floor: Box::new(floor.clone()) };
        match (self.catalog.fit(self.query.hardware(), to), self.lets_go(present, to)) {
            (Fit::TooOld(floor), _) if floor.leaving => Some(cannot_leave(floor)),
            (Fit::TooOld(floor), _) => {
                Some(Barrier::TooOld { load: to.clone(), phone, floor: Box::new(floor.clone()) })
            }
            (_, Fit::TooOld(floor)) => Some(cannot_leave(floor)),
            _ => None,
        }
    }

    fn phone(&self) -> String {
        let vid = self.query.vid.map(|vid| format!(" {vid}")).unwrap_or_default();
        format!("{}{vid}", self.query.model.name)
    }

    /// The loads to add: one, else two, that make a route possible.
    fn additions(&self, every: &[Node<'_>]) -> Additions {
        let wanted: Vec<(LoadRange, LoadName)> = self
            .wanted()
            .into_iter()
            .filter_map(|wanted| Some((self.example(&wanted)?, wanted)))
            .map(|(name, wanted)| (wanted, name))
            .collect();
        let helps = |names: &[&LoadName]| {
            let added = names.iter().map(|name| Node { name, load: None });
            self.best(&every.iter().copied().chain(added).collect::<Vec<_>>()).is_some()
        };
        let single: Vec<WantedLoad> = wanted
            .iter()
            .filter(|(_, name)| helps(&[name]))
            .map(|(wanted, _)| self.describe(wanted.clone()))
            .collect();
        if !single.is_empty() {
            return Additions::AnyOf(single);
        }
        let mut pairs = wanted
            .iter()
            .enumerate()
            .flat_map(|(at, first)| wanted[at + 1..].iter().map(move |second| (first, second)));
        let pair = pairs.find(|(first, second)| helps(&[&first.1, &second.1]));
        pair.map_or(Additions::None, |(first, second)| {
            Additions::Both(Box::new([self.describe(first.0.clone()), self.describe(second.0.clone())]))
        })
    }

    /// The ranges that rules and floors refer to, above the floors of this hardware.
    fn wanted(&self) -> Vec<LoadRange> {
        let hops = self
            .catalog
            .hops
            .iter()
            .filter(|rule| rule.direction().is_none_or(|direction| direction == self.query.direction));
        let ends = hops.flat_map(|rule| {
            let from =
                LoadRange { kind: rule.from, min: rule.from_min.clone(), below: rule.from_below.clone() };
            [from, LoadRange { kind: rule.to, min: rule.to_min.clone(), below: None }]
        });
        let leaving = self.catalog.floors_of(self.query.hardware()).filter(|floor| floor.leaving);
        let kind = |side| match side {
            Side::Enterprise => Kind::Enterprise,
            Side::Multiplatform => Kind::Multiplatform,
        };
        let leaving = leaving.map(|floor| LoadRange {
            kind: kind(floor.side),
            min: Some(floor.min.clone()),
            below: None,
        });
        let mut wanted: Vec<LoadRange> = Vec::new();
        for end in ends.chain(leaving).map(|end| self.above_floors(end)) {
            let transition = matches!(end.kind, Kind::Transition(_));
            let known = wanted.iter().any(|known| known.kind == end.kind && known.min == end.min);
            if !known && (transition || end.min.is_some()) && !end.is_empty() {
                wanted.push(end);
            }
        }
        wanted
    }

    /// Narrows a range to the loads that this hardware takes; with an unknown VID, that every VID takes.
    fn above_floors(&self, wanted: LoadRange) -> LoadRange {
        let floors = self.catalog.floors_of(self.query.hardware()).filter(|floor| !floor.leaving);
        let floors = floors.filter(|floor| floor.side == wanted.kind.side()).map(|floor| floor.min.clone());
        let min = floors.chain(wanted.min.clone()).max();
        LoadRange { min, ..wanted }
    }

    /// An invented load within the range, to plan with.
    fn example(&self, wanted: &LoadRange) -> Option<LoadName> {
        // All known transition loads are of 11.2(3).
        let known = Version { major: 11, minor: 2, micro: 3, build: Vec::new() };
        let version = wanted.min.as_ref().unwrap_or(&known);
        let text = version.to_string();
        let build = text.split_once(')').map_or("", |(_, build)| build);
        let digits = format!("{}-{}-{}{build}", version.major, version.minor, version.micro);
        let family = self.family;
        let name = match wanted.kind {
            Kind::Enterprise => format!("{family}.{digits}"),
            Kind::Transition(_) => format!("{family}.{}-{digits}", wanted.kind),
            Kind::Multiplatform => format!("{family}.{digits}MPP"),
        };
        name.parse().ok()
    }

    fn describe(&self, wanted: LoadRange) -> WantedLoad {
        let fits = |load: &&known::KnownLoad| {
            load.kind == wanted.kind
                && wanted.min.as_ref().is_none_or(|min| load.version.at_least(min))
                && wanted.below.as_ref().is_none_or(|below| !load.version.at_least(below))
        };
        let such_as = known::loads().iter().filter(fits).find_map(|load| load.of(self.family)).cloned();
        WantedLoad { kind: wanted.kind, from: wanted.min, below: wanted.below, such_as }
    }
}

impl From<Present<'_>> for StartPoint {
    fn from(present: Present<'_>) -> Self {
        match present {
            Present::Load(load) => Self::Load(load.clone()),
            Present::Release(release) => Self::Release(release.clone()),
            Present::Unknown(side) => Self::Unknown(side),
        }
    }
}

fn damaged(name: &LoadName, load: &Load) -> FirmwareLack {
    let packages: BTreeSet<String> =
        load.damaged.iter().map(|(file, _)| load.package_of(name, file)).collect();
    FirmwareLack::Damaged {
        load: name.clone(),
        files: load.damaged.clone(),
        packages: packages.into_iter().collect(),
    }
}
