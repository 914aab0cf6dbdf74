//! Workbooks of every format and size.

mod hostile;

use transload_provision::roster::Severity;

use super::books::{CellValue, ods, xlsx};
use super::*;

const MAC: &str = "001234AB45DE";

fn macs(sheet: &InventorySheet) -> Vec<String> {
    sheet.roster.entries.iter().map(|entry| entry.mac.to_string()).collect()
}

fn text(cells: &[&str]) -> Vec<CellValue> {
    cells.iter().map(|cell| CellValue::Text((*cell).to_owned())).collect()
}

/// A workbook of an asset program: a title, a gap, the header, and a total.
fn assets() -> Vec<(&'static str, Vec<Vec<CellValue>>)> {
    let cover = vec![text(&["Phones of the Zürich office"])];
    let phones = vec![
        text(&["", "Report generated 2026-11-30"]),
        vec![],
        text(&["", "Device Name", "Device Type", "Description", "HardwareRevision", "Serial Number", "Port"]),
        text(&["", "SEP001234AB45DE", "Cisco 8851", "Lobby", "V05", "FCH12345678", "Gi1/0/1"]),
        text(&["", "CSFJDOE", "Cisco Unified Client Services Framework", "", "", "", ""]),
        vec![
            CellValue::Text(String::new()),
            CellValue::Number(1_122_334_455.0),
            CellValue::Text("Cisco 7841".into()),
        ],
        vec![
            CellValue::Text(String::new()),
            CellValue::Number(1.122_33e49),
            CellValue::Text("Cisco 7841".into()),
        ],
        vec![CellValue::Text(String::new()), CellValue::Number(112_233_445_566.0), CellValue::Number(8851.0)],
        text(&["", "Total: 5"]),
    ];
    vec![("Cover", cover), ("Phones", phones)]
}

#[test]
fn workbooks_are_read_as_they_are() {
    for (kind, file) in [("xlsx", xlsx(&assets())), ("ods", ods(&assets()))] {
        let sheets = read(&file).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let names: Vec<_> =
            sheets.iter().map(|sheet| (sheet.name.as_str(), sheet.roster.lists_phones())).collect();
        assert_eq!(names, [("Cover", false), ("Phones", true)], "{kind}");
        let phones = &sheets[1];
        assert_eq!(macs(phones), [MAC, "112233445566"], "{kind}");
        let first = &phones.roster.entries[0];
        assert_eq!((first.model.as_deref(), first.line), (Some("Cisco 8851"), 4), "{kind}");
        assert_eq!(first.vid.map(|vid| vid.to_string()).as_deref(), Some("V05"), "{kind}");
        assert_eq!((first.note.as_deref(), first.serial.as_deref()), (Some("Lobby"), Some("FCH12345678")));
        assert_eq!(phones.roster.entries[1].model.as_deref(), Some("8851"), "{kind}");
        let said: Vec<(u64, bool)> = phones
            .roster
            .problems
            .iter()
            .map(|problem| (problem.line, problem.severity == Severity::RowLeftOut))
            .collect();
        assert_eq!(said, [(3, false), (6, true), (7, true), (5, false), (9, false)], "{kind}");
    }
}

#[test]
fn a_phone_on_two_sheets_is_taken_once_and_a_contradiction_is_told() {
    let list = |model: &str| vec![text(&["MAC", "Model"]), text(&[MAC, model])];
    let sheets = read(&xlsx(&[("A", list("8851")), ("B", list("8851")), ("C", list("8861"))])).unwrap();
    let counts: Vec<usize> = sheets.iter().map(|sheet| sheet.roster.entries.len()).collect();
    assert_eq!(counts, [1, 0, 0]);
    let said = |at: usize| {
        sheets[at].roster.problems.first().map(|problem| (problem.severity, problem.cause.clone()))
    };
    assert_eq!(said(1).map(|(severity, _)| severity), Some(Severity::Note));
    let (severity, what) = said(2).unwrap();
    assert_eq!(severity, Severity::RowLeftOut);
    assert!(what.contains("8861 here and 8851 there"), "{what}");
}

#[test]
fn content_tells_what_a_file_is() {
    for (file, said) in [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "Excel 97"),
        (b"\n<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><table>".to_vec(), "web page"),
        (
            b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">"
                .to_vec(),
            "2003",
        ),
        (b"%PDF-1.7".to_vec(), "PDF"),
        (books::zipped(&[("a.txt", b"x")]), "archive"),
        (books::zipped(&[("Index/Document.iwa", b"x")]), "archive"),
        (b"\x1f\x8b\x08".to_vec(), "compressed"),
    ] {
        let refused = read(&file).unwrap_err();
        assert!(refused.cause.contains(said), "{refused}");
    }
}

#[test]
fn a_workbook_may_be_of_any_kind_of_cell() {
    let header = text(&["MAC", "Model", "Active", "Bought"]);
    let row = vec![
        CellValue::Inline(MAC.into()),
        CellValue::Formula("CP-8851".into()),
        CellValue::Bool(true),
        CellValue::Number(45_000.5),
    ];
    let sheets = read(&xlsx(&[("Phones", vec![header, row])])).unwrap();
    let entry = &sheets[0].roster.entries[0];
    assert_eq!((macs(&sheets[0]), entry.model.as_deref()), (vec![MAC.to_owned()], Some("CP-8851")));
    let more: Vec<(&str, &str)> =
        entry.more.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(more, [("active", "yes"), ("bought", "45000.5")]);
}
