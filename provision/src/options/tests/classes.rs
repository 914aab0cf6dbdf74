use proptest::prelude::*;

use super::super::*;

#[test]
fn a_vendor_class_is_compared_from_end_to_end() {
    let mpp: &[u8] = b"CP-8851-3PCC\0";
    let enterprise: &[u8] = b"Cisco Systems, Inc. IP Phone CP-8851\0\0";
    for (pattern, to_mpp, to_enterprise) in [
        ("CP-8851-3PCC", true, false),
        ("CP-8851", false, false),
        ("CP-8851*", true, false),
        ("*CP-8851", false, true),
        ("*-3PCC", true, false),
        ("Cisco Systems, Inc.*", false, true),
        ("cp-8851-3pcc", false, false),
    ] {
        let parsed: Pattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        assert_eq!((parsed.matches(mpp), parsed.matches(enterprise)), (to_mpp, to_enterprise), "{pattern}");
        assert!(!parsed.matches(b"") && !parsed.matches(b"\0"));
    }
    for text in ["", "*", "**", "*CP-8851*", "CP-*-3PCC", "CP-8851\0", "é", "\n"] {
        assert!(text.parse::<Pattern>().is_err(), "{text:?}");
    }
}

fn class(name: &str, vendor_class: Option<&str>, oui: &[&str]) -> ClassRule {
    ClassRule {
        name: name.into(),
        vendor_class: vendor_class.map(|text| text.parse().unwrap()),
        oui: oui.iter().map(|text| parse_oui(text).unwrap()).collect(),
        gives: Gives::default(),
    }
}

const PHONE: [u8; 3] = [0x00, 0x12, 0x34];
const OTHER: [u8; 3] = [0x00, 0x56, 0x78];

#[test]
fn a_class_with_vendor_class_and_oui_needs_both() {
    let both = class("both", Some("CP-8851-3PCC"), &["00:12:34"]);
    assert!(both.matches(Some(b"CP-8851-3PCC"), PHONE));
    assert!(!both.matches(Some(b"CP-8851-3PCC"), OTHER));
    assert!(!both.matches(Some(b"CP-7841-3PCC"), PHONE));
    assert!(!both.matches(None, PHONE));
    let by_oui = class("oui", None, &["00-56-78", "001234"]);
    assert!(
        by_oui.matches(None, PHONE) && by_oui.matches(Some(b"x"), OTHER) && !by_oui.matches(None, [1, 2, 3])
    );
    assert!(!class("nobody", None, &[]).matches(Some(b"x"), PHONE));
}

#[test]
fn the_first_class_in_the_file_wins() {
    let classes = [class("one", Some("CP-8851-3PCC"), &[]), class("all", Some("CP-88*"), &[])];
    let found = |sent: &[u8]| find_class(&classes, Some(sent), PHONE).map(|class| class.name.as_str());
    assert_eq!(found(b"CP-8851-3PCC\0"), Some("one"));
    assert_eq!(found(b"CP-8841-3PCC"), Some("all"));
    assert_eq!(found(b"CP-7841-3PCC"), None);
    let overlap = Overlap { first: "one".into(), second: "all".into() };
    assert_eq!(check_classes(&classes), Ok(vec![overlap]));
}

#[test]
fn classes_that_share_no_client_are_not_reported() {
    let classes = [
        class("a", Some("CP-88*"), &[]),
        class("b", Some("CP-78*"), &[]),
        class("c", Some("CP-6851-3PCC"), &[]),
        class("d", Some("*-3PCC"), &["00:12:34"]),
        class("e", None, &["00:56:78"]),
    ];
    // A start and an end, or an additional OUI, can match the same client.
    let reported: Vec<_> = check_classes(&classes)
        .unwrap()
        .into_iter()
        .map(|Overlap { first, second }| first + &second)
        .collect();
    assert_eq!(reported, ["ad", "bd", "cd", "ae", "be", "ce"]);
}

#[test]
fn a_class_that_never_applies_is_an_error() {
    let unreachable = |first: ClassRule, second: ClassRule| {
        let expected =
            ClassError::Unreachable { first: first.name.clone(), unreachable: second.name.clone() };
        check_classes(&[first, second]) == Err(vec![expected])
    };
    assert!(unreachable(class("a", Some("CP-88*"), &[]), class("b", Some("CP-8851-3PCC"), &[])));
    assert!(unreachable(class("a", Some("CP-88*"), &[]), class("b", Some("CP-885*"), &["00:12:34"])));
    assert!(unreachable(class("a", Some("*-3PCC"), &[]), class("b", Some("*-3PCC"), &[])));
    assert!(unreachable(class("a", None, &["00:12:34", "00:56:78"]), class("b", Some("x"), &["00:56:78"])));
    assert!(!unreachable(class("a", Some("x"), &["00:12:34"]), class("b", Some("x"), &[])));
    assert!(!unreachable(class("a", None, &["00:12:34"]), class("b", None, &["00:12:34", "00:56:78"])));
}

#[test]
fn a_class_needs_a_name_of_its_own_and_somebody_in_it() {
    let classes = [
        class("lab", Some("a"), &[]),
        class("lab", Some("b"), &[]),
        class("enterprise", Some("c"), &[]),
        class(" ", Some("d"), &[]),
        class("all", None, &[]),
    ];
    let errors = [
        ClassError::NameTaken("lab".into()),
        ClassError::NameTaken("enterprise".into()),
        ClassError::Nameless,
        ClassError::MatchesNobody("all".into()),
    ];
    assert_eq!(check_classes(&classes), Err(errors.to_vec()));
    for text in ["", "00:12", "00:12:3", "00:12:34:56", "0g:12:34", "日本語"] {
        assert_eq!(parse_oui(text), Err(ClassError::Oui(text.into())));
    }
}

fn pattern() -> impl Strategy<Value = Pattern> {
    ("[ab]{1,4}", 0..3).prop_map(|(text, kind)| match kind {
        0 => Pattern::Whole(text),
        1 => Pattern::Prefix(text),
        _ => Pattern::Suffix(text),
    })
}

proptest! {
    /// The check of a configuration agrees with what clients get.
    #[test]
    fn overlaps_are_told_as_clients_meet_them(a in pattern(), b in pattern(), sent in "[ab]{0,9}") {
        let rule = |name: &str, pattern| ClassRule { vendor_class: Some(pattern), ..class(name, None, &[]) };
        let classes = [rule("a", a.clone()), rule("b", b.clone())];
        let (of_a, of_b) = (a.matches(sent.as_bytes()), b.matches(sent.as_bytes()));
        let bare = |pattern: &Pattern| pattern.to_string().replace('*', "");
        match check_classes(&classes) {
            // Disjoint: no client is in both.
            Ok(overlaps) if overlaps.is_empty() => prop_assert!(!(of_a && of_b)),
            // Overlapping: some client is in both.
            Ok(_) => {
                let (a_text, b_text) = (bare(&a), bare(&b));
                let candidates = [a_text.clone(), b_text.clone(), format!("{a_text}{b_text}"), format!("{b_text}{a_text}")];
                prop_assert!(candidates.iter().any(|sent| a.matches(sent.as_bytes()) && b.matches(sent.as_bytes())));
            }
            // Unreachable: no client is in the second only.
            Err(_) => {
                let widest = b.to_string().replace('*', "c");
                prop_assert!(a.matches(widest.as_bytes()), "{widest}");
                prop_assert!(of_a || !of_b);
            }
        }
    }
}
