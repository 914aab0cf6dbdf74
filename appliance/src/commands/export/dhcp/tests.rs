use std::net::Ipv4Addr;

use super::*;

fn made(site: &Site, rules: &[ClassRule]) -> Sheet {
    let server = FileServer { address: Ipv4Addr::new(10, 23, 45, 67), port: 80 };
    sheet(server, site, rules, &Catalog::current())
}

fn all(sheet: &Sheet) -> [String; 3] {
    [kea::text(sheet), dnsmasq::text(sheet), isc_dhcpd::text(sheet)]
}

#[test]
fn every_known_vendor_class_is_in_the_class_that_our_server_puts_it_in() {
    let sheet = made(&Site::default(), &[]);
    let names: Vec<&str> = sheet.classes.iter().map(|class| class.name.as_str()).collect();
    assert_eq!(names, ["transload-multiplatform", "transload-enterprise", "transload-unknown-phone"]);
    let of = |at: usize| match &sheet.classes[at].who {
        Who::Exactly(texts) | Who::Rest { exactly: texts, .. } => texts.clone(),
        Who::Rule { .. } => Vec::new(),
    };
    assert!(of(0).contains(&"CP-8851-3PCC".to_owned()) && of(0).contains(&"CP-8865NR-3PCC".to_owned()));
    assert!(of(1).contains(&"Cisco Systems, Inc. IP Phone CP-7841".to_owned()));
    assert!(of(2).contains(&"CP-8851".to_owned()));
    assert!(of(0).iter().chain(&of(1)).all(|text| !text.contains("6921")), "other series are none of ours");
}

#[test]
fn who_is_steered_elsewhere_is_told_so_in_all_languages() {
    let site = Site { call_managers: Some(vec![Ipv4Addr::new(192, 0, 2, 10)]), cda: true, home: Vec::new() };
    for text in all(&made(&site, &[])) {
        assert!(text.contains("192.0.2.10"), "{text}");
        assert!(!text.contains("\"http://10.23.45.67\""), "CDA steers: no URL\n{text}");
    }
}

#[test]
fn a_class_of_the_users_comes_first_and_what_cannot_be_said_is_noted() {
    let rule = ClassRule {
        name: "my lab".into(),
        vendor_class: Some("*-3PCC".parse().unwrap()),
        oui: vec![[0, 0x12, 0x34]],
        gives: Gives {
            options: vec![(12, b"x".to_vec()), (150, b"http://10.9.9.9".to_vec())],
            ..Gives::default()
        },
    };
    let sheet = made(&Site::default(), &[rule]);
    let [kea, dnsmasq, dhcpd] = all(&sheet);
    assert!(
        kea.contains("not member('transload-my-lab')") && kea.contains("{ \"code\": 150, \"supersede\""),
        "{kea}"
    );
    assert!(
        kea.contains(
            "substring(option[60].hex, -5, 5) == '-3PCC' and (substring(pkt4.mac, 0, 3) == 0x001234)"
        )
    );
    assert!(
        dnsmasq.contains("tag:!transload-my-lab")
            && dnsmasq.contains("dhcp-mac=set:transload-my-lab-oui,00:12:34:*:*:*")
    );
    assert!(
        dhcpd.contains("code 150 = string") && dhcpd.contains("substring(hardware, 1, 3) = 00:12:34"),
        "{dhcpd}"
    );
    for text in [kea, dnsmasq, dhcpd] {
        assert!(text.contains("Class my lab: option 12 is left out"), "{text}");
    }
}
