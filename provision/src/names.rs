//! Reads the file name of a request. Names are matched here and nowhere else.

mod profile;

use crate::catalog::name;
use crate::mac::Mac;
use crate::text::is_hidden;

/// The file that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// `SEP<MAC>.cnf.xml`. A request for the signed form (`.sgn`) shows that the phone has a trust list.
    PhoneConfig {
        /// The phone named.
        mac: Mac,
        /// The signed form is asked for.
        signed: bool,
    },
    /// `XMLDefault.cnf.xml`.
    DefaultConfig {
        /// The signed form is asked for.
        signed: bool,
    },
    /// `/` or any folder: the first request of an MPP phone with a URL in option 160.
    Root,
    /// `8851-3PCC.xml`, `Cisco/CP-8851-3PCC/001234ab45de.cfg`, `CP-8851-3PCC001234ab45de.cfg` and similar.
    Profile {
        /// `$PSN` as in `8851-3PCC`: upper case, without `CP-`.
        psn: Option<String>,
        /// The phone named.
        mac: Option<Mac>,
    },
    /// `<MAU>.lic`, or any other `.lic`.
    License {
        /// The phone named.
        mac: Option<Mac>,
        /// The file name as asked.
        name: String,
    },
    /// `<load>.loads`.
    Loads {
        /// The name without `.loads`, as asked; it may be no valid load name.
        load: String,
    },
    /// `*.sbn` or `*.sebn`.
    Component {
        /// The file name as asked.
        name: String,
    },
    /// `CTLSEP<MAC>.tlv`, `ITLSEP<MAC>.tlv`, `ext_ITLSEP<MAC>.tlv`, `CTLFile.tlv`, `ITLFile.tlv`.
    TrustList {
        /// The phone named.
        mac: Option<Mac>,
    },
    /// Anything else: ring lists, locales, dial rules.
    Other {
        /// The file name as asked.
        name: String,
    },
    /// An impossible file name: control characters, a step upwards, or too long.
    Refused,
}

/// The longest path accepted, in bytes.
const MAX_PATH: usize = 1024;
/// The longest file name, in bytes, as in file systems.
const MAX_NAME: usize = 255;

/// Classifies the path of a request. Letter case, leading slashes and folders before the name do not matter.
pub fn parse(path: &str) -> Asked {
    let Some(segments) = segments(path) else {
        return Asked::Refused;
    };
    let Some((name, folders)) = segments.split_last() else {
        return Asked::Root;
    };
    if name.is_empty() {
        return Asked::Root;
    }
    let lower = name.to_ascii_lowercase();
    let (plain, signed) = match lower.strip_suffix(".sgn") {
        Some(plain) => (plain.strip_suffix(".enc").unwrap_or(plain), true),
        None => (lower.as_str(), false),
    };
    if plain == "xmldefault.cnf.xml" {
        return Asked::DefaultConfig { signed };
    }
    if let Some(mac) = plain.strip_suffix(".cnf.xml").and_then(|stem| device(stem, "sep")) {
        return Asked::PhoneConfig { mac, signed };
    }
    let name = name.clone();
    if let Some(stem) = plain.strip_suffix(".tlv") {
        return trust_list(stem).unwrap_or(Asked::Other { name });
    }
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    match extension {
        "lic" => Asked::License { mac: mac(stem), name },
        "loads" => Asked::Loads { load: name[..stem.len()].to_owned() },
        "sbn" | "sebn" => Asked::Component { name },
        "cfg" | "xml" | "txt" | "" => match profile::read(stem, folders.last().map(String::as_str)) {
            Some(profile) => Asked::Profile { psn: profile.psn, mac: profile.mac },
            None => Asked::Other { name },
        },
        _ => Asked::Other { name },
    }
}

/// `stem` is in lower case. Phones ask for an `ext_` list over HTTPS first.
fn trust_list(stem: &str) -> Option<Asked> {
    let stem = stem.strip_prefix("ext_").unwrap_or(stem);
    if matches!(stem, "ctlfile" | "itlfile") {
        return Some(Asked::TrustList { mac: None });
    }
    let mac = device(stem, "ctlsep").or_else(|| device(stem, "itlsep"))?;
    Some(Asked::TrustList { mac: Some(mac) })
}

