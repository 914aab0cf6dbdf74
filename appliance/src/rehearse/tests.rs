use transload_provision::catalog::Catalog;

use super::*;
use crate::rehearse::folder::Firmware;

fn config(state: &Path) -> Config {
    let mut config = Config::parse("", Path::new("none")).unwrap();
    config.bench.state = state.to_owned();
    config
}

fn asked(scenario: &str) -> Result<Vec<String>, Exit> {
    let options = RehearseArgs {
        scenario: Some(scenario.to_owned()),
        ..RehearseArgs::default()
    };
    let config = config(Path::new("/nowhere"));
    let names = |scenarios: Vec<Scenario>| scenarios.iter().map(Scenario::to_string).collect();
    scenarios(&config, &options)
        .map(names)
        .map_err(|failure| failure.exit)
}

#[test]
fn what_is_not_carried_or_no_scenario_is_wrong_use() {
    assert_eq!(
        asked("all"),
        Ok(vec!["e2m/dhcp/dhcp".to_owned(), "m2e/dhcp".to_owned()])
    );
    assert_eq!(asked("m2e/dhcp"), Ok(vec!["m2e/dhcp".to_owned()]));
    for wrong in ["e2m/call-manager/cda", "m2e/cda", "e2m", ""] {
        assert_eq!(asked(wrong), Err(Exit::Usage), "{wrong}");
    }
}

#[test]
fn the_users_firmware_and_licenses_are_used_and_nothing_is_left_behind() {
    let state = tempfile::tempdir().unwrap();
    let listing = |path: &Path| -> Vec<_> {
        let mut names: Vec<_> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
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
    let folder = Folder::make(state.path()).unwrap();
    assert!(folder.own_firmware && folder.own_licenses);
    let loads: Vec<String> = folder
        .firmware()
        .unwrap()
        .loads
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(loads, ["sip7832.14-4-1-0301-6"]);
    assert_eq!(
        folder
            .licensed(Direction::E2m)
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        [mac]
    );
    assert!(folder.licensed(Direction::M2e).unwrap().is_empty());
    drop(folder);
    assert_eq!(listing(state.path()), before);
}

#[test]
fn a_load_with_a_component_missing_does_not_count() {
    let state = tempfile::tempdir().unwrap();
    let folder = Folder::make(state.path()).unwrap();
    let count = folder.firmware().unwrap().loads.len();
    let component = folder.path().join("firmware").join("kern288xx.12-5-1SR1-4.sbn");
    std::fs::remove_file(component).unwrap();
    let firmware = folder.firmware().unwrap();
    assert_eq!(firmware.loads.len(), count - 1);
    assert!(
        !firmware
            .loads
            .contains_key(&"sip88xx.12-5-1SR1-4".parse().unwrap())
    );
}

fn seed_firmware() -> (Folder, Firmware) {
    let folder = Folder::make(Path::new("/nowhere")).unwrap();
    let firmware = folder.firmware().unwrap();
    (folder, firmware)
}

#[test]
fn every_model_of_the_procedure_can_reach_the_target_and_the_others_cannot() {
    let (_folder, firmware) = seed_firmware();
    for direction in [Direction::E2m, Direction::M2e] {
        let players = lineup::made_up(None, direction, &Catalog::current(), &firmware);
        for player in &players {
            let ineligible = matches!(
                (player.spec.model.as_str(), player.spec.vid),
                ("8821" | "8831", _) | ("7821", 1)
            );
            assert_eq!(
                outcome::can_reach(player, direction, &firmware, true),
                !ineligible,
                "{:?}",
                player.spec
            );
            assert!(!outcome::can_reach(player, direction, &firmware, false));
        }
        let eligible = if direction == Direction::E2m {
            players.len() - 3
        } else {
            players.len()
        };
        assert_eq!(eligible, 12);
    }
}

#[test]
fn newer_hardware_cannot_take_the_loads_of_2019() {
    let (_folder, firmware) = seed_firmware();
    let mut players = lineup::made_up(None, Direction::E2m, &Catalog::current(), &firmware);
    let player = players
        .iter_mut()
        .find(|player| player.spec.model == "8851")
        .unwrap();
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
