//! Tests routes by hand-made cases and against an oracle that tries every route.

use super::*;
use crate::hold::{HoldCode, HoldReason};
use crate::library::Platform;

mod cases;
mod floors;
mod oracle;
mod pins;

const OLD: &str = "sip88xx.11-7-1-17";
const SEED: &str = "sip88xx.12-5-1SR1-4";
const NEW: &str = "sip88xx.14-4-1-0301-6";
const E2M: &str = "sip88xx.TLexE2M-11-2-3C-4";
const M2E: &str = "sip88xx.TLexM2E-11-2-3C-4";
const MPP: &str = "sip88xx.11-2-3MPP-398";
const NEW_MPP: &str = "sip88xx.12-0-7MPP0201-66";

fn load(name: &str) -> LoadName {
    name.parse().unwrap()
}

/// A complete load of `bytes` bytes.
fn complete(name: &str, bytes: u64) -> Load {
    let component = format!("rootfs.{name}.sbn");
    Load {
        sizes: [(component.clone(), bytes)].into(),
        platforms: vec![Platform { name: "PLATFORM_1".into(), components: vec![component] }],
        ..Load::default()
    }
}

fn library(names: &[&str]) -> Library {
    let loads = names.iter().map(|name| (load(name), complete(name, 1000))).collect();
    Library { loads, ..Library::default() }
}

/// A phone to plan for; fields that a test ignores are as at first contact.
struct RoutedPhone {
    catalog: Catalog,
    model: &'static str,
    vid: Option<Vid>,
    born: Option<Side>,
    direction: Direction,
    pin: Option<Vec<LoadName>>,
    unknown_vid_proceeds: bool,
}

const E2M_8851: fn() -> RoutedPhone = || RoutedPhone {
    catalog: Catalog::current(),
    model: "8851",
    vid: Some(Vid(5)),
    born: None,
    direction: Direction::E2m,
    pin: None,
    unknown_vid_proceeds: false,
};

const M2E_8851: fn() -> RoutedPhone = || RoutedPhone { direction: Direction::M2e, ..E2M_8851() };

impl RoutedPhone {
    fn query<'a>(&'a self, present: Present<'a>) -> Query<'a> {
        Query {
            model: self.catalog.model(self.model).unwrap(),
            vid: self.vid,
            born: self.born,
            present,
            direction: self.direction,
            pin: self.pin.as_deref(),
            unknown_vid_proceeds: self.unknown_vid_proceeds,
        }
    }

    fn ask(&self, present: Present<'_>, library: &Library) -> Result<Route, Hold> {
        plan(&self.query(present), &self.catalog, library)
    }

    fn others(&self, present: Present<'_>, library: &Library) -> Vec<Route> {
        alternatives(&self.query(present), &self.catalog, library)
    }

    /// The loads of the route, by name.
    fn way(&self, present: Present<'_>, names: &[&str]) -> Vec<String> {
        let route = self.ask(present, &library(names)).unwrap();
        if let Some(last) = route.hops.last() {
            assert_eq!(last.to, route.target);
        }
        route.hops.into_iter().map(|hop| hop.to.to_string()).collect()
    }

    fn way_from(&self, present: &str, names: &[&str]) -> Vec<String> {
        self.way(Present::Load(&load(present)), names)
    }

    fn refusal(&self, present: &str, names: &[&str]) -> Hold {
        self.ask(Present::Load(&load(present)), &library(names)).unwrap_err()
    }
}
