use proptest::prelude::*;

use super::*;

const ENTERPRISE: &[u8] = &[1, 42, 66, 6, 3, 15, 150, 35];
const MPP: &[u8] = &[1, 3, 6, 15, 35, 66, 150, 2, 7, 42, 43, 58, 59, 159, 160];

#[test]
fn vendor_classes_as_phones_send_them() {
    use Persona::{Enterprise, Multiplatform, Unknown};
    for (value, persona, model) in [
        ("Cisco Systems, Inc. IP Phone CP-8841", Enterprise, Some("8841")),
        ("Cisco Systems, Inc. IP Phone CP-8841\0", Enterprise, Some("8841")),
        ("Cisco Systems, Inc. IP Phone CP-8851NR\0\0", Enterprise, Some("8851NR")),
        ("Cisco System, Inc. IP Phone CP-7821", Enterprise, Some("7821")),
        ("Cisco Systems Inc. Wireless Phone 8821", Enterprise, Some("8821")),
        ("Cisco Systems, Inc. IP Phone CP-8831", Enterprise, Some("8831")),
        ("CP-8851-3PCC\0", Multiplatform, Some("8851")),
        ("CP-7841-3PCC", Multiplatform, Some("7841")),
        ("cp-8865nr-3pcc", Multiplatform, Some("8865NR")),
        ("Cisco Systems, Inc. IP Phone CP-8851-3PCC\0", Multiplatform, Some("8851")),
        ("CP-8851", Unknown, Some("8851")),
        ("dslforum.org", Multiplatform, None),
        ("Cisco CP-8851-3PCC", Multiplatform, Some("8851")),
        ("Cisco IP Phone CP-8851-3PCC\0", Multiplatform, Some("8851")),
        ("Cisco Systems, Inc. IP Phone CP-8851-3PCC V01", Multiplatform, Some("8851")),
        ("Cisco Systems, Inc. IP Phone CP-8832-K9", Enterprise, Some("8832")),
        ("Cisco Systems, Inc. IP Phone CP-8832-NR-K9", Enterprise, Some("8832NR")),
        ("Cisco Systems, Inc. IP Phone CP-8851-K9++=", Enterprise, Some("8851")),
        ("Cisco Systems, Inc. IP Phone CP-8851-ZZ", Enterprise, Some("CP-8851-ZZ")),
        ("CP-8832-3PC-EU-K9", Multiplatform, Some("8832")),
        ("CP-8811-3PWNAK9\0", Multiplatform, Some("8811")),
        ("DP-9851", Unknown, Some("9851")),
        ("Cisco Systems, Inc. IP Phone CP-885l", Unknown, Some("CP-885l")),
        (
            "Cisco Systems, Inc. IP Phone\u{a0}CP-8851-\u{e9}\u{a0}x",
            Enterprise,
            Some("CP-8851-\u{e9}\u{a0}x"),
        ),
        ("Cisco Systems, Inc. IP Phone something new", Unknown, None),
        ("Cisco Systems, Inc.", Unknown, None),
        ("Cisco Systems, Inc. IP Phone\0", Unknown, None),
        ("Cisco Systems, Inc. IP Phone 7912", Unknown, Some("7912")),
        ("Cisco Systems, Inc. IP Phone CP-7941G\0", Unknown, Some("7941")),
        ("Cisco System, Inc. IP Phone CP-8945", Unknown, Some("8945")),
        ("Cisco Systems, Inc. IP Phone SPA504G", Unknown, Some("SPA504G")),
        ("CP-6841-3PCC\0", Unknown, Some("6841")),
        ("Cisco SPA525g", Unknown, Some("SPA525G")),
        ("CISCO SPA112", Unknown, Some("SPA112")),
        ("CISCO ATA191-MPP", Unknown, Some("ATA191")),
    ] {
        let signal = vendor_class(value.as_bytes()).unwrap_or_else(|| panic!("{value:?}"));
        assert_eq!((signal.persona, signal.model.as_deref()), (persona, model), "{value:?}");
    }
}

#[test]
fn other_clients_are_no_phones() {
    for value in [
        "",
        "\0\0",
        "MSFT 5.0",
        "udhcp 1.36.1",
        "android-dhcp-13",
        "dslforum.org.example",
        "x dslforum.org",
        "my CP-8851-3PCC",
        "Not Cisco Systems, Inc. IP Phone CP-8841",
        "Cisco AP c2800",
        "Cisco C9120",
        "Cisco 8812",
        "CP-8851-BEKEM",
        "CP-",
        "CP-8851-3PCC-or-so",
        "docsis3.0:",
    ] {
        assert_eq!(vendor_class(value.as_bytes()), None, "{value:?}");
    }
    assert_eq!(vendor_class(b"CP-8851\xff-3PCC"), None);
}

