//! In ISC dhcpd's words.

use std::fmt::Write;

use transload_provision::options::Pattern;

use super::{Class, Sheet, Who, as_addresses, as_hex, as_text, head};

pub(super) fn text(sheet: &Sheet) -> String {
    let how = [
        "Put it beside dhcpd.conf, and before the subnets there: include \"/etc/dhcp/transload-dhcpd.conf\";",
        "ADAPT: remove option tftp-server-name, options 150, 159 and 160 and next-server wherever else phones would get them.",
        "ADAPT: where these options have names already, use those and remove the definitions here.",
    ];
    let mut text = head(sheet, "#", &how);
    // Text in option 150 is for Multiplatform phones alone, and then it has to be written octet by octet.
    let plain =
        sheet.classes.iter().all(|class| class.option(150).is_none_or(|value| as_text(150, value).is_none()));
    let kind = if plain { "array of ip-address" } else { "string" };
    _ = writeln!(
        text,
        "option transload-150 code 150 = {kind};\noption transload-159 code 159 = text;\noption transload-160 code 160 = text;\n"
    );
    for class in &sheet.classes {
        _ = writeln!(text, "class \"{}\" {{\n  match if {};", class.name, test(sheet, class));
        if let Some(address) = class.gives.next_server {
            _ = writeln!(text, "  next-server {address};");
        }
        if let Some(name) = &class.gives.server_name {
            _ = writeln!(text, "  server-name \"{name}\";");
        }
        if let Some(file) = &class.gives.boot_file {
            _ = writeln!(text, "  filename \"{file}\";");
        }
        for (code, value) in &class.gives.options {
            let said = as_text(*code, value).map(|text| format!("\"{text}\""));
            let (name, value) = match code {
                66 => ("tftp-server-name", said.unwrap_or_default()),
                150 if plain => ("transload-150", as_addresses(value, ", ")),
                150 => ("transload-150", as_hex(value)),
                159 => ("transload-159", said.unwrap_or_default()),
                _ => ("transload-160", said.unwrap_or_default()),
            };
            _ = writeln!(text, "  option {name} {value};");
        }
        let codes: Vec<String> = class.gives.options.iter().map(|(code, _)| format!("{code:x}")).collect();
        if !codes.is_empty() {
            let all = codes.join(",");
            // Sent whether or not the phone asks for them; one that asks for nothing is sent all there is.
            _ = writeln!(
                text,
                "  if exists dhcp-parameter-request-list {{\n    \
                 option dhcp-parameter-request-list = concat(option dhcp-parameter-request-list,{all});\n  }}"
            );
        }
        text.push_str("}\n\n");
    }
    text
}

/// Whole values and parts at fixed places are compared, never a text anywhere in another; one NUL may close it.
fn test(sheet: &Sheet, class: &Class) -> String {
    let exactly =
        |texts: &[String]| texts.iter().map(|text| is(text)).collect::<Vec<_>>().join("\n      or ");
    let mut tests = Vec::new();
    match &class.who {
        Who::Exactly(texts) => tests.push(format!("({})", exactly(texts))),
        Who::Rest { exactly: texts, prefixes } => {
            let begin: Vec<String> = prefixes.iter().map(|prefix| begins(prefix)).collect();
            tests.push(format!("({}\n      or {})", exactly(texts), begin.join("\n      or ")));
            for other in sheet.built_in_before(class) {
                if let Who::Exactly(texts) = &other.who {
                    tests.push(format!("not ({})", exactly(texts)));
                }
            }
        }
        Who::Rule { .. } => tests.push(rule(class)),
    }
    let earlier = sheet.earlier().take_while(|other| other.name != class.name);
    tests.extend(earlier.map(|other| format!("not {}", rule(other))));
    tests.join("\n    and ")
}

fn is(text: &str) -> String {
    let text = quoted(text);
    format!("option vendor-class-identifier = \"{text}\" or option vendor-class-identifier = \"{text}\\000\"")
}

fn begins(text: &str) -> String {
    format!("substring(option vendor-class-identifier, 0, {}) = \"{}\"", text.len(), quoted(text))
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn rule(class: &Class) -> String {
    let Who::Rule { vendor_class, oui } = &class.who else { return String::new() };
    let mut tests = Vec::new();
    tests.extend(vendor_class.as_ref().map(|pattern| match pattern {
        Pattern::Whole(text) => format!("({})", is(text)),
        Pattern::Prefix(text) => begins(text),
        Pattern::Suffix(text) => {
            format!("suffix(option vendor-class-identifier, {}) = \"{}\"", text.len(), quoted(text))
        }
    }));
    if !oui.is_empty() {
        let any: Vec<String> =
            oui.iter().map(|oui| format!("substring(hardware, 1, 3) = {}", as_hex(oui))).collect();
        tests.push(format!("({})", any.join(" or ")));
    }
    format!("({})", tests.join(" and "))
}
