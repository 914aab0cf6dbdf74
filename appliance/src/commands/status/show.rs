//! Formats the phones for people, with those that need action first.

use std::fmt::Write;

use transload_provision::mac::Mac;

use crate::bench::views::alike::{general, grouped, particular};
use crate::bench::views::phone::{OtherClient, PhoneView, Stage};
use crate::terminal::table;

/// Width of a location in the table, in characters.
const LOCATION: usize = 24;
/// Named phones of a group, in a window.
const NAMED: usize = 4;
/// The least columns of a table, on any terminal.
const COLUMNS: usize = 6;

/// The space for the output; `None` is unlimited.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WindowSize {
    /// Columns.
    pub width: Option<usize>,
    /// Lines.
    pub height: Option<usize>,
}

/// Formats totals, then phones that need action, then a table of the others, moving phones first.
pub(super) fn table(phones: &[PhoneView], note: Option<&str>, window: WindowSize) -> String {
    let mut text: String = note.iter().map(|note| table::wrapped(note, window.width)).collect();
    let _ = writeln!(text, "{}", table::cut(&totals(phones.iter()), window.width));
    let (needy, mut others): (Vec<&PhoneView>, Vec<&PhoneView>) =
        phones.iter().partition(|phone| phone.hold.is_some());
    let needs: Vec<String> = groups(&needy).iter().map(|group| needs(group, window)).collect();
    others.sort_by_key(|phone| (turn(phone), phone.mac));
    let Some(height) = window.height else {
        text.extend(needs);
        text.push_str(&listed(&others, window.width));
        return text;
    };
    let mut room = height.saturating_sub(text.lines().count());
    // The table keeps a third of the window, if it has rows.
    let kept = if others.is_empty() { 0 } else { (others.len() + 2).min(room / 3) };
    let mut shown = 0;
    for need in &needs {
        let lines = need.lines().count();
        let more = usize::from(shown + 1 < needs.len());
        if lines + more + kept > room {
            break;
        }
        text.push_str(need);
        room -= lines;
        shown += 1;
    }
    if shown < needs.len() && room > 0 {
        let line = format!("… and {} more kinds of trouble: see `transload status`", needs.len() - shown);
        let _ = writeln!(text, "{}", table::cut(&line, window.width));
        room -= 1;
    }
    // A blank line and the heading.
    let rows = room.saturating_sub(2);
    if others.len() <= rows {
        text.push_str(&listed(&others, window.width));
    } else if rows > 1 {
        let (first, rest) = others.split_at(rows - 1);
        text.push_str(&listed(first, window.width));
        let rest = format!("… and {}", totals(rest.iter().copied()));
        let _ = writeln!(text, "{}", table::cut(&rest, window.width));
    }
    text
}

/// Formats clients that are no phones; in a window, only their number.
pub(super) fn others(others: &[OtherClient], window: WindowSize) -> String {
    if others.is_empty() {
        return String::new();
    }
    let lines = others.iter().map(|other| format!("  {}", other.line()));
    let count = if others.len() == 1 {
        "1 other client, no phone".to_owned()
    } else {
        format!("{} other clients, no phones", others.len())
    };
    let all: Vec<String> = match window.height {
        Some(_) => vec![count],
        None => std::iter::once(format!("{count}:")).chain(lines).collect(),
    };
    all.iter().map(|line| table::cut(line, window.width) + "\n").collect()
}

/// Active phones come first.
fn turn(phone: &PhoneView) -> usize {
    match phone.stage {
        Stage::Moving | Stage::Crossing if phone.writing => 0,
        Stage::Moving | Stage::Crossing => 1,
        Stage::Seen => 2,
        Stage::Held | Stage::Stuck => 3,
        Stage::Absent => 4,
        Stage::Done => 5,
    }
}

fn totals<'a>(phones: impl Iterator<Item = &'a PhoneView> + Clone) -> String {
    let stages =
        [Stage::Held, Stage::Stuck, Stage::Crossing, Stage::Moving, Stage::Seen, Stage::Absent, Stage::Done];
    let count = |stage| phones.clone().filter(|phone| phone.stage == stage).count();
    let parts: Vec<String> = stages
        .into_iter()
        .map(|stage| (count(stage), stage))
        .filter(|(count, _)| *count > 0)
        .map(|(count, stage)| format!("{count} {stage}"))
        .collect();
    let all = match phones.count() {
        0 => "no phone seen or listed yet".to_owned(),
        1 => "1 phone".to_owned(),
        many => format!("{many} phones"),
    };
    if parts.is_empty() { all } else { format!("{all}: {}", parts.join(", ")) }
}

