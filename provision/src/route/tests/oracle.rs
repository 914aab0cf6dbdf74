//! Tests the planner against an oracle that enumerates every route, with the guides' rules written a second time.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::load::Version;

const POOL: [&str; 15] = [
    "sip88xx.10-3-1-12",
    OLD,
    SEED,
    "sip88xx.12-8-1-0101-482",
    "sip88xx.14-0-1-0001-135",
    "sip88xx.14-2-1-0101-26",
    NEW,
    E2M,
    "sip88xx.TLexE2M-11-2-3C-12",
    M2E,
    "sip88xx.11-0-1MPP-150",
    MPP,
    "sip88xx.11-3-3MPP0103-381",
    "sip88xx.11-3-6MPP0001-273",
    NEW_MPP,
];

fn at_least(load: &LoadName, floor: (u16, u16, u16)) -> bool {
    let Version { major, minor, micro, .. } = *load.version();
    (major, minor, micro) >= floor
}

/// Cisco's rules for one hop; `None` as the first load: any load of the side.
fn legal(direction: Direction, from: Option<&LoadName>, side: Side, to: &LoadName) -> bool {
    use Kind::{Enterprise, Multiplatform, Transition};
    let e2m = direction == Direction::E2m;
    let Some(from) = from else {
        return match (side, to.kind()) {
            (Side::Enterprise, Enterprise) => true,
            (Side::Multiplatform, Multiplatform) => e2m,
            (Side::Multiplatform, Transition(Direction::M2e)) => !e2m,
            _ => false,
        };
    };
    match (from.kind(), to.kind()) {
        (Enterprise, Enterprise) | (Multiplatform, Multiplatform) => to.version() > from.version(),
        (Enterprise, Transition(Direction::E2m)) => {
            e2m && at_least(from, (12, 5, 1)) && !at_least(from, (14, 1, 0))
        }
        (Transition(Direction::E2m), Multiplatform) => e2m,
        (Enterprise, Multiplatform) => e2m && at_least(from, (14, 1, 0)) && at_least(to, (11, 3, 5)),
        (Multiplatform, Transition(Direction::M2e)) | (Transition(Direction::M2e), Enterprise) => !e2m,
        (Multiplatform, Enterprise) => !e2m && at_least(from, (11, 3, 5)),
        _ => false,
    }
}

/// True if a VID of the 8851 takes the load.
fn takes(vid: Vid, load: &LoadName) -> bool {
    match load.kind().side() {
        Side::Enterprise => vid < Vid(8) || at_least(load, (11, 7, 1)),
        Side::Multiplatform => vid < Vid(15) || at_least(load, (11, 3, 3)),
    }
}

fn suits_all(load: &LoadName) -> bool {
    (0..=30).all(|vid| takes(Vid(vid), load))
}

#[derive(Debug, Clone)]
struct RouteCase {
    /// Per name of the pool: 0 absent, 1 missing a file, 2 damaged, else complete, of so many bytes.
    states: Vec<u8>,
    /// An index into the pool, or past its end an unknown load of a side.
    present: usize,
    direction: Direction,
    vid: Option<Vid>,
    proceeds: bool,
}

fn world() -> impl Strategy<Value = RouteCase> {
    let states = proptest::collection::vec(prop_oneof![3 => Just(0u8), 1 => 1..3u8, 4 => 3..6u8], POOL.len());
    let vid =
        proptest::option::of(prop_oneof![Just(3u8), Just(8), Just(14), Just(15), Just(20)].prop_map(Vid));
    let direction = prop_oneof![Just(Direction::E2m), Just(Direction::M2e)];
    (states, 0..POOL.len() + 2, direction, vid, any::<bool>()).prop_map(
        |(states, present, direction, vid, proceeds)| RouteCase { states, present, direction, vid, proceeds },
    )
}

impl RouteCase {
    fn library(&self) -> Library {
        let mut library =
            library(&["sip78xx.12-5-1SR1-4", "sip78xx.TLexE2M-11-2-3C-4", "sip78xx.11-2-3MPP-398"]);
        for (name, state) in POOL.iter().zip(&self.states).filter(|(_, state)| **state > 0) {
            let mut entry = complete(name, u64::from(*state));
            match state {
                1 => entry.missing.push("kern.sbn".into()),
                2 => entry.damaged.push(("kern.sbn".into(), "it ends early".into())),
                _ => {}
            }
            library.loads.insert(load(name), entry);
        }
        library
    }

    fn usable(&self) -> Vec<LoadName> {
        let complete =
            POOL.iter().zip(&self.states).filter(|(_, state)| **state > 2).map(|(name, _)| load(name));
        complete.filter(|load| self.vid.is_none_or(|vid| takes(vid, load))).collect()
    }

    /// Every route without a detour to the target, as the loads after the present one.
    fn ways(
        &self,
        from: Option<&LoadName>,
        side: Side,
        target: &LoadName,
        left: &[LoadName],
        way: &mut Vec<LoadName>,
        found: &mut Vec<Vec<LoadName>>,
    ) {
        for (at, to) in left.iter().enumerate().filter(|(_, to)| legal(self.direction, from, side, to)) {
            way.push(to.clone());
            if to == target {
                found.push(way.clone());
            } else {
                let rest = [&left[..at], &left[at + 1..]].concat();
                self.ways(Some(to), side, target, &rest, way, found);
            }
            way.pop();
        }
    }

