//! Macros and rules of Multiplatform firmware (cisco-phones.md §6.1 and §6.2).

use std::cmp::Ordering;

/// Expands `$NAME` and `$(NAME)` once. `$$` is a dollar sign; a name unknown to `value` stays as it is.
pub fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, used) = if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        } else if let Some((name, _)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            (name, name.len() + 2)
        } else {
            let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
            let length = after.len() - after.trim_start_matches(plain).len();
            (&after[..length], length)
        };
        match value(name) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..=at + used]),
        }
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

/// The URL of a rule with expanded macros: of its alternatives, split by `|`, the first without a condition or with a
/// true one. `None` if there is none.
pub fn choose(rule: &str) -> Option<String> {
    rule.split('|').find_map(|alternative| {
        let alternative = alternative.trim();
        let url = match condition(alternative) {
            Some((condition, url)) => holds(condition).then_some(url)?,
            None => alternative,
        };
        let url = without_options(url);
        (!url.is_empty()).then(|| url.to_owned())
    })
}

/// Splits `(condition)? URL`.
fn condition(alternative: &str) -> Option<(&str, &str)> {
    let (condition, rest) = alternative.strip_prefix('(')?.split_once(')')?;
    Some((condition, rest.trim_start().strip_prefix('?')?.trim()))
}

/// Strips `[--key …]` before a URL.
fn without_options(url: &str) -> &str {
    match url.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((_, url)) => url.trim(),
        None => url,
    }
}

/// True if all comparisons of a condition hold; they are joined by `and` only.
fn holds(condition: &str) -> bool {
    condition.replace(" AND ", " and ").split(" and ").all(comparison)
}

type Test = fn(Ordering) -> bool;

fn comparison(text: &str) -> bool {
    const OPERATORS: [(&str, Test); 14] = [
        (" eq ", Ordering::is_eq),
        (" ne ", Ordering::is_ne),
        (" lt ", Ordering::is_lt),
        (" le ", Ordering::is_le),
        (" gt ", Ordering::is_gt),
        (" ge ", Ordering::is_ge),
        ("==", Ordering::is_eq),
        ("!=", Ordering::is_ne),
        ("<=", Ordering::is_le),
        (">=", Ordering::is_ge),
        ("<", Ordering::is_lt),
        (">", Ordering::is_gt),
        ("=", Ordering::is_eq),
        ("!", Ordering::is_ne),
    ];
    let Some((left, right, test)) = OPERATORS
        .iter()
        .find_map(|(operator, test)| text.split_once(operator).map(|(left, right)| (left, right, test)))
    else {
        return false;
    };
    compare(left.trim(), right.trim()).is_some_and(test)
        || (compare(left.trim(), right.trim()).is_none() && test(Ordering::Less) && test(Ordering::Greater))
}