/// Phones that are stopped for the same cause, but for their own address, and with the same to do.
fn groups<'a>(phones: &[&'a PhoneView]) -> Vec<Vec<&'a PhoneView>> {
    let in_words = |phone: &'a PhoneView| {
        let hold = phone.hold.as_ref()?;
        Some(((phone.stage, hold.code, general(&hold.cause, phone.mac), &hold.actions), phone))
    };
    let mut groups = grouped(phones.iter().filter_map(|phone| in_words(phone)));
    groups.sort_by_key(|((stage, ..), _)| std::cmp::Reverse(*stage));
    groups.into_iter().map(|(_, phones)| phones).collect()
}

fn needs(phones: &[&PhoneView], window: WindowSize) -> String {
    let Some((first, hold)) = phones.first().and_then(|first| Some((first, first.hold.as_ref()?))) else {
        return String::new();
    };
    let macs: Vec<Mac> = phones.iter().map(|phone| phone.mac).collect();
    let words = |text: &str| particular(&general(text, first.mac), &macs);
    let mut lines = match phones {
        [phone] => vec![format!("{}: {} ({})", named(phone), phone.stage, hold.code)],
        _ => vec![format!("{} phones: {} ({})", phones.len(), first.stage, hold.code)],
    };
    lines.push(format!("  cause: {}", words(&hold.cause)));
    lines.push(format!("  cure:  {}", words(&hold.cure)));
    if phones.len() > 1 {
        let most = if window.height.is_some() { NAMED } else { phones.len() };
        let mut names: Vec<String> = phones.iter().take(most).map(|phone| named(phone)).collect();
        if phones.len() > most {
            names.push(format!("and {} more", phones.len() - most));
        }
        lines.push(format!("  {}", names.join(", ")));
    }
    lines.iter().map(|line| table::wrapped(line, window.width)).collect()
}

fn named(phone: &PhoneView) -> String {
    let model = phone.model.as_deref().unwrap_or("?");
    let place = phone.location.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
    format!("{} {model}{place}", phone.mac)
}

