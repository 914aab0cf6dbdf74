//! The phones, for people: those that need somebody first.

use std::fmt::Write;

use crate::table;
use crate::view::{PhoneView, Stage};

/// A line of totals, the needs-you list with cause and cure, and all other phones in a table.
pub(super) fn table(phones: &[PhoneView], note: Option<&str>, width: Option<usize>) -> String {
    let mut text: String = note.iter().map(|note| table::wrapped(note, width)).collect();
    let _ = writeln!(text, "{}", totals(phones));
    let needs_you = |phone: &&PhoneView| phone.hold.is_some();
    for phone in phones.iter().filter(needs_you) {
        text.push_str(&needs(phone, width));
    }
    let rows: Vec<_> = phones.iter().filter(|phone| !needs_you(phone)).map(row).collect();
    if !rows.is_empty() {
        let heading = ["MAC", "MODEL", "LOCATION", "ADDRESS", "STAGE", "HOP", "DONE", "LOAD", "TARGET"];
        text.push('\n');
        text.push_str(&table::render(&heading, &rows, width));
    }
    text
}

fn totals(phones: &[PhoneView]) -> String {
    let stages =
        [Stage::Held, Stage::Stuck, Stage::Crossing, Stage::Moving, Stage::Seen, Stage::Absent, Stage::Done];
    let count = |stage| phones.iter().filter(|phone| phone.stage == stage).count();
    let parts: Vec<String> = stages
        .into_iter()
        .map(|stage| (count(stage), stage))
        .filter(|(count, _)| *count > 0)
        .map(|(count, stage)| format!("{count} {stage}"))
        .collect();
    let phones = match phones.len() {
        0 => "no phone seen or listed yet".to_owned(),
        1 => "1 phone".to_owned(),
        many => format!("{many} phones"),
    };
    if parts.is_empty() { phones } else { format!("{phones}: {}", parts.join(", ")) }
}

fn needs(phone: &PhoneView, width: Option<usize>) -> String {
    let Some(hold) = &phone.hold else {
        return String::new();
    };
    let model = phone.model.as_deref().unwrap_or("?");
    let place = phone.location.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
    let lines = [
        format!("{} {model}{place}: {} ({})", phone.mac, phone.stage, hold.code),
        format!("  cause: {}", hold.cause),
        format!("  cure:  {}", hold.cure),
    ];
    lines.iter().map(|line| table::wrapped(line, width)).collect()
}

fn row(phone: &PhoneView) -> Vec<String> {
    let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let under_way = matches!(phone.stage, Stage::Moving | Stage::Crossing);
    let stage =
        if phone.writing { format!("{}, do not unplug", phone.stage) } else { phone.stage.to_string() };
    vec![
        phone.mac.to_string(),
        dash(&phone.model),
        dash(&phone.location),
        phone.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
        stage,
        if phone.hops > 0 { format!("{}/{}", phone.hop, phone.hops) } else { "-".to_owned() },
        if under_way { format!("{:.0}%", phone.progress * 100.0) } else { "-".to_owned() },
        dash(&phone.load),
        dash(&phone.target),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(mac: &str, rest: &str) -> PhoneView {
        let json = format!(
            r#"{{"mac":"{mac}","model":"8851","vid":null,"serial":null,"location":"desk 4","address":null,
            "persona":"enterprise","load":null,"load_evidence":null,"route":[],"target":null,"hop":1,"hops":2,
            "writing":true,"progress":0.41,"attempts":1,"license":"absent","first_seen":null,"last_seen":null,{rest}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn who_needs_somebody_comes_first_with_cause_and_cure() {
        let phones = [
            phone("001234AB45DE", r#""stage":"moving","hold":null"#),
            phone(
                "001234AB45DF",
                r#""stage":"held","hold":{"code":"no-license","cause":"no license","cure":"get one"}"#,
            ),
        ];
        let text = table(&phones, None, None);
        assert!(text.starts_with("2 phones: 1 held, 1 moving\n001234AB45DF 8851 at desk 4: held (no-license)\n  cause: no license\n  cure:  get one\n"), "{text}");
        let line = text.lines().find(|line| line.starts_with("001234AB45DE")).unwrap();
        assert!(
            line.contains("moving, do not unplug") && line.contains("1/2") && line.contains("41%"),
            "{line}"
        );
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_no_cure_is_cut() {
        let hold = r#""stage":"stuck","hold":{"code":"failed","cause":"c","cure":"read the VID from its label and put it in the roster, then wait"}"#;
        let phones = [phone("001234AB45DE", r#""stage":"moving","hold":null"#), phone("001234AB45DF", hold)];
        let text = table(&phones, Some("No bench is running; this is what its state folder says."), Some(50));
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("read the VID from its label and put it in the roster, then wait"), "{text}");
    }
}
