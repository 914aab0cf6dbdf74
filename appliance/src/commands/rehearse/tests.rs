use std::time::Duration;

use transload_pace::Pace;
use transload_provision::catalog::Catalog;
use transload_provision::hold::HoldCode;
use transload_provision::mac::Mac;

use super::folder::Firmware;
use super::show::{Ending, ScenarioSummary};
use super::*;
use crate::runtime::appliance::PreparedAppliance;

fn config(state: &Path) -> Config {
    let mut config = Config::parse("", Path::new("none")).unwrap();
    config.bench.state = state.to_owned();
    config
}

fn asked(scenario: &str) -> Result<Vec<String>, Exit> {
    let options = RehearseArgs { scenario: Some(scenario.to_owned()), ..RehearseArgs::default() };
    let config = config(Path::new("/nowhere"));
    let names = |scenarios: Vec<Scenario>| scenarios.iter().map(Scenario::to_string).collect();
    scenarios(&config, &options).map(names).map_err(|failure| failure.exit)
}

#[test]
fn the_six_scenarios_are_known_by_name() {
    let names = [
        "e2m/call-manager/cda",
        "e2m/call-manager/dhcp",
        "e2m/dhcp/cda",
        "e2m/dhcp/dhcp",
        "m2e/cda",
        "m2e/dhcp",
    ];
    assert_eq!(asked("all"), Ok(names.map(str::to_owned).to_vec()));
    for name in names {
        assert_eq!(asked(name), Ok(vec![name.to_owned()]));
    }
    for wrong in ["e2m", "m2e/call-manager/dhcp", ""] {
        assert_eq!(asked(wrong), Err(Exit::Usage), "{wrong}");
    }
}

