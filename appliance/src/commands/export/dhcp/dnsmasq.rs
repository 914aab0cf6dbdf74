//! In dnsmasq's words.

use std::fmt::Write;

use transload_provision::options::Pattern;

use super::{Class, Sheet, Who, as_addresses, as_hex, as_text, head};

/// dnsmasq looks for a text anywhere in the vendor class, so that one that only contains it matches too. Octets are
/// compared from the beginning on, and may be followed by more; so each whole text is told by its octets with nothing
/// behind them, or one NUL and nothing behind that.
pub(super) fn text(sheet: &Sheet) -> String {
    let how = [
        "Put it into /etc/dnsmasq.d/. Vendor classes stand in hexadecimal octets, for only so are they compared from end to",
        "end: dhcp-vendorclass would find them anywhere in a text.",
        "dnsmasq closes option 66 with a NUL, whatever is written; phones do not mind.",
        "ADAPT: remove options 66, 150, 159 and 160 wherever else phones would get them (dhcp-boot sets 66, too).",
    ];
    let mut text = head(sheet, "#", &how);
    let mut number = 0;
    for class in &sheet.classes {
        _ = writeln!(text, "\n# {}", class.name);
        let mut not: Vec<String> = sheet
            .earlier()
            .take_while(|other| other.name != class.name)
            .map(|other| format!(",tag:!{}", other.name))
            .collect();
        match &class.who {
            Who::Exactly(texts) => {
                for whole in texts {
                    exactly(&mut text, &mut number, class, whole, &not);
                }
            }
            Who::Rest { exactly: texts, prefixes } => {
                not.extend(sheet.built_in_before(class).map(|other| format!(",tag:!{}", other.name)));
                for whole in texts {
                    exactly(&mut text, &mut number, class, whole, &not);
                }
                for prefix in prefixes {
                    begins(&mut text, &mut number, class, prefix, &not);
                }
            }
            Who::Rule { vendor_class, oui } => {
                if !oui.is_empty() {
                    for oui in oui {
                        _ = writeln!(text, "dhcp-mac=set:{}-oui,{}:*:*:*", class.name, as_hex(oui));
                    }
                    not.push(format!(",tag:{}-oui", class.name));
                }
                match vendor_class {
                    Some(Pattern::Whole(whole)) => exactly(&mut text, &mut number, class, whole, &not),
                    Some(Pattern::Prefix(prefix)) => begins(&mut text, &mut number, class, prefix, &not),
                    Some(Pattern::Suffix(suffix)) => {
                        number += 1;
                        _ = writeln!(
                            text,
                            "# ADAPT: dnsmasq finds {suffix} anywhere in the text, not only at its end."
                        );
                        _ = writeln!(text, "dhcp-vendorclass=set:transload-{number},{suffix}");
                        _ = writeln!(
                            text,
                            "tag-if=set:{},tag:transload-{number}{}",
                            class.name,
                            not.concat()
                        );
                    }
                    None => _ = writeln!(text, "tag-if=set:{}{}", class.name, not.concat()),
                }
            }
        }
        options(&mut text, class);
    }
    text
}

fn exactly(text: &mut String, number: &mut usize, class: &Class, whole: &str, not: &[String]) {
    *number += 1;
    let (hex, name, not) = (as_hex(whole.as_bytes()), &class.name, not.concat());
    let tag = format!("transload-{number}");
    _ = writeln!(text, "# {whole}");
    for (kind, behind) in [("", ""), ("-longer", ":*"), ("-nul", ":00"), ("-more", ":00:*")] {
        _ = writeln!(text, "dhcp-match=set:{tag}{kind},60,{hex}{behind}");
    }
    _ = writeln!(text, "tag-if=set:{name},tag:{tag},tag:!{tag}-longer{not}");
    _ = writeln!(text, "tag-if=set:{name},tag:{tag}-nul,tag:!{tag}-more{not}");
}

fn begins(text: &mut String, number: &mut usize, class: &Class, prefix: &str, not: &[String]) {
    *number += 1;
    _ = writeln!(text, "# {prefix}*\ndhcp-match=set:transload-{number},60,{}", as_hex(prefix.as_bytes()));
    _ = writeln!(text, "tag-if=set:{},tag:transload-{number}{}", class.name, not.concat());
}

fn options(text: &mut String, class: &Class) {
    for (code, value) in &class.gives.options {
        let said = as_text(*code, value);
        let (code, value) = match (code, said) {
            (66, _) => ("option:tftp-server".to_owned(), said.unwrap_or_default().to_owned()),
            (150, None) => (code.to_string(), as_addresses(value, ",")),
            // In quotation marks it is text, whatever it looks like.
            _ => (code.to_string(), format!("\"{}\"", said.unwrap_or_default())),
        };
        _ = writeln!(text, "dhcp-option-force=tag:{},{code},{value}", class.name);
    }
    if class.gives.server_name.is_some() || class.gives.boot_file.is_some() {
        let file = class.gives.boot_file.as_deref().unwrap_or_default();
        let name = class.gives.server_name.as_deref().unwrap_or_default();
        let address = class.gives.next_server.map_or_else(String::new, |address| format!(",{address}"));
        _ = writeln!(text, "dhcp-boot=tag:{},{file},{name}{address}", class.name);
    }
}
