//! The search: breadth first, so that the fewest hops win, and by cost within a layer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Hop, Planner, Present, Route, same};
use crate::library::Load;
use crate::load::{Kind, LoadName, Version};

/// A load that a route may use.
#[derive(Clone, Copy)]
pub(super) struct Node<'n> {
    pub name: &'n LoadName,
    /// `None` for a supposed load.
    pub load: Option<&'n Load>,
}

/// The order among equally short routes, compared field by field; less is better.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Cost<'n> {
    unsafe_hops: usize,
    transitions: usize,
    bytes: u64,
    age: Vec<Reverse<(&'n Version, &'n str)>>,
}

struct Path<'n> {
    cost: Cost<'n>,
    at: Present<'n>,
    hops: Vec<Hop>,
}

/// The hops that a search may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allow {
    /// Hops that every VID takes.
    SafeForEveryVid,
    /// Hops that the phone's hardware takes, as far as known.
    AboveFloors,
    /// All hops that a rule allows, to find out whether a floor is the obstacle.
    BelowFloorsToo,
}

impl<'a> Planner<'a> {
    /// The best route to the newest reachable load of the final kind.
    pub(super) fn best(&self, nodes: &[Node<'_>]) -> Option<Route> {
        self.targets(nodes).into_iter().find_map(|target| self.best_to(nodes, target))
    }

    /// The best route to one load.
    pub(super) fn best_to(&self, nodes: &[Node<'_>], target: &LoadName) -> Option<Route> {
        let careful = self.query.vid.is_none() && !self.query.unknown_vid_proceeds;
        let safe = careful.then(|| self.shortest(nodes, target, Allow::SafeForEveryVid)).flatten();
        let hops = safe.or_else(|| self.shortest(nodes, target, Allow::AboveFloors))?;
        Some(Route { hops, target: target.clone() })
    }

    /// Loads of the final kind, newest first.
    pub(super) fn targets<'n>(&self, nodes: &[Node<'n>]) -> Vec<&'n LoadName> {
        let kind = self.query.direction.final_kind();
        let mut targets: Vec<&LoadName> =
            nodes.iter().map(|node| node.name).filter(|name| name.kind() == kind).collect();
        targets.sort_by_key(|name| Reverse((name.version(), name.as_str())));
        targets
    }

    /// The best of the shortest routes to one load.
    pub(super) fn shortest<'n>(&self, nodes: &[Node<'n>], target: &LoadName, allow: Allow) -> Option<Vec<Hop>>
    where
        'a: 'n,
    {
        let start = self.query.present;
        if matches!(start, Present::Load(load) if same(load, target)) {
            return Some(Vec::new());
        }
        let mut seen: BTreeSet<&LoadName> = BTreeSet::new();
        let mut layer = vec![Path { cost: Cost::default(), at: start, hops: Vec::new() }];
        while !layer.is_empty() {
            let mut next: BTreeMap<&LoadName, Path> = BTreeMap::new();
            for path in &layer {
                for node in nodes.iter().filter(|node| !seen.contains(node.name)) {
                    let Some(hop) = self.step(path.at, node.name, allow != Allow::BelowFloorsToo) else {
                        continue;
                    };
                    if allow == Allow::SafeForEveryVid && !hop.safe_for_every_vid {
                        continue;
                    }
                    let cost = path.cost.with(&hop, node);
                    if next.get(node.name).is_none_or(|known| cost < known.cost) {
                        let hops = path.hops.iter().cloned().chain([hop]).collect();
                        next.insert(node.name, Path { cost, at: Present::Load(node.name), hops });
                    }
                }
            }
            if let Some(found) = next.remove(target) {
                return Some(found.hops);
            }
            seen.extend(next.keys());
            layer = next.into_values().collect();
        }
        None
    }
}

impl<'n> Cost<'n> {
    fn with(&self, hop: &Hop, node: &Node<'n>) -> Self {
        let mut cost = self.clone();
        cost.unsafe_hops += usize::from(!hop.safe_for_every_vid);
        cost.transitions += usize::from(matches!(node.name.kind(), Kind::Transition(_)));
        cost.bytes = cost.bytes.saturating_add(node.load.map_or(0, Load::bytes));
        cost.age.push(Reverse((node.name.version(), node.name.as_str())));
        cost
    }
}