/// Quoted operands compare as text, others as versions without model and prefix. Versions in different formats have
/// no order and are not equal.
fn compare(left: &str, right: &str) -> Option<Ordering> {
    let quoted = |text: &str| text.starts_with('"') || text.starts_with('\'');
    if quoted(left) || quoted(right) {
        let bare = |text: &str| text.trim_matches(['"', '\'']).to_owned();
        return Some(bare(left).cmp(&bare(right)));
    }
    let (left, right) = (version(left), version(right));
    if left == right {
        return Some(Ordering::Equal);
    }
    let words =
        |parts: &[VersionPart]| parts.iter().filter(|part| matches!(part, VersionPart::Word(_))).count();
    let transition = |parts: &[VersionPart]| matches!(parts.first(), Some(VersionPart::Word(_)));
    (!transition(&left) && !transition(&right) && (words(&left) > 0) == (words(&right) > 0))
        .then(|| left.cmp(&right))
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum VersionPart {
    Number(u64),
    Word(String),
}

/// `sip88xx.11-2-3MPP-398` as 11, 2, 3, MPP, 398.
fn version(text: &str) -> Vec<VersionPart> {
    let family = |text: &str| text.to_ascii_lowercase().starts_with("sip");
    let text = match text.split_once('.') {
        Some((prefix, version)) if family(prefix) => version,
        _ => text,
    };
    let text = text.strip_suffix(".loads").unwrap_or(text);
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let class: fn(char) -> bool = match first {
            '0'..='9' => |c| c.is_ascii_digit(),
            'a'..='z' | 'A'..='Z' => |c| c.is_ascii_alphabetic(),
            _ => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        let length = rest.len() - rest.trim_start_matches(class).len();
        let run = &rest[..length];
        parts.push(
            run.parse().map_or_else(|_| VersionPart::Word(run.to_ascii_uppercase()), VersionPart::Number),
        );
        rest = &rest[length..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        let text = match name {
            "MAU" => "001234AB45DE",
            "MA" => "001234ab45de",
            "PSN" => "8851-3PCC",
            "SWVER" => "sip88xx.TLexM2E-11-2-3C-4",
            "A" => "$MA",
            _ => return None,
        };
        Some(text.to_owned())
    }

    #[test]
    fn macros_are_expanded_once_and_unknown_ones_stay() {
        for (text, expanded) in [
            ("http://10.23.45.67/$MAU.lic", "http://10.23.45.67/001234AB45DE.lic"),
            ("/$PSN.xml", "/8851-3PCC.xml"),
            ("$(MA)x$MAU", "001234ab45dex001234AB45DE"),
            ("$$MAU", "$MAU"),
            ("$A", "$MA"),
            ("$NOPE $(NOPE) $ $(open", "$NOPE $(NOPE) $ $(open"),
        ] {
            assert_eq!(expand(text, value), expanded, "{text}");
        }
    }

    #[test]
    fn the_conditional_of_the_return_journey_takes_the_step_that_fits_the_load() {
        let rule = "\n  ($SWVER eq sip88xx.TLexM2E-11-2-3C-4)? http://h/sip88xx.12-5-1SR1-4.loads |\n  http://h/sip88xx.TLexM2E-11-2-3C-4.loads\n";
        let at = |load: &str| choose(&expand(rule, |name| (name == "SWVER").then(|| load.to_owned())));
        assert_eq!(at("sip88xx.TLexM2E-11-2-3C-4").as_deref(), Some("http://h/sip88xx.12-5-1SR1-4.loads"));
        assert_eq!(at("sip88xx.11-2-3MPP-398").as_deref(), Some("http://h/sip88xx.TLexM2E-11-2-3C-4.loads"));
    }

    #[test]
    fn comparisons_follow_versions_or_quoted_text() {
        for (condition, expected) in [
            ("sip88xx.11-3-1MSR3-3 eq 11-3-1MSR3-3", true),
            ("sip88xx.11-2-3MPP-398 lt sip88xx.12-0-7MPP0201-66", true),
            ("12.0.7 ge 11.3.1 and 12.0.7 != 12.0.8", true),
            ("12.0.7 ge 11.3.1 AND 12.0.7 eq 12.0.8", false),
            ("\"sip88xx.11-2-3MPP-398\" eq \"11-2-3MPP-398\"", false),
            ("sip88xx.TLexM2E-11-2-3C-4 ne sip88xx.11-2-3MPP-398", true),
            ("sip88xx.TLexM2E-11-2-3C-4 lt sip88xx.11-2-3MPP-398", false),
            ("no operator", false),
        ] {
            assert_eq!(holds(condition), expected, "{condition}");
        }
    }

    #[test]
    fn a_rule_without_a_fitting_alternative_is_no_url() {
        assert_eq!(choose("(1.0.0 eq 2.0.0)? http://h/a"), None);
        assert_eq!(choose("  "), None);
        assert_eq!(choose("[--key abc] http://h/a").as_deref(), Some("http://h/a"));
    }
}
