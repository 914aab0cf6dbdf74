//! Rosters in every format.

use super::*;
use crate::state::inventory::books;

fn phones() -> Vec<(&'static str, Vec<Vec<books::CellValue>>)> {
    let row = |cells: &[&str]| -> Vec<books::CellValue> {
        cells.iter().map(|cell| books::CellValue::Text((*cell).to_owned())).collect()
    };
    let list = vec![row(&["MAC", "Model", "Extension"]), row(&[MAC, "8851", "4711"])];
    vec![("Cover", vec![row(&["Phones"])]), ("List", list)]
}

#[test]
fn rosters_come_in_any_form_whatever_they_are_called() {
    let book = books::xlsx(&phones());
    let text = "Name\tProduct\nSEP001234AB45DE\tCisco 8851\n";
    let utf16: Vec<u8> =
        [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    for (name, content) in [
        ("phones.xlsx", book.clone()),
        ("phones.csv", book.clone()),
        ("phones", book.clone()),
        ("phones.zip", book.clone()),
        ("phones.ods", books::ods(&phones())),
        ("phones.xls", utf16.clone()),
        ("export.txt", b"MAC Address/Device Name,Device Type\nSEP001234AB45DE,Cisco 8851\n".to_vec()),
        ("export.dat", b"macAddress|deviceType\n001234AB45DE|8851\n".to_vec()),
        ("report.zip", zip(&[("exported devices.csv", &utf16[..]), ("notes.txt", b"x")])),
        ("books.zip", zip(&[("phones.xlsx", &book[..])])),
    ] {
        let here = ImportSite::new();
        let report = here.import([here.deliver(name, &content)]);
        let entries = crate::state::state_folder::roster(&here.state()).unwrap().entries;
        let macs: Vec<String> = entries.iter().map(|entry| entry.mac.to_string()).collect();
        assert_eq!(macs, [MAC], "{name}: {report:?}");
        assert!(!report.trouble(), "{name}: {report:?}");
        let told = report.lines.iter().find(|line| line.verdict == ImportVerdict::New).unwrap();
        assert!(told.file.ends_with(MAC), "{name}: {told:?}");
    }
}

#[test]
fn what_a_workbook_leaves_out_is_said_by_sheet_and_line() {
    let here = ImportSite::new();
    let report = here.import([here.deliver("phones.xlsx", &books::xlsx(&phones()))]);
    let said: Vec<(&str, ImportVerdict)> =
        report.lines.iter().map(|line| (line.file.as_str(), line.verdict)).collect();
    assert_eq!(
        said,
        [
            ("sheet \"List\", line 2, 001234AB45DE", ImportVerdict::New),
            ("sheet \"Cover\"", ImportVerdict::Skipped),
            ("sheet \"List\", line 1", ImportVerdict::Skipped),
        ]
    );
    let roster = fs::read_to_string(here.state().join("roster.csv")).unwrap();
    assert_eq!(roster, "MAC,Model,Extension\n001234AB45DE,8851,4711\n");
}

#[test]
fn what_lists_no_phone_is_no_success() {
    let devices = b"Device Name,Device Type\nCSFJDOE,Cisco Unified Client Services Framework\n";
    let sheet = vec![("Cover", vec![vec![books::CellValue::Text("Hello".into())]])];
    for (name, content) in [
        ("a.xlsx", books::xlsx(&sheet)),
        ("a.csv", devices.to_vec()),
        ("a.txt", b"Read me first.\n".to_vec()),
        ("a.xls", b"<html><table>".to_vec()),
        ("b.csv", b"model,vid\n8851,V05\n".to_vec()),
    ] {
        let here = ImportSite::new();
        let report = here.import([here.deliver(name, &content)]);
        assert!(report.trouble(), "{name}: {report:?}");
        assert!(verdicts(&report).contains(&ImportVerdict::Refused), "{name}: {report:?}");
        assert!(!here.state().join("roster.csv").exists(), "{name}");
    }
    // Beside a useful file, a text without phones needs no action.
    let here = ImportSite::new();
    here.deliver("READ ME.txt", b"Read me first.\n");
    here.deliver("list.csv", b"mac\n001234AB45DE\n");
    assert!(!here.import([here.folder.path().join("in")]).trouble());
}

#[test]
fn an_export_is_merged_by_meaning_and_loses_nothing() {
    let here = ImportSite::new();
    here.import([here.deliver("a.csv", b"MAC,model,location\n001234AB45DE,8851,Room 1\n")]);
    let export = "Name\tProduct ID\tActiveLoadID\tHardwareRevision\tIPAddress\tSwitch\n\
        SEP001234AB45DE\tCP-8851-K9\tsip88xx.12-5-1SR1-4\tV05\t10.1.1.9\tGi1/0/1\n\
        SEP001234AB45DF\tCP-7841-K9\tunknown\t4\t10.1.1.9\t\n";
    let path = here.deliver("ris.tsv", export.as_bytes());
    let report = here.import([path.clone()]);
    assert_eq!(verdicts(&report)[..2], [ImportVerdict::Changed, ImportVerdict::New], "{report:?}");
    assert!(!report.trouble(), "{report:?}");
    let roster = crate::state::state_folder::roster(&here.state()).unwrap();
    assert_eq!(roster.wrong, []);
    let entry = &roster.entries[0];
    assert_eq!((entry.location.as_deref(), entry.address), (Some("Room 1"), None));
    assert_eq!((entry.vid.map(|vid| vid.0), entry.load.is_some()), (Some(5), true));
    assert_eq!(entry.more.get("switch").map(String::as_str), Some("Gi1/0/1"));
    let text = fs::read_to_string(here.state().join("roster.csv")).unwrap();
    assert!(text.contains("10.1.1.9") && text.contains("HardwareRevision"), "{text}");
    let again = here.import([path]);
    assert_eq!(verdicts(&again)[..2], [ImportVerdict::Same; 2], "{text}\n{again:?}");
}

#[test]
fn a_roster_put_by_hand_may_be_a_workbook() {
    let here = ImportSite::new();
    fs::create_dir_all(here.state()).unwrap();
    fs::write(here.state().join("roster.csv"), books::xlsx(&phones())).unwrap();
    assert_eq!(crate::state::state_folder::roster(&here.state()).unwrap().entries.len(), 1);
    let scanned = b"mac,vid\n001234AB45DE,V05\n001234AB45DF,\n".to_vec();
    let report = add_to_roster(&here.state(), scanned).unwrap();
    assert_eq!(verdicts(&report)[..2], [ImportVerdict::Changed, ImportVerdict::New], "{report:?}");
    let roster = fs::read_to_string(here.state().join("roster.csv")).unwrap();
    assert_eq!(roster, "MAC,Model,Extension,vid\n001234AB45DE,8851,4711,V05\n001234AB45DF,,,\n");
}