    /// Possible targets, newest first.
    fn targets<'l>(&self, usable: &'l [LoadName]) -> Vec<&'l LoadName> {
        let far = |load: &&LoadName| match self.direction {
            Direction::E2m => load.kind() == Kind::Multiplatform,
            Direction::M2e => load.kind() == Kind::Enterprise,
        };
        let mut targets: Vec<&LoadName> = usable.iter().filter(far).collect();
        targets.sort_by_key(|load| Reverse(load.version()));
        targets
    }

    /// Reachable targets, newest first.
    fn reachable(&self, from: Option<&LoadName>, side: Side) -> Vec<LoadName> {
        let usable = self.usable();
        let legal = |from, to| legal(self.direction, from, side, to);
        let mut found: Vec<&LoadName> = usable.iter().filter(|to| legal(from, to)).collect();
        let mut at = 0;
        while let Some(from) = found.get(at).copied() {
            let further: Vec<_> =
                usable.iter().filter(|to| legal(Some(from), to) && !found.contains(to)).collect();
            found.extend(further);
            at += 1;
        }
        let leads = |target: &&LoadName| from != Some(*target) && found.contains(target);
        self.targets(&usable).into_iter().filter(leads).cloned().collect()
    }

    fn bytes(&self, load: &LoadName) -> u64 {
        let at = POOL.iter().position(|name| *name == load.as_str()).unwrap();
        u64::from(self.states[at])
    }

    /// The expected answer: the loads after the present one, to the newest reachable target.
    fn answer(&self, from: Option<&LoadName>, side: Side) -> Option<Vec<LoadName>> {
        let last = match self.direction {
            Direction::E2m => Kind::Multiplatform,
            Direction::M2e => Kind::Enterprise,
        };
        let usable = self.usable();
        for target in self.targets(&usable) {
            if from == Some(target) {
                return Some(Vec::new());
            }
            let mut ways = Vec::new();
            self.ways(from, side, target, &usable, &mut Vec::new(), &mut ways);
            if self.vid.is_none() && !self.proceeds && ways.iter().any(|way| way.iter().all(suits_all)) {
                ways.retain(|way| way.iter().all(suits_all));
            }
            let best = ways.into_iter().min_by_key(|way| {
                let harmful = way.iter().filter(|load| self.vid.is_none() && !suits_all(load)).count();
                let transitions =
                    way.iter().filter(|load| matches!(load.kind(), Kind::Transition(_))).count();
                let bytes: u64 = way.iter().map(|load| self.bytes(load)).sum();
                let ages: Vec<_> = way.iter().map(|load| Reverse(load.version().clone())).collect();
                (way.len(), harmful, transitions, bytes, ages)
            });
            if best.is_some() {
                return best;
            }
        }
        from.filter(|from| from.kind() == last).map(|_| Vec::new())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The route has no forbidden hop, no incomplete load, and nothing below a floor. It exists if any does, and is
    /// the best of the shortest.
    #[test]
    fn the_planner_finds_what_trying_everything_finds(world in world()) {
        let present = POOL.get(world.present).map(|name| load(name));
        let side = if world.present == POOL.len() { Side::Enterprise } else { Side::Multiplatform };
        let phone = RoutedPhone {
            vid: world.vid,
            direction: world.direction,
            unknown_vid_proceeds: world.proceeds,
            ..E2M_8851()
        };
        let library = world.library();
        let asked = present.as_ref().map_or(Present::Unknown(side), Present::Load);
        let answer = world.answer(present.as_ref(), side);
        let others = phone.others(asked, &library);
        let chosen = answer.as_ref().and_then(|way| way.last());
        let mut left = world.reachable(present.as_ref(), side);
        left.retain(|target| Some(target) != chosen);
        prop_assert_eq!(others.iter().map(|other| other.target.clone()).collect::<Vec<_>>(), left);
        for other in others {
            let pin = Some(other.hops.iter().map(|hop| hop.to.clone()).collect());
            let pinned = RoutedPhone { pin, catalog: phone.catalog.clone(), ..phone };
            prop_assert_eq!(pinned.ask(asked, &library), Ok(other), "an alternative is what can be pinned");
        }
        match phone.ask(asked, &library) {
            Ok(route) => {
                let way: Vec<LoadName> = route.hops.iter().map(|hop| hop.to.clone()).collect();
                prop_assert_eq!(Some(&way), answer.as_ref());
                let mut from = present.as_ref();
                for hop in &route.hops {
                    prop_assert!(library.complete(&hop.to).is_some());
                    prop_assert!(legal(world.direction, from, side, &hop.to));
                    prop_assert!(world.vid.is_none_or(|vid| takes(vid, &hop.to)));
                    prop_assert_eq!(hop.safe_for_every_vid, world.vid.is_some() || suits_all(&hop.to));
                    prop_assert_eq!(hop.from.as_ref(), from);
                    prop_assert_eq!(hop.crosses, from.map_or(side, |load| load.kind().side()) != hop.to.kind().side());
                    from = Some(&hop.to);
                }
                prop_assert_eq!(Some(&route.target), from);
            }
            Err(hold) => {
                prop_assert_eq!(answer, None, "{}", hold);
                prop_assert!(!hold.cause().is_empty() && !hold.cure().is_empty());
            }
        }
    }
}