/// Formats a table of the columns that fit; the last one is cut.
fn listed(phones: &[&PhoneView], width: Option<usize>) -> String {
    const ALL: [&str; 9] = ["MAC", "MODEL", "STAGE", "HOP", "DONE", "LOAD", "LOCATION", "TARGET", "ADDRESS"];
    if phones.is_empty() {
        return String::new();
    }
    let mut rows: Vec<Vec<String>> = phones.iter().map(|phone| row(phone)).collect();
    let wide = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(ALL.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let wide: Vec<usize> = (0..ALL.len()).map(wide).collect();
    let fits = |columns: usize| {
        let needed = wide.iter().take(columns).map(|wide| wide + 2).sum::<usize>();
        width.is_none_or(|width| needed <= width + 2)
    };
    let columns = (COLUMNS..=ALL.len()).rev().find(|columns| fits(*columns)).unwrap_or(COLUMNS);
    for row in &mut rows {
        row.truncate(columns);
    }
    "\n".to_owned() + &table::render(ALL.split_at(columns).0, &rows, width)
}

fn row(phone: &PhoneView) -> Vec<String> {
    let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    // The model implies the family.
    let load = |value: &Option<String>| {
        let name = value.as_deref().unwrap_or("-");
        name.split_once('.').map_or(name, |(_, version)| version).to_owned()
    };
    let under_way = matches!(phone.stage, Stage::Moving | Stage::Crossing);
    let stage =
        if phone.writing { format!("{}, do not unplug", phone.stage) } else { phone.stage.to_string() };
    vec![
        phone.mac.to_string(),
        dash(&phone.model),
        stage,
        if phone.hops > 0 { format!("{}/{}", phone.hop, phone.hops) } else { "-".to_owned() },
        if under_way { format!("{:.0}%", phone.progress * 100.0) } else { "-".to_owned() },
        load(&phone.load),
        table::cut(&dash(&phone.location), Some(LOCATION)),
        load(&phone.target),
        phone.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(mac: &str, rest: &str) -> PhoneView {
        let json = format!(
            r#"{{"mac":"{mac}","model":"8851","vid":null,"serial":null,"location":"desk 4","address":"10.23.45.101",
            "persona":"enterprise","load":"sip88xx.12-5-1SR1-4","load_evidence":null,"route":[],
            "target":"sip88xx.11-2-3MPP-398","hop":1,"hops":2,
            "writing":true,"progress":0.41,"attempts":1,"license":"absent","first_seen":null,"last_seen":null,{rest}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn held(number: usize, code: &str) -> PhoneView {
        let mac = format!("001234AB{number:04X}");
        let hold = format!(r#"{{"code":"{code}","cause":"no license for {mac}","cure":"get one"}}"#);
        phone(&mac, &format!(r#""stage":"held","hold":{hold}"#))
    }

    fn other(number: usize, stage: &str) -> PhoneView {
        phone(&format!("001234CD{number:04X}"), &format!(r#""stage":"{stage}","hold":null"#))
    }

    #[test]
    fn who_needs_somebody_comes_first_with_cause_and_cure() {
        let phones = [other(1, "moving"), held(0xDF, "no-license")];
        let text = table(&phones, None, WindowSize::default());
        assert!(text.starts_with("2 phones: 1 held, 1 moving\n001234AB00DF 8851 at desk 4: held (no-license)\n  cause: no license for 001234AB00DF\n  cure:  get one\n"), "{text}");
        let line = text.lines().find(|line| line.starts_with("001234CD0001")).unwrap();
        assert!(
            line.contains("moving, do not unplug") && line.contains("1/2") && line.contains("41%"),
            "{line}"
        );
    }

    #[test]
    fn phones_that_are_stopped_alike_stand_together_and_all_are_named() {
        let phones: Vec<PhoneView> = (0..300).map(|number| held(number, "no-license")).collect();
        let text = table(&phones, None, WindowSize { width: Some(100), height: None });
        assert_eq!(text.matches("no license for <MAC>").count(), 1, "{text}");
        assert!(phones.iter().all(|phone| text.contains(&phone.mac.to_string())), "{text}");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_no_cure_is_cut() {
        let hold = r#""stage":"stuck","hold":{"code":"failed","cause":"c","cure":"read the VID from its label and put it in the roster, then wait"}"#;
        let phones = [other(1, "moving"), phone("001234AB45DF", hold)];
        for width in [50, 60, 80, 100, 130, 200] {
            let note = "No bench is running; this is what its state folder says.";
            let text = table(&phones, Some(note), WindowSize { width: Some(width), height: None });
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}: {text}");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                words.contains("read the VID from its label and put it in the roster, then wait"),
                "{text}"
            );
            let row = text.lines().find(|line| line.starts_with("001234CD")).unwrap();
            assert_eq!(row.contains("12-5-1SR1-4"), width >= 80, "{width}: {text}");
            assert_eq!(text.contains("ADDRESS"), width >= 130, "{width}: {text}");
        }
    }

    #[test]
    fn a_window_is_never_overfull_and_says_what_it_leaves_out() {
        let mut many: Vec<PhoneView> = (0..600).map(|number| other(number, "done")).collect();
        many.extend((600..900).map(|number| other(number, "moving")));
        many.extend((0..100).map(|number| held(number, "no-license")));
        let codes =
            ["failed", "operator", "trust-list", "needs-restart", "unknown-vid", "not-asking", "no-route"];
        for kinds in 0..=codes.len() {
            let mut phones = many.clone();
            phones.extend(codes[..kinds].iter().enumerate().map(|(at, code)| held(2000 + at, code)));
            for height in 1..60 {
                let text = table(&phones, None, WindowSize { width: Some(100), height: Some(height) });
                assert!(text.lines().count() <= height, "{height}: {text}");
                if height >= 24 {
                    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    assert!(words.contains("held (no-license)") && words.contains("and 96 more"), "{text}");
                    assert!(text.contains("moving, do not unplug"), "{height}: {text}");
                    let left_out = text.lines().last().unwrap();
                    assert!(left_out.starts_with("… and ") && left_out.contains("600 done"), "{left_out}");
                }
            }
        }
    }
}