/// The phone and attempt in a path's folders: `/001234AB45DE/3/sip88xx.11-2-3MPP-398.loads`.
pub fn path_identity(path: &str) -> Option<(Mac, u32)> {
    let segments = segments(path)?;
    let folders = &segments[..segments.len().saturating_sub(1)];
    folders.windows(2).rev().find_map(|pair| match pair {
        [phone, attempt] if attempt.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((mac(phone)?, attempt.parse().ok()?))
        }
        _ => None,
    })
}

/// The file name of a path without folders; `None` for a folder or an impossible name. It never contains a separator,
/// a control character or `..`.
pub fn bare(path: &str) -> Option<String> {
    segments(path)?.pop().filter(|name| !name.is_empty())
}

/// The folders and file name of a path, joined by `/`, with slashes, backslashes and escapes normalized; `None` for a
/// folder or an impossible name. No segment is empty, `.` or `..`, and none contains a backslash or a control
/// character.
pub fn inner(path: &str) -> Option<String> {
    let segments = segments(path)?;
    segments.last().filter(|name| !name.is_empty())?;
    let segments: Vec<String> = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
    Some(segments.join("/"))
}

/// The path from [`inner`], then the same without its first folder, and so on: phones prefix folders of their own,
/// and our files may lie in folders too.
pub fn tails(inner: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(inner), |rest| rest.split_once('/').map(|(_, tail)| tail))
}

/// The path's segments, decoded once; the last is empty for a folder. `None` for a hostile path.
fn segments(path: &str) -> Option<Vec<String>> {
    if path.len() > MAX_PATH {
        return None;
    }
    let decoded = decode(path);
    if decoded.chars().any(|letter| is_hidden(letter) || matches!(letter, '\u{200c}' | '\u{200d}')) {
        return None;
    }
    let path = without_server(decoded.trim_start_matches(['/', '\\']));
    let mut segments: Vec<&str> = path.split(['/', '\\']).map(str::trim).collect();
    if segments.iter().any(|segment| segment.len() > MAX_NAME || *segment == "..") {
        return None;
    }
    // A final `.` asks for a folder.
    if let Some(last) = segments.last_mut().filter(|last| **last == ".") {
        *last = "";
    }
    Some(segments.into_iter().filter(|segment| *segment != ".").map(str::to_owned).collect())
}