#[test]
fn the_users_firmware_and_licenses_are_used_and_nothing_is_left_behind() {
    let state = tempfile::tempdir().unwrap();
    let listing = |path: &Path| -> Vec<_> {
        let mut names: Vec<_> =
            std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let firmware = state.path().join("firmware/as/unpacked");
    lookalike::firmware(&firmware, "sip7832.14-4-1-0301-6", 4000).unwrap();
    let mac: Mac = "0012.34ab.45de".parse().unwrap();
    let licenses = state.path().join("licenses/e2m");
    std::fs::create_dir_all(&licenses).unwrap();
    std::fs::write(licenses.join(format!("{mac}.lic")), "anything").unwrap();
    let before = listing(state.path());
    let folder = RehearsalFolder::make(state.path(), lookalike::SMALL).unwrap();
    assert!(folder.own_firmware && folder.own_licenses);
    let loads: Vec<String> = folder.firmware().unwrap().loads.keys().map(ToString::to_string).collect();
    assert_eq!(loads, ["sip7832.14-4-1-0301-6"]);
    assert_eq!(folder.licensed(Direction::E2m).unwrap().into_iter().collect::<Vec<_>>(), [mac]);
    assert!(folder.licensed(Direction::M2e).unwrap().is_empty());
    drop(folder);
    assert_eq!(listing(state.path()), before);
}

#[test]
fn a_load_with_a_component_missing_does_not_count() {
    let state = tempfile::tempdir().unwrap();
    let folder = RehearsalFolder::make(state.path(), lookalike::SMALL).unwrap();
    let count = folder.firmware().unwrap().loads.len();
    let component = folder.path().join("firmware").join("kern288xx.12-5-1SR1-4.sbn");
    std::fs::remove_file(component).unwrap();
    let firmware = folder.firmware().unwrap();
    assert_eq!(firmware.loads.len(), count - 1);
    assert!(!firmware.loads.contains_key(&"sip88xx.12-5-1SR1-4".parse().unwrap()));
}

fn seed_firmware() -> (RehearsalFolder, Firmware) {
    let folder = RehearsalFolder::make(Path::new("/nowhere"), lookalike::SMALL).unwrap();
    let firmware = folder.firmware().unwrap();
    (folder, firmware)
}

#[test]
fn every_model_of_the_procedure_can_reach_the_target_and_the_others_cannot() {
    let (_folder, firmware) = seed_firmware();
    for direction in [Direction::E2m, Direction::M2e] {
        let players = lineup::made_up(None, direction, &Catalog::current(), &firmware);
        for player in &players {
            let ineligible =
                matches!((player.spec.model.as_str(), player.spec.vid), ("8821" | "8831", _) | ("7821", 1));
            assert_eq!(
                outcome::can_reach(player, direction, &firmware, true),
                !ineligible,
                "{:?}",
                player.spec
            );
            assert!(!outcome::can_reach(player, direction, &firmware, false));
        }
        let eligible = if direction == Direction::E2m { players.len() - 3 } else { players.len() };
        assert_eq!(eligible, 12);
    }
}

#[test]
fn newer_hardware_cannot_take_the_loads_of_2019() {
    let (_folder, firmware) = seed_firmware();
    let mut players = lineup::made_up(None, Direction::E2m, &Catalog::current(), &firmware);
    let player = players.iter_mut().find(|player| player.spec.model == "8851").unwrap();
    player.spec.vid = 15;
    assert!(!outcome::can_reach(player, Direction::E2m, &firmware, true));
}

#[test]
fn so_many_phones_as_asked_for_with_addresses_of_their_own() {
    let (_folder, firmware) = seed_firmware();
    for count in [1, 12, 14, 15, 100] {
        let players = lineup::made_up(Some(count), Direction::E2m, &Catalog::current(), &firmware);
        let macs: std::collections::BTreeSet<_> = players.iter().map(|player| player.spec.mac).collect();
        assert_eq!((players.len(), macs.len()), (count, count));
    }
}

async fn performed(config: &Config, scenario: &str, roster: Option<&str>) -> Performance {
    let folder = tempfile::tempdir().unwrap();
    let roster = roster.map(|text| {
        let path = folder.path().join("roster.csv");
        std::fs::write(&path, text).unwrap();
        path
    });
    let scenario = all().into_iter().find(|known| known.to_string() == scenario).unwrap();
    let options = RehearseArgs { roster, json: true, ..RehearseArgs::default() };
    told(run(config, scenario, &options).await)
}

/// Prints journals if something is wrong.
fn told(performance: Result<Performance, Failure>) -> Performance {
    let performance = performance.unwrap();
    tell(&performance, true).unwrap();
    performance
}

/// The holds, each with its phone's model.
fn holds(performance: &Performance) -> Vec<(&str, HoldCode)> {
    let hold =
        |ending: &Ending| ending.view.as_ref().and_then(|view| view.hold.as_ref()).map(|hold| hold.code);
    let endings = performance.endings.iter();
    endings.filter_map(|ending| Some((ending.player.spec.model.as_str(), hold(ending)?))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_model_walks_there_and_back_and_the_ineligible_stay() {
    let nothing = tempfile::tempdir().unwrap();
    let there = performed(&config(nothing.path()), "e2m/dhcp/dhcp", None).await;
    assert_eq!(there.summary.failures, Vec::<String>::new());
    assert_eq!((there.summary.phones, there.summary.done, there.summary.held), (15, 12, 3));
    let not_eligible = ["8821", "8831", "7821"].map(|model| (model, HoldCode::NotEligible));
    assert_eq!(holds(&there), not_eligible);
    assert!(there.endings[..12].iter().all(|ending| ending.state.hops.len() == 3));
    let back = performed(&config(nothing.path()), "m2e/dhcp", None).await;
    assert_eq!(back.summary.failures, Vec::<String>::new());
    assert_eq!((back.summary.phones, back.summary.done), (12, 12));
}

fn direct_firmware(state: &Path) {
    for family in ["sip88xx", "sip8845_65", "sip7832"] {
        for version in lookalike::DIRECT_VERSIONS {
            lookalike::firmware(&state.join("firmware"), &format!("{family}.{version}"), 20_000).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_component_and_a_missing_license_hold_just_the_phones_that_need_them() {
    let state = tempfile::tempdir().unwrap();
    direct_firmware(state.path());
    std::fs::remove_file(state.path().join("firmware/rootfs27832.12-0-7MPP0201-66.sbn")).unwrap();
    let licenses = state.path().join("licenses/e2m");
    std::fs::create_dir_all(&licenses).unwrap();
    for mac in ["00562B100001", "00562B100002", "00562B100004"] {
        let mac: Mac = mac.parse().unwrap();
        std::fs::write(licenses.join(format!("{mac}.lic")), lookalike::license(Direction::E2m, mac)).unwrap();
    }
    let roster = "MAC;model;vid;load\n\
        00562B100001;8851;V15;sip88xx.12-5-1SR1-4\n\
        00562B100002;8845;V05;sip8845_65.14-4-1-0301-6\n\
        00562B100003;8861;V05;sip88xx.12-5-1SR1-4\n\
        00562B100004;7832;V05;sip7832.12-5-1SR1-4\n";
    let mut config = config(state.path());
    config.timing.license = Duration::from_secs(5 * 60);
    let performance = performed(&config, "e2m/dhcp/dhcp", Some(roster)).await;
    assert_eq!(performance.summary.failures, Vec::<String>::new());
    assert_eq!(holds(&performance), [("8861", HoldCode::NoLicense), ("7832", HoldCode::FirmwareMissing)]);
    let loads: Vec<&str> =
        performance.endings.iter().map(|ending| ending.state.memory.load.as_str()).collect();
    let expected = [
        "sip88xx.12-0-7MPP0201-66",
        "sip8845_65.12-0-7MPP0201-66",
        "sip88xx.12-5-1SR1-4",
        "sip7832.12-5-1SR1-4",
    ];
    assert_eq!(loads, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_go_back_directly_where_firmware_allows() {
    let state = tempfile::tempdir().unwrap();
    direct_firmware(state.path());
    let roster = "MAC,model,vid,load\n\
        00562B100001,8851,V15,sip88xx.12-0-7MPP0201-66\n\
        00562B100002,8865,V05,sip8845_65.11-3-1MSR3-3\n";
    let performance = performed(&config(state.path()), "m2e/dhcp", Some(roster)).await;
    assert_eq!(performance.summary.failures, Vec::<String>::new());
    assert_eq!(performance.summary.done, 2);
    let hops: Vec<usize> = performance.endings.iter().map(|ending| ending.state.hops.len()).collect();
    assert_eq!(hops, [1, 2], "the second one is below 11.3(5)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_found_half_way_go_on_from_there() {
    use transload_phone::Registers::{Never, Tcp, Udp};
    let folder = RehearsalFolder::make(Path::new("/nowhere"), lookalike::SMALL).unwrap();
    let firmware = folder.firmware().unwrap();
    let mut players = lineup::made_up(Some(7), Direction::E2m, &Catalog::current(), &firmware);
    let starts = [
        ("12-5-1SR1-4", Tcp, false),
        ("TLexE2M-11-2-3C-4", Tcp, false),
        ("12-1-1SR1-4", Udp, false),
        ("12-5-1SR1-4", Udp, false),
        ("12-5-1SR1-4", Tcp, false),
        ("12-5-1SR1-4", Never, false),
        ("12-5-1SR1-4", Tcp, true),
    ];
    for (player, (start, registers, refuses)) in players.iter_mut().zip(starts) {
        player.spec.load = format!("{}.{start}", player.spec.load.family()).parse().unwrap();
        let quirks = &mut player.spec.quirks;
        (quirks.registers, quirks.refuses_restart) = (registers, refuses);
        quirks.old_alarm = start.starts_with("12-1");
    }
    folder.license(Direction::E2m, players.iter().map(|player| player.spec.mac)).unwrap();
    let scenario = all().into_iter().find(|known| known.to_string() == "e2m/dhcp/dhcp").unwrap();
    let config = loopback::configuration(&config(folder.path()), scenario, folder.path());
    let performance = told(perform(&config, None, &folder, players, Pace::patient(60), None).await);
    assert_eq!(performance.summary.failures, Vec::<String>::new());
    let hops: Vec<usize> = performance.endings.iter().map(|ending| ending.state.hops.len()).collect();
    assert_eq!(hops, [2, 1, 3, 2, 2, 2, 2]);
    let restarts: Vec<u32> = performance.endings.iter().map(|ending| ending.restarts).collect();
    assert_eq!(
        restarts,
        [0, 0, 0, 0, 0, 1, 1],
        "who runs the first load already is told to read on, or needs a hand"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phones_own_page_tells_the_hardware_that_the_roster_does_not() {
    use transload_phone::PageQuirk::{Off, Whole, WithoutUdi};
    let folder = RehearsalFolder::make(Path::new("/nowhere"), lookalike::SMALL).unwrap();
    let firmware = folder.firmware().unwrap();
    let mut players = lineup::made_up(Some(12), Direction::E2m, &Catalog::current(), &firmware);
    players.retain(|player| ["7841", "8841", "8851", "8861", "8811"].contains(&player.spec.model.as_str()));
    for (player, (page, vid)) in
        players.iter_mut().zip([(Whole, 5), (Off, 5), (Whole, 5), (WithoutUdi, 5), (Whole, 15)])
    {
        player.listed_vid = None;
        player.spec.vid = vid;
        player.spec.quirks.page = page;
    }
    // The phone already runs the load after its first hop, and only its page shows it.
    players[2].spec.load = "sip88xx.12-5-1SR1-4".parse().unwrap();
    folder.license(Direction::E2m, players.iter().map(|player| player.spec.mac)).unwrap();
    let scenario = all().into_iter().find(|known| known.to_string() == "e2m/dhcp/dhcp").unwrap();
    let config = loopback::configuration(&config(folder.path()), scenario, folder.path());
    let performance = told(perform(&config, None, &folder, players, Pace::patient(60), None).await);
    assert_eq!(performance.summary.failures, Vec::<String>::new());
    let ends: Vec<_> = performance
        .endings
        .iter()
        .map(|ending| {
            let view = ending.view.as_ref().unwrap();
            (ending.player.spec.vid, view.vid.as_deref(), view.hold.as_ref().map(|hold| hold.code))
        })
        .collect();
    let expected = [
        (5, Some("V05"), None),
        (5, None, Some(HoldCode::UnknownVid)),
        (5, Some("V05"), None),
        (5, None, Some(HoldCode::UnknownVid)),
        (15, Some("V15"), Some(HoldCode::NoRoute)),
    ];
    assert_eq!(ends, expected);
    let refused = performance.endings[4].view.as_ref().and_then(|view| view.hold.as_ref()).unwrap();
    assert!(refused.cause.contains("V15") && refused.cause.contains("11.3(3)"), "{refused:?}");
    let serial = performance.endings[0].view.as_ref().unwrap().serial.clone();
    assert_eq!(serial.as_ref(), Some(&performance.endings[0].player.spec.serial));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_others_steer_the_operator_does_what_is_asked_for_and_every_phone_arrives() {
    let state = tempfile::tempdir().unwrap();
    let config = config(state.path());
    // One phone is not confirmed to CDA before it waits; one runs a later load, which the roster names.
    let roster = "MAC,model,vid,load,cda\n00562B000001,8851,V05,,yes\n00562B000002,7841,V05,,\n\
                  00562B000003,8865,V05,sip8845_65.12-5-1SR1-4,yes\n00562B000004,8821,V05,,\n";
    let performance = performed(&config, "e2m/call-manager/cda", Some(roster)).await;
    let ScenarioSummary { done, held, failures, .. } = &performance.summary;
    assert_eq!((*done, *held, failures.is_empty()), (3, 1, true), "{failures:?}");
    for phone in &performance.phones[..3] {
        let journal = phone.journal.to_string();
        // Every document came from outside.
        assert!(
            journal.contains("call manager 127.0.0.2") && journal.contains("redirection service: "),
            "{journal}"
        );
        assert!(!journal.contains("6970/SEP") && !journal.contains("3PCC.xml"), "{journal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roster_that_changes_while_the_appliance_starts_counts() {
    let state = tempfile::tempdir().unwrap();
    let folder = RehearsalFolder::make(state.path(), lookalike::SMALL).unwrap();
    let config = loopback::configuration(&config(state.path()), all().remove(3), folder.path());
    let place = loopback::place(config.registrar.enabled, None);
    std::fs::write(folder.path().join(state_folder::ROSTER), "MAC,model\n001234AB45DE,8851\n").unwrap();
    let opened = PreparedAppliance::read(&config, &place, &Pace::system()).unwrap();
    std::fs::write(folder.path().join(state_folder::ROSTER), "MAC,model,cda\n001234AB45DE,8851,yes\n")
        .unwrap();
    let appliance = opened.serve(&config, place, &[true]).await.unwrap();
    let told = async {
        while !appliance.bench.roster().iter().all(|entry| entry.cda) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("it was read again");
    appliance.stop().await;
}
