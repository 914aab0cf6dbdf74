//! Tests that a drill can fail: one phone differs from its description and breaks a rule.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use transload_phone::{FaultInjector, PageQuirk, Quirks};
use transload_provision::catalog::Vid;

use super::super::all;
use super::*;
use crate::commands::rehearse::lineup::Player;

/// The failures of a drill with a single phone.
async fn failures(spoil: fn(&mut Player), seed: u64) -> Vec<String> {
    drilled(spoil, seed).await.failures.into_iter().map(|(wrong, _)| wrong).collect()
}

/// A drill of a single changed phone, on the seed's path with DHCP on both sides.
async fn drilled(spoil: fn(&mut Player), seed: u64) -> Drilled {
    let config = Config::parse("", Path::new("none.toml")).unwrap();
    let template = RehearsalFolder::make(&config.bench.state, ROOTFS).unwrap();
    let scenario = all().into_iter().find(|scenario| scenario.to_string() == "e2m/dhcp/dhcp").unwrap();
    let rng = fastrand::Rng::with_seed(seed);
    let plan = Plan { seed, rng, scenario, phones: 1, speed: 120, proceeds: false, spoil };
    run::run(&config, &template, plan).await.unwrap()
}

/// An 8851 on the load before the crossing.
fn ready(player: &mut Player) {
    player.spec.model = "8851".to_owned();
    player.spec.id = 684;
    player.spec.pn = "CP-8851-3PCC".to_owned();
    player.spec.psn = "8851-3PCC".to_owned();
    player.spec.platform = "PLATFORM_1".to_owned();
    player.spec.vid = 5;
    player.listed_vid = Some(Vid(5));
    player.spec.load = "sip88xx.12-5-1SR1-4".parse().unwrap();
    player.spec.quirks.trust_list = false;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_label_lies_is_led_where_its_hardware_cannot_go_and_the_drill_names_the_rule() {
    let spoil = |player: &mut Player| {
        ready(player);
        player.spec.vid = 15;
        player.spec.quirks.page = PageQuirk::Off;
    };
    let failures = failures(spoil, 1).await;
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(
        failure.contains("8851") && failure.contains("V15 and later need Multiplatform 11.3(3)"),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_phone_with_a_true_label_comes_through_or_is_held() {
    assert_eq!(failures(ready, 1).await, Vec::<String>::new());
}

/// Every request of the phone takes twelve simulated seconds.
fn slow(player: &mut Player) {
    ready(player);
    player.spec.quirks.faults.delay(Duration::from_millis(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_slow_machine_a_drill_comes_to_the_same_end() {
    let (fast, slow) = tokio::join!(drilled(ready, 1), drilled(slow, 1));
    assert_eq!((&fast.failures, fast.done), (&Vec::new(), 1));
    assert_eq!((slow.failures, slow.done), (fast.failures, fast.done));
}

#[test]
fn every_fact_that_is_not_known_is_run_every_way() {
    let config = Config::parse("", Path::new("none.toml")).unwrap();
    let folder = RehearsalFolder::make(&config.bench.state, ROOTFS).unwrap();
    let (firmware, catalog) =
        (folder.firmware().unwrap(), crate::state::state_folder::catalog(&config).unwrap());
    let cast = |seed| {
        let mut plan = plan(seed, &all(), &RehearseArgs::default(), &config);
        accidents::phones(&mut plan, 1, &catalog, &firmware, &FaultInjector::default()).draws
    };
    let draws: Vec<Draw> = (1..=100).flat_map(cast).collect();
    let ways = ways(&draws.iter().collect::<Vec<_>>());
    assert!(ways.len() >= 18, "{ways:?}");
    for (fact, ways) in ways {
        assert!(ways.len() >= 2 && ways.values().all(|phones| *phones >= 20), "{fact}: {ways:?}");
    }
}

#[test]
fn a_virtual_phone_is_unlike_for_each_way_that_is_open() {
    let rows = unknown::table().iter().filter(|row| row.tried.contains(&Tried::Rehearsal));
    let mut asked = 0;
    for row in rows {
        let key = row.key.as_deref().unwrap();
        let quirks = row.ways.iter().map(|way| {
            let mut quirks = Quirks::default();
            quirks.take(&Draw::new(|_| 0).with(key, way));
            format!("{quirks:?}")
        });
        let unlike: BTreeSet<String> = quirks.collect();
        assert_eq!(unlike.len(), row.ways.len(), "{key}: {:?} are not all told apart", row.ways);
        asked += 1;
    }
    assert!(asked >= 10, "only {asked} open questions are rehearsed");
}
