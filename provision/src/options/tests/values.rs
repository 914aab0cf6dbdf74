use super::super::*;
use super::{SERVER, US};

fn text(value: &str) -> OptionValue {
    OptionValue::Text(value.into())
}

#[test]
fn option_150_is_addresses_as_a_list_and_text_as_a_string() {
    let list = OptionValue::Addresses(vec![SERVER.address, Ipv4Addr::new(10, 23, 45, 68)]);
    assert_eq!(phone_option(150, &list), Ok(vec![10, 23, 45, 67, 10, 23, 45, 68]));
    for good in
        ["http://a;10.23.45.67", "10.23.45.67", "https://a.example:8443/p/$PSN.xml;tftp://10.23.45.67"]
    {
        assert_eq!(phone_option(150, &text(good)), Ok(good.as_bytes().to_vec()));
    }
    for (bad, part) in [
        ("http://a;", ""),
        ("http://a; 10.23.45.67", " 10.23.45.67"),
        ("10.23.45", "10.23.45"),
        ("a.example", "a.example"),
        ("10.23.45.67,10.23.45.68", "10.23.45.67,10.23.45.68"),
        ("http://a\0", "http://a\0"),
    ] {
        let error = OptionError::NeitherUrlNorAddress { code: 150, part: part.into() };
        assert_eq!(phone_option(150, &text(bad)), Err(error));
    }
    assert_eq!(phone_option(150, &OptionValue::Addresses(vec![])), Err(OptionError::Empty(150)));
    assert_eq!(phone_option(150, &text("")), Err(OptionError::Empty(150)));
    let many = OptionValue::Addresses(vec![SERVER.address; 64]);
    assert_eq!(phone_option(150, &many), Err(OptionError::TooLong { code: 150, length: 256 }));
}

#[test]
fn options_159_and_160_are_a_url() {
    for code in [159, 160] {
        for good in [
            "http://10.23.45.67",
            "HTTP://10.23.45.67/path/",
            "tftp://server:69/$PSN.xml",
            "https://a-b.example",
        ] {
            assert_eq!(phone_option(code, &text(good)), Ok(good.as_bytes().to_vec()));
        }
        for bad in [
            "10.23.45.67",
            "ftp://10.23.45.67",
            "http://",
            "http:///path",
            "http://a:0",
            "http://a:",
            "http://a:70000",
            "http://a b",
            "http://a/é",
            "http://10.23.45.678",
            "http://-a",
            "http://a..b",
            "http://a/\n",
        ] {
            assert_eq!(phone_option(code, &text(bad)), Err(OptionError::NotAUrl { code, part: bad.into() }));
        }
        let list = OptionValue::Addresses(US.to_vec());
        assert_eq!(phone_option(code, &list), Err(OptionError::NeedsText(code)));
        let long = format!("http://a/{}", "x".repeat(247));
        assert_eq!(phone_option(code, &text(&long)), Err(OptionError::TooLong { code, length: 256 }));
    }
}

#[test]
fn option_66_is_text_that_names_a_server() {
    for good in ["10.23.45.67", "tftp.example", "http://10.23.45.67/path"] {
        assert_eq!(phone_option(66, &text(good)), Ok(good.as_bytes().to_vec()));
    }
    for bad in ["10.23.45.67\0", "10.23.45", "a b", "a;b", "ftp://a"] {
        assert_eq!(phone_option(66, &text(bad)), Err(OptionError::NotAServer { code: 66, part: bad.into() }));
    }
    assert_eq!(phone_option(66, &OptionValue::Addresses(US.to_vec())), Err(OptionError::NeedsText(66)));
    assert_eq!(phone_option(67, &text("x")), Err(OptionError::NotAPhoneOption(67)));
}

#[test]
fn what_steers_phones_cannot_be_told_to_everything() {
    for code in [66, 150, 159, 160] {
        let error = check_general(code, "[dhcp] options").unwrap_err();
        let cause = error.to_string();
        assert!(cause.contains(&format!("option {code} ")) && cause.contains("[dhcp] options"), "{cause}");
        assert!(error.cure().contains("[[dhcp.class]]"), "{}", error.cure());
    }
    assert_eq!(check_general(42, "[dhcp] options"), Ok(()));
}
