//! In Kea's words: a fragment to be included in `Dhcp4`.

use std::fmt::Write;

use transload_provision::options::Pattern;

use super::{Class, Sheet, Who, as_addresses, as_text, head};

pub(super) fn text(sheet: &Sheet) -> String {
    let how = [
        "Put it into the section Dhcp4 of Kea's configuration, where these lists do not stand yet:",
        "    \"Dhcp4\": { <?include \"/etc/kea/transload-kea.json\"?>, … }",
        "Where Kea has option-def, client-classes or hooks-libraries already, copy the entries into those lists instead.",
        "ADAPT: the path of libdhcp_flex_option.so (it comes with Kea): option 159 is given by it, because Kea knows that",
        "number as another option and refuses to define it as text; its own option 159 must not be set.",
        "ADAPT: remove options 66, 150, 159, 160 and next-server wherever else phones would get them.",
    ];
    let mut text = head(sheet, "//", &how);
    text.push_str(
        "\"option-def\": [\n  \
         { \"name\": \"transload-150\", \"code\": 150, \"type\": \"ipv4-address\", \"array\": true },\n  \
         { \"name\": \"transload-160\", \"code\": 160, \"type\": \"string\" }\n],\n\"client-classes\": [\n",
    );
    let classes: Vec<String> = sheet.classes.iter().map(|class| entry(sheet, class)).collect();
    text.push_str(&classes.join(",\n"));
    text.push_str("\n],\n");
    _ = writeln!(
        text,
        "\"hooks-libraries\": [ {{\n  \"library\": \"/usr/lib/{}-linux-gnu/kea/hooks/libdhcp_flex_option.so\",\n  \
         \"parameters\": {{ \"options\": [",
        std::env::consts::ARCH
    );
    let flexible: Vec<String> = [150, 159].into_iter().filter_map(|code| flexible(sheet, code)).collect();
    text.push_str(&flexible.join(",\n"));
    text.push_str("\n  ] }\n} ]\n");
    text
}

fn entry(sheet: &Sheet, class: &Class) -> String {
    let mut fields =
        vec![format!("\"name\": \"{}\"", class.name), format!("\"test\": \"{}\"", test(sheet, class))];
    fields.extend(class.gives.next_server.map(|address| format!("\"next-server\": \"{address}\"")));
    fields.extend(class.gives.server_name.as_ref().map(|name| format!("\"server-hostname\": \"{name}\"")));
    fields.extend(class.gives.boot_file.as_ref().map(|file| format!("\"boot-file-name\": \"{file}\"")));
    let option = |(code, value): &(u8, Vec<u8>)| {
        let data = match (code, as_text(*code, value)) {
            (159, _) | (150, Some(_)) => return None,
            (150, None) => as_addresses(value, ", "),
            // A comma would begin another value.
            (_, text) => text?.replace(',', "\\\\,"),
        };
        Some(format!("{{ \"code\": {code}, \"data\": \"{data}\", \"always-send\": true }}"))
    };
    let options: Vec<String> = class.gives.options.iter().filter_map(option).collect();
    fields.push(format!("\"option-data\": [ {} ]", options.join(",\n                     ")));
    format!("  {{ {} }}", fields.join(",\n    "))
}

/// Kea's expressions compare whole values and parts at fixed places: nothing is matched anywhere in a text.
fn test(sheet: &Sheet, class: &Class) -> String {
    let is = |text: &String| format!("option[60].hex == '{text}'");
    let begins = |text: &String| format!("substring(option[60].hex, 0, {}) == '{text}'", text.len());
    let any = |tests: Vec<String>| format!("({})", tests.join(" or "));
    let mut tests = Vec::new();
    match &class.who {
        Who::Exactly(texts) => tests.push(any(texts.iter().map(is).collect())),
        Who::Rest { exactly, prefixes } => {
            tests.push(any(exactly.iter().map(is).chain(prefixes.iter().map(begins)).collect()));
            tests.extend(sheet.built_in_before(class).map(|other| format!("not member('{}')", other.name)));
        }
        Who::Rule { vendor_class, oui } => {
            tests.extend(vendor_class.as_ref().map(|pattern| match pattern {
                Pattern::Whole(text) => is(text),
                Pattern::Prefix(text) => begins(text),
                Pattern::Suffix(text) => {
                    format!("substring(option[60].hex, -{0}, {0}) == '{text}'", text.len())
                }
            }));
            let oui: Vec<String> = oui
                .iter()
                .map(|[a, b, c]| format!("substring(pkt4.mac, 0, 3) == 0x{a:02x}{b:02x}{c:02x}"))
                .collect();
            if !oui.is_empty() {
                tests.push(any(oui));
            }
        }
    }
    let earlier = sheet.earlier().take_while(|other| other.name != class.name);
    tests.extend(earlier.map(|other| format!("not member('{}')", other.name)));
    tests.join(" and ")
}

/// What the flexible-option hook gives: option 159, and option 150 where it is text.
fn flexible(sheet: &Sheet, code: u8) -> Option<String> {
    let mut expression = "''".to_owned();
    for class in sheet.classes.iter().rev() {
        let value = class.option(code).and_then(|value| as_text(code, value));
        if let Some(text) = value {
            expression = format!("ifelse(member('{}'), '{text}', {expression})", class.name);
        }
    }
    (expression != "''").then(|| format!("    {{ \"code\": {code}, \"supersede\": \"{expression}\" }}"))
}
