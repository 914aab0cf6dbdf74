mod exports;

use proptest::prelude::*;

use super::*;

fn left_out(problem: &Problem) -> bool {
    problem.severity == Severity::RowLeftOut
}

fn macs(roster: &Roster) -> Vec<String> {
    roster.entries.iter().map(|entry| entry.mac.to_string()).collect()
}

#[test]
fn a_spreadsheets_export_reads_as_it_comes() {
    let roster = parse(
        "\u{feff}Location;MAC Address;VID;Model;Load;Note;Serial;IP Address\r\n\r\n\
         \"Room 1; left\";00:12:34:ab:45:de;V05;8851;sip88xx.12-5-1SR1-4;;FCH1;10.23.45.50\r\n;;;;;;\r\n\
         ;SEP001234AB45DF;;CP-7841;;spare;\r\n"
            .as_bytes(),
    );
    assert_eq!(roster.problems, []);
    assert_eq!(
        roster.entries[0],
        Entry {
            mac: "001234AB45DE".parse().unwrap(),
            model: Some("8851".into()),
            vid: Some(Vid(5)),
            serial: Some("FCH1".into()),
            load: Some("sip88xx.12-5-1SR1-4".parse().unwrap()),
            location: Some("Room 1; left".into()),
            note: None,
            address: Some(Ipv4Addr::new(10, 23, 45, 50)),
            cda: false,
            more: BTreeMap::new(),
            line: 3,
        }
    );
    let second = &roster.entries[1];
    assert_eq!((second.line, second.vid, second.note.as_deref()), (5, None, Some("spare")));
}

#[test]
fn a_plain_list_of_addresses_is_a_roster() {
    let roster = parse(b"0012.34ab.45de\n00-12-34-AB-45-DF\n");
    assert_eq!(macs(&roster), ["001234AB45DE", "001234AB45DF"]);
    assert_eq!((roster.entries[0].line, roster.problems.len()), (1, 0));
    let roster = parse(b"001234ab45de,8851,V05\n");
    assert_eq!((roster.entries[0].model.as_deref(), roster.entries[0].vid), (Some("8851"), Some(Vid(5))));
}

#[test]
fn bad_rows_are_named_and_good_ones_kept() {
    let roster = parse(
        b"mac,model,vid,load,color\n001234ab45de,8851,V05,,red\n1.23E+11,8851\n001234ab45df,8851,five\n\
          001234ab45e0,8851,,firmware\n,8851\nSEP001234AB45DE,8861\n001234ab45e1\n",
    );
    assert_eq!(macs(&roster), ["001234AB45DE", "001234AB45E1"]);
    let lines: Vec<(u64, bool)> =
        roster.problems.iter().map(|problem| (problem.line, left_out(problem))).collect();
    assert_eq!(lines, [(1, false), (3, true), (4, true), (5, true), (6, true), (7, true)]);
    let said = roster.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for word in ["color", "1.23E+11", "five", "firmware", "missing", "line 2 already"] {
        assert!(said.contains(word), "{word} in:\n{said}");
    }
}

#[test]
fn an_address_is_kept_for_one_phone() {
    let roster =
        parse(b"mac,address\n001234ab45de,10.23.45.50\n001234ab45df,10.23.45.50\n001234ab45e0,10.23.45\n");
    assert_eq!(macs(&roster), ["001234AB45DE", "001234AB45DF"]);
    assert_eq!((roster.entries[0].address.is_some(), roster.entries[1].address), (true, None));
    let lines: Vec<(u64, bool)> = roster.problems.iter().map(|p| (p.line, left_out(p))).collect();
    assert_eq!(lines, [(3, false), (4, true)]);
}

#[test]
fn what_cda_has_and_what_fills_placeholders_is_read() {
    let roster = parse(
        b"MAC,CDA,Extension\n001234ab45de,Yes,4711\n001234ab45df,no,\n001234ab45e0,maybe,4713\n001234ab45e1\n",
    );
    let cda: Vec<bool> = roster.entries.iter().map(|entry| entry.cda).collect();
    assert_eq!(cda, [true, false, false, false]);
    let extension = |at: usize| roster.entries[at].more.get("extension").map(String::as_str);
    assert_eq!((extension(0), extension(1), extension(2)), (Some("4711"), None, Some("4713")));
    let said: Vec<(u64, bool)> = roster.problems.iter().map(|p| (p.line, left_out(p))).collect();
    assert_eq!(said, [(1, false), (4, false)]);
}

#[test]
fn hidden_characters_are_not_taken_over() {
    let roster = parse(
        "\u{200e}MAC,location,note,serial,Ext\u{202e}\n\u{202a}001234ab45de,Room\u{202e}1,\"two\nlines\",F\u{1b}[2J,\u{2066}47\u{2069}\n"
            .as_bytes(),
    );
    let entry = &roster.entries[0];
    assert_eq!(
        (entry.location.as_deref(), entry.note.as_deref(), entry.serial.as_deref()),
        (Some("Room1"), Some("two lines"), Some("F [2J"))
    );
    assert_eq!(entry.more.iter().collect::<Vec<_>>(), [(&"ext".to_owned(), &"47".to_owned())]);
}

#[test]
fn what_is_no_roster_is_said_once() {
    for file in [&b"model,vid\n8851,V05\n"[..], b"\xff\xfea\0\n\0b\0", b"PK\x03\x04\x00\x00"] {
        let roster = parse(file);
        assert_eq!((roster.entries.len(), roster.problems.last().map(left_out)), (0, Some(true)));
    }
    assert_eq!(parse(b""), Roster::default());
}

proptest! {
    #[test]
    fn any_file_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(mac|vid|[,;\"\n]|001234ab45d[0-9]|\\PC){0,60}") {
        let _ = parse(&bytes);
        let roster = parse(text.as_bytes());
        let mut seen: Vec<Mac> = roster.entries.iter().map(|entry| entry.mac).collect();
        seen.sort();
        seen.dedup();
        prop_assert_eq!(seen.len(), roster.entries.len());
    }
}
