//! Why there is no route, and what to add so that there is one.

use std::collections::BTreeSet;

use super::search::{Allow, Node};
use super::{NoRoute, NoRouteCode, Planner, Present};
use crate::catalog::{Fit, Floor, known};
use crate::library::{Completeness, Load};
use crate::load::{Kind, LoadName, Side, Version};
use crate::package;

/// A kind of load that some rule or floor asks for.
struct Wanted {
    kind: Kind,
    min: Option<Version>,
    below: Option<Version>,
}

impl Wanted {
    /// No release is within its bounds.
    fn is_empty(&self) -> bool {
        self.min.as_ref().zip(self.below.as_ref()).is_some_and(|(min, below)| min.at_least(below))
    }
}

impl Planner<'_> {
    /// The reason that no route was found: files, hardware, or rules, in this order.
    pub(super) fn no_route(&self) -> NoRoute {
        let every: Vec<Node> = self.loads().map(|(name, load)| Node { name, load: Some(load) }).collect();
        let targets = self.targets(&every);
        if targets.is_empty() {
            let kind = self.query.direction.final_kind();
            let wanted = self.above_floors(Wanted { kind, min: None, below: None });
            return NoRoute {
                code: NoRouteCode::FirmwareMissing,
                cause: format!("there is no {kind} firmware for {} in the library", self.family),
                cure: format!("add {} to the library", self.describe(&wanted)),
                missing: Vec::new(),
            };
        }
        if let Some(route) = self.best(&every)
            && let Some(no_route) = self.not_at_hand(route.hops.iter().map(|hop| &hop.to))
        {
            return no_route;
        }
        let below = targets.iter().find_map(|target| self.shortest(&every, target, Allow::BelowFloorsToo));
        let mut before = self.query.present;
        let too_old = below.iter().flatten().find_map(|hop| {
            let from = std::mem::replace(&mut before, Present::Load(&hop.to));
            self.floor(&hop.to).or_else(|| self.leaving(from, &hop.to))
        });
        let kind = self.query.direction.final_kind();
        let (from, help) = match self.query.present {
            Present::Load(load) => (load.to_string(), "no load would help; take it off the bench"),
            Present::Release(release) => (
                format!("Multiplatform release {release}"),
                "no load would help; put the one it runs into the roster",
            ),
            Present::Unknown(side) => {
                (format!("an unknown {side} load"), "no load would help; put the one it runs into the roster")
            }
        };
        let cause = match too_old {
            Some(floor) => floor,
            None => format!("no way leads from {from} to {kind} firmware through the loads at hand"),
        };
        let cure = self.additions(&every).unwrap_or_else(|| {
            format!(
                "{help}, or add a [[hop]] row to catalog.toml in the state folder if Cisco allows the step"
            )
        });
        NoRoute { code: NoRouteCode::NoRoute, cause, cure, missing: Vec::new() }
    }

    /// The first obstacle among loads that are needed: one that is damaged, or else all that are missing.
    pub(super) fn not_at_hand<'l>(&self, needed: impl Iterator<Item = &'l LoadName>) -> Option<NoRoute> {
        let absent = Load::default();
        let (mut missing, mut loads, mut packages) = (Vec::new(), Vec::new(), Vec::new());
        for name in needed {
            let load = self.library.loads.get(name).unwrap_or(&absent);
            let lacks = match load.completeness() {
                Completeness::Complete => continue,
                Completeness::Damaged => return Some(damaged(name, load)),
                Completeness::Missing if load.missing.is_empty() => vec![name.loads_file()],
                Completeness::Missing => load.missing.clone(),
            };
            packages.extend(lacks.iter().map(|file| load.package_of(name, file)));
            missing.extend(lacks);
            loads.push(name.to_string());
        }
        packages.sort();
        packages.dedup();
        (!missing.is_empty()).then(|| NoRoute {
            code: NoRouteCode::FirmwareMissing,
            cause: format!("the library lacks {}, of {}", missing.join(", "), loads.join(" and ")),
            cure: format!("import {}", packages.join(" and ")),
            missing,
        })
    }

    /// A pin that this phone cannot follow.
    pub(super) fn bad_pin(&self, cause: String) -> NoRoute {
        NoRoute {
            code: NoRouteCode::NoRoute,
            cause,
            cure: format!(
                "correct the route of {} in [migration.routes], or remove it to have one planned",
                self.family
            ),
            missing: Vec::new(),
        }
    }

    /// Why a hop is not allowed.
    pub(super) fn why_not(&self, present: Present<'_>, to: &LoadName) -> String {
        if let Some(floor) = self.floor(to).or_else(|| self.leaving(present, to)) {
            return floor;
        }
        let (from, kind) = match present {
            Present::Load(load) => (load.to_string(), load.kind()),
            Present::Release(release) => (format!("Multiplatform release {release}"), Kind::Multiplatform),
            Present::Unknown(Side::Enterprise) => ("an unknown Enterprise load".to_owned(), Kind::Enterprise),
            Present::Unknown(Side::Multiplatform) => {
                ("an unknown Multiplatform load".to_owned(), Kind::Multiplatform)
            }
        };
        let rules: Vec<String> = self
            .catalog
            .hops
            .iter()
            .filter(|rule| rule.from == kind && rule.to == to.kind())
            .filter(|rule| rule.direction().is_none_or(|direction| direction == self.query.direction))
            .map(|rule| {
                let from = bounds(rule.from_min.as_ref(), rule.from_below.as_ref());
                let to = if rule.upward {
                    " a later release".to_owned()
                } else {
                    bounds(rule.to_min.as_ref(), None)
                };
                format!("{}{from} to {}{to} ({})", rule.from, rule.to, rule.source)
            })
            .collect();
        if rules.is_empty() {
            format!("no rule leads from {from} to {to}")
        } else {
            format!("no rule leads from {from} to {to}, only from {}", rules.join(", or from "))
        }
    }

    /// The floor that forbids a load on this hardware, in a sentence.
    fn floor(&self, load: &LoadName) -> Option<String> {
        let Fit::TooOld(floor) = self.catalog.fit(self.query.hardware(), load) else {
            return None;
        };
        let (side, min, phone) = (floor.side, &floor.min, self.phone());
        if floor.leaving {
            return Some(Self::cannot_leave(&phone, floor));
        }
        let who = cited(floor);
        Some(format!("{load} is too old for this {phone}, which takes {side} firmware from {min} on ({who})"))
    }

    /// The floor that forbids to cross from what the phone runs, in a sentence.
    fn leaving(&self, present: Present<'_>, to: &LoadName) -> Option<String> {
        let Fit::TooOld(floor) = self.lets_go(present, to) else {
            return None;
        };
        Some(Self::cannot_leave(&self.phone(), floor))
    }

    fn cannot_leave(phone: &str, floor: &Floor) -> String {
        let bought = match floor.born {
            Some(side) => format!(", if it was bought with {side} firmware"),
            None => String::new(),
        };
        let (side, min) = (floor.side, &floor.min);
        format!("this {phone} leaves the {side} side from {min} on only{bought} ({})", cited(floor))
    }

    fn phone(&self) -> String {
        let vid = self.query.vid.map(|vid| format!(" {vid}")).unwrap_or_default();
        format!("{}{vid}", self.query.model.name)
    }

    /// What to add to the library: one load, or else two, with which there would be a route.
    fn additions(&self, every: &[Node<'_>]) -> Option<String> {
        let wanted: Vec<(Wanted, LoadName)> = self
            .wanted()
            .into_iter()
            .filter_map(|wanted| Some((self.example(&wanted)?, wanted)))
            .map(|(name, wanted)| (wanted, name))
            .collect();
        let helps = |names: &[&LoadName]| {
            let added = names.iter().map(|name| Node { name, load: None });
            self.best(&every.iter().copied().chain(added).collect::<Vec<_>>()).is_some()
        };
        let single: Vec<String> = wanted
            .iter()
            .filter(|(_, name)| helps(&[name]))
            .map(|(wanted, _)| self.describe(wanted))
            .collect();
        if !single.is_empty() {
            return Some(format!("add {} to the library", single.join(", or ")));
        }
        let mut pairs = wanted
            .iter()
            .enumerate()
            .flat_map(|(at, first)| wanted[at + 1..].iter().map(move |second| (first, second)));
        let (first, second) = pairs.find(|(first, second)| helps(&[&first.1, &second.1]))?;
        Some(format!("add {} and {} to the library", self.describe(&first.0), self.describe(&second.0)))
    }

    /// The loads that rules and floors speak of, none of them below a floor of this hardware.
    fn wanted(&self) -> Vec<Wanted> {
        let hops = self
            .catalog
            .hops
            .iter()
            .filter(|rule| rule.direction().is_none_or(|direction| direction == self.query.direction));
        let ends = hops.flat_map(|rule| {
            let from = Wanted { kind: rule.from, min: rule.from_min.clone(), below: rule.from_below.clone() };
            [from, Wanted { kind: rule.to, min: rule.to_min.clone(), below: None }]
        });
        let leaving = self.catalog.floors_of(self.query.hardware()).filter(|floor| floor.leaving);
        let kind = |side| match side {
            Side::Enterprise => Kind::Enterprise,
            Side::Multiplatform => Kind::Multiplatform,
        };
        let leaving =
            leaving.map(|floor| Wanted { kind: kind(floor.side), min: Some(floor.min.clone()), below: None });
        let mut wanted: Vec<Wanted> = Vec::new();
        for end in ends.chain(leaving).map(|end| self.above_floors(end)) {
            let transition = matches!(end.kind, Kind::Transition(_));
            let known = wanted.iter().any(|known| known.kind == end.kind && known.min == end.min);
            if !known && (transition || end.min.is_some()) && !end.is_empty() {
                wanted.push(end);
            }
        }
        wanted
    }

    /// The same of what this hardware takes. Where its version is not known, what every version takes.
    fn above_floors(&self, wanted: Wanted) -> Wanted {
        let floors = self.catalog.floors_of(self.query.hardware()).filter(|floor| !floor.leaving);
        let floors = floors.filter(|floor| floor.side == wanted.kind.side()).map(|floor| floor.min.clone());
        let min = floors.chain(wanted.min.clone()).max();
        Wanted { min, ..wanted }
    }

    /// A name for a load that may not exist, to plan with.
    fn example(&self, wanted: &Wanted) -> Option<LoadName> {
        // Every transition load known is of 11.2(3).
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

    fn describe(&self, wanted: &Wanted) -> String {
        let fits = |load: &&known::Load| {
            load.kind == wanted.kind
                && wanted.min.as_ref().is_none_or(|min| load.version.at_least(min))
                && wanted.below.as_ref().is_none_or(|below| !load.version.at_least(below))
        };
        let sample = known::loads().iter().filter(fits).find_map(|load| load.of(self.family));
        let sample = sample
            .map(|name| format!(" (such as {name}, from {})", package::likely_name(name)))
            .unwrap_or_default();
        let article = if wanted.kind == Kind::Enterprise { "an" } else { "a" };
        let bounds = bounds(wanted.min.as_ref(), wanted.below.as_ref());
        format!("{article} {} load{bounds}{sample}", wanted.kind)
    }
}

/// Who says that a floor is there, and since when.
fn cited(floor: &Floor) -> String {
    format!("{}, {}", floor.certainty.cited(&floor.source), floor.date)
}

fn damaged(name: &LoadName, load: &Load) -> NoRoute {
    let packages: BTreeSet<String> =
        load.damaged.iter().map(|(file, _)| load.package_of(name, file)).collect();
    let packages: Vec<String> = packages.into_iter().collect();
    let what: Vec<String> = load.damaged.iter().map(|(file, what)| format!("{file} ({what})")).collect();
    NoRoute {
        code: NoRouteCode::FirmwareDamaged,
        cause: format!("{name} is damaged: {}", what.join(", ")),
        cure: format!("import {} again", packages.join(" and ")),
        missing: load.damaged.iter().map(|(file, _)| file.clone()).collect(),
    }
}

/// ` of 12.5(1) or later, below 14.1(0)`, with what there is of it.
fn bounds(min: Option<&Version>, below: Option<&Version>) -> String {
    match (min, below) {
        (Some(min), Some(below)) => format!(" of {min} or later, below {below}"),
        (Some(min), None) => format!(" of {min} or later"),
        (None, Some(below)) => format!(" below {below}"),
        (None, None) => String::new(),
    }
}