/// The path of a URL. Some TFTP clients send the value of their setting: `tftp://10.23.45.67/name`, or `tftp:name`.
fn without_server(path: &str) -> &str {
    let scheme = ["tftp:", "http:", "https:"].into_iter().find_map(|scheme| {
        let (head, rest) = path.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(rest) = scheme else { return path };
    match rest.strip_prefix("//") {
        Some(server) => server.find('/').map_or("", |end| &server[end..]),
        None => rest,
    }
}

/// Percent-decodes once (RFC 3986 §2.4 forbids more). A `%` that starts no escape stays.
fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            bytes.push((high << 4 | low) as u8);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Exactly twelve hexadecimal digits.
fn mac(text: &str) -> Option<Mac> {
    (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.parse().ok())?
}

/// The MAC in `SEP001234AB45DE`; both in lower case.
fn device(stem: &str, prefix: &str) -> Option<Mac> {
    mac(stem.strip_prefix(prefix)?)
}

/// `8851-3PCC` for `8851-3pcc`, `CP-8851-3PCC`, `8851NR-3PCC`. Cisco's macro table has `7832` for `$PSN` and `IP
/// Phone 7832` for `$PN`, unlike observed phones; both are read as `7832-3PCC`. Other numbers are no phone of these
/// series: `2024.xml` is no profile.
fn psn(text: &str) -> Option<String> {
    let product = name::read(text).filter(|product| product.is_phone() && product.is_of_our_series())?;
    Some(format!("{}-3PCC", product.model()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);

    fn profile(psn: Option<&str>, mac: Option<Mac>) -> Asked {
        Asked::Profile { psn: psn.map(str::to_owned), mac }
    }

    #[test]
    fn every_name_that_phones_ask_for_is_understood() {
        let sep = |signed| Asked::PhoneConfig { mac: MAC, signed };
        let trust = |mac| Asked::TrustList { mac };
        let license = |mac, name: &str| Asked::License { mac, name: name.to_owned() };
        let loads = |load: &str| Asked::Loads { load: load.to_owned() };
        let component = |name: &str| Asked::Component { name: name.to_owned() };
        let other = |name: &str| Asked::Other { name: name.to_owned() };
        for (path, asked) in [
            ("SEP001234AB45DE.cnf.xml", sep(false)),
            ("/SEP001234AB45DE.cnf.xml.sgn", sep(true)),
            ("SEP001234AB45DE.cnf.xml.enc.sgn", sep(true)),
            ("\\sep001234ab45de.CNF.XML", sep(false)),
            ("XMLDefault.cnf.xml", Asked::DefaultConfig { signed: false }),
            ("/XMLDefault.cnf.xml.sgn", Asked::DefaultConfig { signed: true }),
            ("CTLSEP001234AB45DE.tlv", trust(Some(MAC))),
            ("ITLSEP001234AB45DE.tlv", trust(Some(MAC))),
            ("ext_ITLSEP001234AB45DE.tlv", trust(Some(MAC))),
            ("/EXT_itlsep001234ab45de.TLV", trust(Some(MAC))),
            ("CTLSEP001234AB45DE.tlv.sgn", trust(Some(MAC))),
            ("ITLSEPnobody.tlv", other("ITLSEPnobody.tlv")),
            ("ITLFile.tlv", trust(None)),
            ("CTLFile.tlv", trust(None)),
            ("/g3-tones.xml", other("g3-tones.xml")),
            ("English_United_States/be-sip.jar", other("be-sip.jar")),
            ("AppDialRules.xml", other("AppDialRules.xml")),
            ("dialplan.xml", other("dialplan.xml")),
            ("defaultheadsetconfig.json", other("defaultheadsetconfig.json")),
            ("Desktops/320x196x4/List.xml", other("List.xml")),
            ("Ringlist-wb.xml", other("Ringlist-wb.xml")),
            ("ATA001234AB45DE.cnf.xml", other("ATA001234AB45DE.cnf.xml")),
            ("/sip88xx.12-5-1SR1-4.loads", loads("sip88xx.12-5-1SR1-4")),
            ("term41.default.loads", loads("term41.default")),
            ("/001234AB45DE/2/sip88xx.11-2-3MPP-398.LOADS", loads("sip88xx.11-2-3MPP-398")),
            ("rootfs88xx.12-5-1SR1-4.sbn", component("rootfs88xx.12-5-1SR1-4.sbn")),
            ("skern9951.9-4-2SR1-1.SEBN", component("skern9951.9-4-2SR1-1.SEBN")),
            ("/8851-3PCC.xml", profile(Some("8851-3PCC"), None)),
            ("/any/folder/CP-8851-3pcc.XML", profile(Some("8851-3PCC"), None)),
            ("8851NR-3PCC.xml", profile(Some("8851NR-3PCC"), None)),
            ("7832.xml", profile(Some("7832-3PCC"), None)),
            ("/Cisco/CP-8851-3PCC/001234ab45de.cfg", profile(Some("8851-3PCC"), Some(MAC))),
            ("path/Cisco/CP-7832-3PCC/001234ab45de.xml", profile(Some("7832-3PCC"), Some(MAC))),
            ("/CP-8851-3PCC.cfg", profile(Some("8851-3PCC"), None)),
            ("/CP-8851-3PCC001234ab45de.cfg", profile(Some("8851-3PCC"), Some(MAC))),
            ("/00%3A12%3A34%3Aab%3A45%3Ade.cfg", profile(None, Some(MAC))),
            ("/8851-3PCC", profile(Some("8851-3PCC"), None)),
            ("/spa8851-3PCC.cfg", profile(Some("8851-3PCC"), None)),
            ("/FCH2045DA1B.xml", profile(None, None)),
            ("./SEP001234AB45DE.cnf.xml", sep(false)),
            ("/././/SEP001234AB45DE.cnf.xml", sep(false)),
            (".\\SEP001234AB45DE.cnf.xml", sep(false)),
            ("%2e/SEP001234AB45DE.cnf.xml ", sep(false)),
            ("tftp://10.23.45.67/SEP001234AB45DE.cnf.xml", sep(false)),
            ("TFTP:SEP001234AB45DE.cnf.xml", sep(false)),
            ("http://10.23.45.67:6970/./SEP001234AB45DE.cnf.xml", sep(false)),
            (
                "SK50719900-3bee-4594-bc3f-6400e1a33bf0.xml",
                other("SK50719900-3bee-4594-bc3f-6400e1a33bf0.xml"),
            ),
            ("/Cisco/IP%20Phone%207832/001234ab45de.cfg", profile(Some("7832-3PCC"), Some(MAC))),
            ("001234ab45de.cfg", profile(None, Some(MAC))),
            ("/001234AB45DE.lic", license(Some(MAC), "001234AB45DE.lic")),
            ("/001234AB45DE/7/001234ab45de.LIC", license(Some(MAC), "001234ab45de.LIC")),
            ("E2312.lic", license(None, "E2312.lic")),
            ("", Asked::Root),
            ("/", Asked::Root),
            ("//", Asked::Root),
            ("/path/", Asked::Root),
            (".", Asked::Root),
            ("./", Asked::Root),
            ("/path/.", Asked::Root),
            ("http://10.23.45.67", Asked::Root),
        ] {
            assert_eq!(parse(path), asked, "{path:?}");
        }
    }

    #[test]
    fn a_path_can_say_who_asks_and_which_attempt_it_is() {
        assert_eq!(path_identity("/001234AB45DE/12/sip88xx.11-2-3MPP-398.loads"), Some((MAC, 12)));
        assert_eq!(path_identity("\\001234ab45de\\0\\x"), Some((MAC, 0)));
        for path in [
            "/001234AB45DE/x.loads",
            "/001234AB45DE/-1/x.loads",
            "/001234AB45DE/99999999999/x",
            "/x/1/y",
            "/001234AB45DE/1",
        ] {
            assert_eq!(path_identity(path), None, "{path}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for path in [
            "../etc/passwd",
            "/../../etc/passwd",
            "a/../b",
            "..",
            "./../x",
            "x/.. /y",
            "tftp://10.23.45.67/../x",
            "tftp:../x",
            "%2e%2e/SEP001234AB45DE.cnf.xml",
            "%2E%2e%5cx",
            "..\\..\\boot.ini",
            "x\0.xml",
            "x%00.xml",
            "a%0d%0ab",
            " .. /x",
        ] {
            assert_eq!((parse(path), bare(path)), (Asked::Refused, None), "{path:?}");
        }
        assert_eq!(parse(&"x".repeat(MAX_NAME + 1)), Asked::Refused);
        assert_eq!(parse(&"x/".repeat(MAX_PATH)), Asked::Refused);
    }

    #[test]
    fn folders_count_where_files_lie_in_some() {
        for (path, expected) in [
            ("French_France/be-sip.jar", Some("French_France/be-sip.jar")),
            ("/path//French_France\\be-sip.jar", Some("path/French_France/be-sip.jar")),
            ("a/./b", Some("a/b")),
            (".\\x.jar", Some("x.jar")),
            ("tftp://10.23.45.67/French_France/be-sip.jar", Some("French_France/be-sip.jar")),
            ("//Ringlist%2Exml", Some("Ringlist.xml")),
            ("/Desktops%2F320x196x4/List.xml", Some("Desktops/320x196x4/List.xml")),
            ("/folder/", None),
            ("", None),
            ("a/../b", None),
        ] {
            assert_eq!(inner(path).as_deref(), expected, "{path:?}");
        }
        assert_eq!(tails("a/b/c").collect::<Vec<_>>(), ["a/b/c", "b/c", "c"]);
    }

    #[test]
    fn absolute_paths_and_double_escapes_are_mere_names() {
        assert_eq!(bare("/etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(bare("C:\\tftpboot\\g3-tones.xml").as_deref(), Some("g3-tones.xml"));
        assert_eq!(bare("%252e%252e%252fx").as_deref(), Some("%2e%2e%2fx"));
        assert_eq!(bare("100%").as_deref(), Some("100%"));
    }

    proptest! {
        #[test]
        fn no_name_ever_leads_out_of_its_folder(path in "([A-Za-z0-9.%/\\\\]|%2[eEfF]|%5[cC]|%00|\\PC|\\.\\./){0,40}") {
            if let Some(name) = bare(&path) {
                prop_assert!(!name.is_empty() && name != "." && name != "..");
                prop_assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control));
            }
            if let Some(inner) = inner(&path) {
                prop_assert!(!inner.starts_with('/') && !inner.contains('\\'));
                prop_assert!(tails(&inner).all(|tail| !matches!(tail.split('/').next(), Some("" | "." | ".."))));
                let name = bare(&path);
                prop_assert_eq!(tails(&inner).last(), name.as_deref());
            }
            let _ = (parse(&path), path_identity(&path));
        }
    }
}