#[test]
fn a_cisco_address_is_needed_where_the_vendor_class_is_anybodys() {
    let phone = Mac([0xf8, 0xa5, 0xc5, 1, 2, 3]);
    let stranger = Mac([0x02, 0, 0, 1, 2, 3]);
    assert_eq!(
        dhcp(Some(b"dslforum.org"), MPP, phone).map(|signal| signal.persona),
        Some(Persona::Multiplatform)
    );
    assert_eq!(dhcp(Some(b"dslforum.org"), MPP, stranger), None);
    assert!(dhcp(Some(b"CP-8851-3PCC"), MPP, stranger).is_some());
    assert_eq!(dhcp(None, ENTERPRISE, phone), None, "switches and access points have Cisco addresses, too");
}

#[test]
fn the_request_list_decides_what_the_vendor_class_leaves_open() {
    let persona = |vendor: &[u8], list| dhcp(Some(vendor), list, Mac([0; 6])).unwrap().persona;
    assert_eq!(persona(b"Cisco Systems, Inc.", ENTERPRISE), Persona::Enterprise);
    assert_eq!(persona(b"CP-8851", MPP), Persona::Multiplatform);
    assert_eq!(persona(b"CP-8851", &[1, 3, 6]), Persona::Unknown);
    assert_eq!(
        persona(b"Cisco Systems, Inc. IP Phone CP-8841", MPP),
        Persona::Unknown,
        "an Enterprise name with a Multiplatform list decides nothing"
    );
    assert_eq!(persona(b"Cisco SPA504G", MPP), Persona::Unknown, "SPA phones ask for 160 and are not ours");
}

#[test]
fn user_agents_as_phones_send_them() {
    let signal = user_agent("Cisco-CP-8841-3PCC/11.0 (00562b043615)").unwrap();
    assert_eq!(signal.persona, Persona::Multiplatform);
    assert_eq!((signal.model.as_deref(), signal.version.as_deref()), (Some("8841"), Some("11.0")));
    assert_eq!(signal.mac, "00562B043615".parse().ok());
    let signal = user_agent("Cisco-CP-8865NR-3PCC/12.0.3_dcf719f39350_aa-bb_cc").unwrap();
    assert_eq!((signal.model.as_deref(), signal.version.as_deref()), (Some("8865NR"), Some("12.0.3")));
    assert_eq!(signal.mac, "DCF719F39350".parse().ok());
    let signal = user_agent("Cisco-CP7821/12.1.1").unwrap();
    assert_eq!(
        (signal.persona, signal.model.as_deref(), signal.mac),
        (Persona::Enterprise, Some("7821"), None)
    );
    for other in [
        "curl/8.0",
        "",
        "Mozilla/5.0 Cisco-CP-8841-3PCC/11.0 (00562b043615)",
        "Cisco-CP-",
        "Cisco/SPA504G-7.4.9c (x)",
    ] {
        assert_eq!(user_agent(other), None, "{other}");
    }
}

#[test]
fn prefixes_seen_on_phones_are_ciscos() {
    for mac in [
        "C80084000000",
        "706E6D000000",
        "706BB9000000",
        "F87B20000000",
        "C4B9CD000000",
        "F0B2E5000000",
        "CC9891000000",
        "B000B4000000",
        "2C3124000000",
        "F8A5C5000000",
        "74A02F000000",
        "007686000000",
        "AC7E8A000000",
        "DCF719000000",
        "00562B000000",
        "C4C603000000",
        "D0EC35000000",
        "08CC68000000",
        "58971E000000",
    ] {
        assert!(is_cisco_oui(mac.parse::<Mac>().unwrap().oui()), "{mac}");
    }
    assert!(!is_cisco_oui([0x52, 0x54, 0x00]));
}

proptest! {
    #[test]
    fn anything_can_be_said(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "(Cisco-CP-?[0-9A-Z]{0,6}/)?\\PC{0,300}") {
        let _ = (vendor_class(&bytes), request_list(&bytes), user_agent(&text), vendor_class(text.as_bytes()));
    }
}
