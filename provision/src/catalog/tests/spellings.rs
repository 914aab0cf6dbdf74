//! Every model with every combination of prefixes and suffixes.

use super::*;

const BEFORE: [&str; 5] = ["", "CP-", "Cisco ", "Cisco Systems, Inc. IP Phone CP-", "MODEL_CISCO_"];
const FIRMWARE: [&str; 4] = ["", "-3PCC", "-3PW", " MPP"];
const PLACE: [&str; 7] = ["", "-W", "-A", "-EU", "-LA-W", "-NC", " (Charcoal)"];
const ORDER: [&str; 7] = ["", "-K9", "-K9=", "-K9++=", "-K9-RF", "-K9-BUN", " V05"];

/// A model's number and variant as labels have them: joined or with a hyphen.
fn written(name: &str) -> Vec<String> {
    let end = name.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let digits = name[end..].find(|c: char| !c.is_ascii_digit()).map_or(name.len(), |at| end + at);
    let variant = name[digits..].trim_start_matches('-');
    match variant {
        "" => vec![name.to_owned()],
        variant if variant.contains('-') => vec![name.to_owned()],
        variant => vec![format!("{}{variant}", &name[..digits]), format!("{}-{variant}", &name[..digits])],
    }
}

/// A variant may also stand at the end: CP-8832-3PC-NR-K9, CP-8832-EU-NR-K9.
fn spellings(name: &str) -> impl Iterator<Item = String> {
    let end = name.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let plain = name.len() == end + 4 || name.len() == end + 3;
    let number: String = name.chars().take(end + 4).collect();
    let variant = name.get(end + 4..).unwrap_or_default().trim_start_matches('-').to_owned();
    let apart = !plain && !variant.contains('-') && number.len() == 4;
    let bodies = written(name).into_iter().flat_map(|body| {
        FIRMWARE.iter().flat_map(move |firmware| {
            let body = body.clone();
            PLACE.iter().map(move |place| format!("{body}{firmware}{place}"))
        })
    });
    let behind = FIRMWARE.iter().filter(move |_| apart).flat_map(move |firmware| {
        let (number, variant) = (number.clone(), variant.clone());
        PLACE.iter().flat_map(move |place| {
            [format!("{number}{firmware}-{variant}{place}"), format!("{number}{firmware}{place}-{variant}")]
        })
    });
    bodies.chain(behind).flat_map(|body| {
        BEFORE.iter().flat_map(move |before| {
            let body = body.clone();
            ORDER.iter().map(move |order| format!("{before}{body}{order}"))
        })
    })
}

#[test]
fn every_model_is_found_by_every_combination_of_affixes_and_no_other_is() {
    let catalog = Catalog::current();
    let mut tried = 0_u32;
    for model in &catalog.models {
        for spelling in spellings(&model.name) {
            tried += 1;
            let found = catalog.model(&spelling).map(|found| found.name.as_str());
            assert_eq!(found, Some(model.name.as_str()), "{spelling:?}");
            if tried.is_multiple_of(7) {
                let small = spelling.to_lowercase();
                assert_eq!(catalog.model(&small).map(|found| &found.name), Some(&model.name), "{small:?}");
            }
        }
    }
    assert!(tried > 80_000, "{tried}");
}

/// Each word of the table, alone and in pairs, in every position: the number stays the same.
#[test]
fn no_word_of_the_table_turns_a_model_into_another() {
    let catalog = Catalog::current();
    let words: Vec<&String> = name::affixes().iter().flat_map(|row| &row.words).collect();
    for model in ["7821", "8845", "8851", "8851NR"] {
        for word in &words {
            for text in
                [format!("CP-{model}-{word}-K9="), format!("{word} {model}"), format!("{model} {word}")]
            {
                let found = catalog.model(&text).map(|found| found.name.as_str());
                let number = &model[..4];
                assert!(found.is_none_or(|found| found.starts_with(number)), "{text}: {found:?}");
                let radio = |name: &str| name.ends_with("NR");
                let names_nr = radio(model) || text.contains("NR") || text.contains("RADIO");
                assert!(found.is_none_or(|found| radio(found) == names_nr || !names_nr), "{text}: {found:?}");
                assert!(found.is_none_or(|found| !radio(found) || names_nr), "{text}: {found:?}");
                assert!(!(radio(model) && found == Some(number)), "{text}: an NR became another model");
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    })]

    /// No text makes the parser panic, and the text contains the number of a found model; a text of digits alone may
    /// be a call manager's number.
    #[test]
    fn a_model_that_is_found_stands_in_the_text(text in "(CP-|Cisco |NR|-|K9|=|[ +]|88(51|45|41|65|32)|78[246]1|3PCC|[A-Z]|[0-9]|\\PC){0,14}") {
        static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(Catalog::current);
        let catalog = &*CATALOG;
        let own_number = text.trim().parse::<u32>().is_ok();
        if let Some(model) = catalog.model(&text).filter(|_| !own_number) {
            let product = name::read(&model.name).unwrap();
            proptest::prop_assert!(text.to_uppercase().contains(&product.number.to_uppercase()), "{} of {text:?}", model.name);
            for variant in product.variants {
                proptest::prop_assert!(text.to_uppercase().contains(variant) || text.to_uppercase().contains("RADIO"), "{} of {text:?}", model.name);
            }
        }
    }
}

#[test]
fn what_sheets_and_call_managers_write_around_a_product_says_nothing_of_it() {
    let catalog = Catalog::current();
    for (text, model) in [
        // A call manager's own numbers.
        ("684", "8851"),
        ("36232", "8851NR"),
        ("36213", "7811"),
        (" 622 ", "7841"),
        ("P/N CP-8851-K9", "8851"),
        ("CP-8851-K9 V15 FCH2012ABCD", "8851"),
        ("PID: CP-8851NR-K9  , VID: V15, SN: FCH20123456", "8851NR"),
        ("CP-8851-K9V15", "8851"),
        ("CP-8851-K9, VID V15", "8851"),
        ("Cisco 8851 - Standard SIP Non-Secure Profile", "8851"),
        ("Cisco 8832NR - Standard SIP Secure Profile", "8832NR"),
        ("8861 Wi-Fi", "8861"),
        ("Cisco 8851 Gigabit VoIP Phone", "8851"),
        ("CP-8851-K9 (NIB)", "8851"),
        ("CP-8851-K9 New Open Box, Grade A", "8851"),
        ("Téléphone IP Cisco 8851", "8851"),
        ("Cisco Telefon 7821", "7821"),
        ("CP-6921-CL-K9", "6921"),
        ("CP-9971-W-CAM-K9", "9971"),
        ("ATA187-I1-A", "ATA187"),
    ] {
        assert_eq!(catalog.model(text).map(|found| found.name.as_str()), Some(model), "{text}");
    }
    for text in ["1", "36999", "5021", "99999999999999999999", "CP-8851ABCD", "CPX8851ABCD", "FCH2012ABCD"] {
        assert_eq!(catalog.model(text).map(|found| found.name.as_str()), None, "{text}");
    }
}
