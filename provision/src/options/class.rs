//! The user's DHCP classes and their clients.

use std::fmt;
use std::str::FromStr;

use super::Gives;
use crate::mac::Mac;

/// Built-in class of Enterprise phones.
pub(super) const ENTERPRISE: &str = "enterprise";
/// Built-in class of transition loads.
pub(super) const TRANSITION: &str = "transition";
/// Built-in class of Multiplatform phones.
pub(super) const MULTIPLATFORM: &str = "multiplatform";
/// Built-in class of Cisco phones of unknown side.
pub(super) const UNKNOWN_PHONE: &str = "unknown-phone";

/// A pattern for a vendor class (option 60): the whole text, its start, or its end. Letter case counts; trailing NULs
/// of a client do not (RFC 2132 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `CP-8851-3PCC`.
    Whole(String),
    /// `Cisco Systems, Inc.*`.
    Prefix(String),
    /// `*-3PCC`.
    Suffix(String),
}

/// The text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a vendor class to compare with; write all of it, or a beginning as CP-88*, or an end as *-3PCC, \
     in printable ASCII"
)]
pub struct PatternError(pub String);

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (fixed, pattern): (&str, fn(String) -> Self) =
            match (text.strip_suffix('*'), text.strip_prefix('*')) {
                (Some(prefix), _) => (prefix, Self::Prefix),
                (None, Some(suffix)) => (suffix, Self::Suffix),
                (None, None) => (text, Self::Whole),
            };
        // A second star is invalid; a star alone would match every client.
        let plain = |byte| matches!(byte, b' '..=b'~') && byte != b'*';
        if fixed.is_empty() || fixed.len() > 255 || !fixed.bytes().all(plain) {
            return Err(PatternError(text.chars().take(80).collect()));
        }
        Ok(pattern(fixed.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(text) => f.write_str(text),
            Self::Prefix(text) => write!(f, "{text}*"),
            Self::Suffix(text) => write!(f, "*{text}"),
        }
    }
}

impl Pattern {
    /// True if the pattern matches the vendor class.
    pub fn matches(&self, vendor_class: &[u8]) -> bool {
        let end = vendor_class.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let sent = &vendor_class[..end];
        match self {
            Self::Whole(text) => sent == text.as_bytes(),
            Self::Prefix(text) => sent.starts_with(text.as_bytes()),
            Self::Suffix(text) => sent.ends_with(text.as_bytes()),
        }
    }

    /// True if some vendor class matches both patterns.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(whole), pattern) | (pattern, Self::Whole(whole)) => {
                pattern.matches(whole.as_bytes())
            }
            (Self::Prefix(a), Self::Prefix(b)) => a.starts_with(b.as_str()) || b.starts_with(a.as_str()),
            (Self::Suffix(a), Self::Suffix(b)) => a.ends_with(b.as_str()) || b.ends_with(a.as_str()),
            (Self::Prefix(_), Self::Suffix(_)) | (Self::Suffix(_), Self::Prefix(_)) => true,
        }
    }

    /// True if every vendor class that matches `other` matches this pattern.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (pattern, Self::Whole(whole)) => pattern.matches(whole.as_bytes()),
            (Self::Prefix(general), Self::Prefix(special)) => special.starts_with(general.as_str()),
            (Self::Suffix(general), Self::Suffix(special)) => special.ends_with(general.as_str()),
            _ => false,
        }
    }
}

/// One `[[dhcp.class]]`. A client belongs to it if every given condition matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRule {
    /// Its name.
    pub name: String,
    /// The vendor class.
    pub vendor_class: Option<Pattern>,
    /// The OUIs, of which one must match; empty for any.
    pub oui: Vec<[u8; 3]>,
    /// The options of its clients.
    pub gives: Gives,
}

impl ClassRule {
    /// True if a client belongs to the class.
    pub fn matches(&self, vendor_class: Option<&[u8]>, oui: [u8; 3]) -> bool {
        let by_vendor_class = match (&self.vendor_class, vendor_class) {
            (Some(pattern), Some(sent)) => pattern.matches(sent),
            (Some(_), None) => false,
            (None, _) => !self.oui.is_empty(),
        };
        by_vendor_class && (self.oui.is_empty() || self.oui.contains(&oui))
    }

