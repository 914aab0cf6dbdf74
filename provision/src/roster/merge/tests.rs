use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::roster::{Grid, parse};

fn merge(old: &[u8], new: &[u8]) -> Merged {
    let [old, new] = [old, new].map(|file| Grid::from_text(file).unwrap());
    let roster = crate::roster::read(std::slice::from_ref(&new)).pop().unwrap();
    super::merge(&old, &new, &roster)
}

const OLD: &str = "MAC;model;switch port;note\r\n00:12:34:ab:45:de;8851;1/0/1;\r\nSEP001234AB45DF;7841;1/0/2;spare\r\nno phone;;;kept\r\n";

fn merged(old: &str, new: &str) -> (String, Vec<String>) {
    let merged = merge(old.as_bytes(), new.as_bytes());
    let word = |line: &Line| match &line.change {
        Change::New => format!("{} new", line.line),
        Change::Same => format!("{} same", line.line),
        Change::Changed(cells) => {
            let cell = |cell: &Cell| format!("{} {:?} {:?}", cell.column, cell.before, cell.after);
            format!("{} {}", line.line, cells.iter().map(cell).collect::<Vec<_>>().join(", "))
        }
    };
    (String::from_utf8(merged.file).unwrap(), merged.lines.iter().map(word).collect())
}

#[test]
fn lines_are_new_the_same_or_changed_and_no_column_is_lost() {
    let new = "vid,note,MAC address,floor\nV05,,001234AB45DE,2\n,spare,0012.34ab.45df,\n,,001234AB45E0,3\n";
    let (text, lines) = merged(OLD, new);
    assert_eq!(lines, [r#"2 vid "" "V05", floor "" "2""#, "3 same", "4 new"]);
    assert_eq!(
        text,
        "MAC;model;switch port;note;vid;floor\r\n00:12:34:ab:45:de;8851;1/0/1;;V05;2\r\n\
         SEP001234AB45DF;7841;1/0/2;spare;;\r\nno phone;;;kept;;\r\n001234AB45E0;;;;;3\r\n"
    );
    let (again, lines) = merged(&text, new);
    assert_eq!((again, lines), (text, vec!["2 same".into(), "3 same".into(), "4 same".into()]));
}

#[test]
fn the_first_roster_is_kept_as_it_came_less_its_bad_lines() {
    let new = "\u{feff}note;mac\r\n\"a;b\";001234ab45de\r\n;nonsense\r\n";
    let (text, lines) = merged("", new);
    assert_eq!(
        (text.as_str(), lines),
        ("\u{feff}note;mac\r\n\"a;b\";001234ab45de\r\n", vec!["2 new".to_owned()])
    );
    let (text, _) = merged("", "001234ab45de,8851\n");
    assert_eq!(text, "mac,model\n001234ab45de,8851\n");
    assert_eq!(merge(b"", b"\xff\xfem\0").lines, []);
}

#[test]
fn an_export_takes_no_kept_address_away_and_keeps_none() {
    let old = "MAC,model,IP Address\n001234AB45DE,8851,10.23.45.50\n";
    let new = "Name;Device Type;IPAddress;Status\nSEP001234AB45DE;Cisco 8851;10.1.1.1;on\nSEP001234AB45DF;Cisco 7841;10.1.1.2;\n";
    let (text, lines) = merged(old, new);
    let kept: Vec<bool> =
        parse(text.as_bytes()).entries.iter().map(|entry| entry.address.is_some()).collect();
    assert_eq!(kept, [true, false], "{text}");
    assert!(text.contains("10.1.1.1") && text.contains("10.23.45.50"), "{text}");
    assert_eq!(lines.len(), 2);
    assert_eq!(merged(&text, new), (text.clone(), vec!["2 same".into(), "3 same".into()]));
    for export in [new, "deviceName,macAddress,Model,Product ID\nlobby,001234AB45DE,8851,CP-8851-K9\n"] {
        let (first, _) = merged("", export);
        assert_eq!(merged(&first, export).0, first);
    }
}

#[test]
fn hidden_characters_are_not_taken_over() {
    let (text, _) = merged("", "mac,note\n001234ab45de,a\u{202e}b\n");
    assert_eq!(text, "mac,note\n001234ab45de,ab\n");
}

#[test]
fn a_column_named_after_many_separators_hides_no_phone() {
    let (text, _) = merged("mac,note\n001234567890,\n", "mac,\"a;b;c;d\"\n001234567891,x\n");
    assert_eq!(parse(text.as_bytes()).entries.len(), 2, "{text}");
}

proptest! {
    #[test]
    fn what_either_tells_is_in_the_merged_one(
        old in "mac,model,note\n(00123456789[0-3],[a-z]{0,3},[a-z;]{0,3}\n){0,4}",
        new in "(note;mac|mac;vid;extra|mac;mac|\\PC{0,5})\n(V0[1-9];00123456789[0-5]|00123456789[0-5];V0[1-9];x\n){0,4}",
    ) {
        let merged = merge(old.as_bytes(), new.as_bytes());
        let (before, added, after) = (parse(old.as_bytes()), parse(new.as_bytes()), parse(&merged.file));
        let macs = |roster: &super::super::Roster| roster.entries.iter().map(|entry| entry.mac).collect::<BTreeSet<_>>();
        let expected: BTreeSet<Mac> = macs(&before).union(&macs(&added)).copied().collect();
        prop_assert_eq!(macs(&after), expected, "{}", String::from_utf8_lossy(&merged.file));
        prop_assert_eq!(merged.lines.len(), added.entries.len());
    }
}
