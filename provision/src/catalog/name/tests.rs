use super::*;

fn model(text: &str) -> Option<String> {
    canonical(text)
}

#[test]
fn every_word_of_the_table_stands_once_and_names_its_source() {
    let mut words: Vec<&String> = affixes().iter().flat_map(|row| &row.words).collect();
    for row in affixes() {
        assert!(row.source.len() > 10 && row.date.len() == 7, "{row:?}");
        assert!(row.words.iter().all(|word| *word == word.to_ascii_uppercase()), "{row:?}");
    }
    words.sort();
    words.dedup();
    let tight = affixes().iter().filter(|row| row.tight).map(|row| row.words.len()).sum::<usize>();
    let all = affixes().iter().map(|row| row.words.len()).sum::<usize>();
    assert_eq!(words.len() + tight, all, "a tight letter may stand alone in another row as well");
}

#[test]
fn the_orders_that_cisco_prints_name_their_models() {
    for (text, expected) in [
        ("CP-8851NR-K9", "8851NR"),
        ("8851-3PCC", "8851"),
        ("CP-8851-K9", "8851"),
        ("8851-K9=", "8851"),
        ("CP-8832-NR-K9", "8832NR"),
        ("CP-8832-EU-K9", "8832"),
        ("CP-8841-A-K9", "8841"),
        ("CP-8851-K9++=", "8851"),
        ("CP-8832-NR-K9++=", "8832NR"),
        ("CP-8832-EU-W-K9=", "8832"),
        ("CP-8832-J-W-K9", "8832"),
        ("CP-8832-LA-W-K9=", "8832"),
        ("CP-8832-3PC-NR-K9", "8832NR"),
        ("CP-8832-3PC-EU-K9", "8832"),
        ("CP-8811-3PC-RC-K9=", "8811"),
        ("CP-8811-3PWNAK9-RF", "8811"),
        ("CP-8811-3PCC-K9-WS", "8811"),
        ("CP-8811-ATT-NA-K9=", "8811"),
        ("CP-8845-NC-K9=", "8845"),
        ("CP-8841-R-K9=", "8841"),
        ("CP-8851-K9-WMK", "8851"),
        ("CP-8865NR-K9++=", "8865NR"),
        ("ATA192-3PW-K9", "ATA192"),
        ("Cisco ATA 191", "ATA191"),
        ("CP-8821-EX-K9-BUN", "8821EX"),
        ("DP-9861NR-K9", "9861NR"),
        ("CP-7941G-GE", "7941GE"),
        ("CP-7941G", "7941"),
        ("Cisco SPA525g2", "SPA525G2"),
    ] {
        assert_eq!(model(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_people_and_tools_write_names_the_model_too() {
    for (text, expected) in [
        ("Cisco IP Phone 8845, Global", "8845"),
        ("Cisco 8851 NR", "8851NR"),
        ("cisco8851nr", "8851NR"),
        ("CiscoMPP8851", "8851"),
        ("MODEL_CISCO_8851NR", "8851NR"),
        ("Cisco IP Phone 8851 No Radio variant for TAA", "8851NR"),
        ("NR 8832", "8832NR"),
        ("8851 (white, refurbished)", "8851"),
        ("Cisco IP Phone 8851 (CP-8851-K9=)", "8851"),
        ("8841 with wall mount", "8841"),
        ("Cisco® IP Phone 7821 – Multi-Platform", "7821"),
        ("CP-8851-3PCC V01\0\0", "8851"),
        ("  8851  ", "8851"),
    ] {
        assert_eq!(model(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_phone_or_not_certain_names_no_model() {
    for text in [
        "",
        "Cisco IP Phone",
        "CP-",
        "88",
        "8851X",
        "88511",
        "18851",
        "CP-88513PCC",
        "8845/8865",
        "8851 or NR: 8851NR",
        "8851-BEKEM",
        "CP-8800-A-KEM-WMK=",
        "CP-8841-WMK=",
        "8851 wall mount kit",
        "CP-8832-MIC-WIRED=",
        "CP-8831-DC-K9=",
        "CP-3905-HS=",
        "Cisco IP Phone 8851 Key Expansion Module",
        "reception 8851",
        "８８５１",
        &format!("8851 {}", "white ".repeat(60)),
        &format!("8851{}", "NRGE".repeat(16)),
    ] {
        assert_eq!(model(text), None, "{text}");
    }
}

#[test]
fn two_spellings_of_one_model_are_the_same() {
    assert!(is_same("CP-8851-K9=", "cisco 8851") && !is_same("8851", "8851NR"));
    assert!(is_same("DX80", "dx80") && is_same("mine", "MINE") && !is_same("mine", "8851"));
}