    fn meets(&self, other: &Self) -> bool {
        let vendor_classes = match (&self.vendor_class, &other.vendor_class) {
            (Some(a), Some(b)) => a.meets(b),
            _ => true,
        };
        let any = self.oui.is_empty() || other.oui.is_empty();
        vendor_classes && (any || self.oui.iter().any(|oui| other.oui.contains(oui)))
    }

    fn covers(&self, other: &Self) -> bool {
        let vendor_classes = match (&self.vendor_class, &other.vendor_class) {
            (None, _) => true,
            (Some(general), Some(special)) => general.covers(special),
            (Some(_), None) => false,
        };
        let all = !other.oui.is_empty() && other.oui.iter().all(|oui| self.oui.contains(oui));
        vendor_classes && (self.oui.is_empty() || all)
    }
}

/// The class of a client: the first match in file order.
pub fn find_class<'a>(
    classes: &'a [ClassRule],
    vendor_class: Option<&[u8]>,
    oui: [u8; 3],
) -> Option<&'a ClassRule> {
    classes.iter().find(|class| class.matches(vendor_class, oui))
}

/// A defect in the classes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassError {
    /// A class has no name.
    #[error("a [[dhcp.class]] has no name")]
    Nameless,
    /// Two classes have the same name.
    #[error("class {0} has a name that is taken by another or a built-in class")]
    NameTaken(String),
    /// A class matches no client.
    #[error("class {0} does not say who belongs to it")]
    MatchesNobody(String),
    /// An earlier class matches every client of this one.
    #[error("class {unreachable} never applies: everyone it is for belongs to class {first} before it")]
    Unreachable {
        /// The earlier one.
        first: String,
        /// The later one.
        unreachable: String,
    },
    /// The text is not an OUI.
    #[error("{0:?} is not the first half of a hardware address")]
    Oui(String),
}

impl ClassError {
    /// The cure, as a clause.
    pub fn cure(&self) -> String {
        match self {
            Self::Nameless => "give it one, which explain and status then show".to_owned(),
            Self::NameTaken(..) => "choose another name".to_owned(),
            Self::MatchesNobody(..) => "give it a vendor-class or an oui, or both".to_owned(),
            Self::Unreachable { unreachable, .. } => format!("put {unreachable} first or remove one of them"),
            Self::Oui(..) => "write it as 00:12:34".to_owned(),
        }
    }
}

/// Two classes that may match one client; the first counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The earlier class in the file.
    pub first: String,
    /// The later one.
    pub second: String,
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, second } = self;
        write!(
            f,
            "classes {first} and {second} overlap, and a client of both gets {first}, the first in the file; \
             narrow one of them if that is not meant"
        )
    }
}

/// Checks the classes of a configuration in file order. Overlaps are information for the user; a class that can never
/// apply is an error.
pub fn check_classes(classes: &[ClassRule]) -> Result<Vec<Overlap>, Vec<ClassError>> {
    let (mut overlaps, mut errors) = (Vec::new(), Vec::new());
    for (place, class) in classes.iter().enumerate() {
        let earlier = &classes[..place];
        let name = class.name.as_str();
        if name.trim().is_empty() {
            errors.push(ClassError::Nameless);
        } else if [ENTERPRISE, TRANSITION, MULTIPLATFORM, UNKNOWN_PHONE].contains(&name)
            || earlier.iter().any(|other| other.name == name)
        {
            errors.push(ClassError::NameTaken(name.to_owned()));
        }
        if class.vendor_class.is_none() && class.oui.is_empty() {
            errors.push(ClassError::MatchesNobody(name.to_owned()));
            continue;
        }
        let somebody = |other: &&ClassRule| other.vendor_class.is_some() || !other.oui.is_empty();
        for other in earlier.iter().filter(somebody) {
            let (first, second) = (other.name.clone(), name.to_owned());
            if other.covers(class) {
                errors.push(ClassError::Unreachable { first, unreachable: second });
            } else if other.meets(class) {
                overlaps.push(Overlap { first, second });
            }
        }
    }
    if errors.is_empty() { Ok(overlaps) } else { Err(errors) }
}

/// An OUI: `00:12:34`, `00-12-34` or `001234`.
pub fn parse_oui(text: &str) -> Result<[u8; 3], ClassError> {
    // Spelled as the beginning of a MAC address.
    let whole = format!("{}000000", text.trim()).parse();
    whole.map(Mac::oui).map_err(|_| ClassError::Oui(text.chars().take(40).collect()))
}
