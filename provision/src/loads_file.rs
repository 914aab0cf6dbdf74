//! Reads `.loads` files: the components that each hardware variant fetches.

use crate::library::Platform;

/// The largest `.loads` file read, in bytes; real ones have one or two thousand.
pub const MAX_FILE: usize = 1 << 20;
/// The most platforms taken from one file; real ones have three.
pub const MAX_PLATFORMS: usize = 64;
/// The most components taken for one platform; real ones have five or so.
pub const MAX_COMPONENTS: usize = 256;

/// The reason that a `.loads` file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadsFileError {
    /// There is no platform section.
    #[error("it has no [PLATFORM_n] section; take it from Cisco's package again")]
    NoPlatform,
    /// The sections are empty.
    #[error("it names no component (*.sbn, *.sebn); take it from Cisco's package again")]
    NoComponent,
    /// A component name contains folders or control characters.
    #[error("it names {0:?}, which is no plain file name; take it from Cisco's package again")]
    NotAName(String),
    /// The file exceeds a bound.
    #[error("it is larger than a .loads file can be ({0})")]
    TooLarge(&'static str),
}

/// The platforms of a `.loads` file and the components of each, as written.
///
/// The parser is lenient: everything before the first `[PLATFORM_` is a signature header. After it, every word that
/// ends in `.sbn` or `.sebn` is a component of its section. Component names are never derived from the load's: boot
/// components have versions of their own.
pub fn parse(file: &[u8]) -> Result<Vec<Platform>, LoadsFileError> {
    const SECTION: &[u8] = b"[PLATFORM_";
    if file.len() > MAX_FILE {
        return Err(LoadsFileError::TooLarge("1 MiB"));
    }
    let start = file
        .windows(SECTION.len())
        .position(|window| window.eq_ignore_ascii_case(SECTION))
        .ok_or(LoadsFileError::NoPlatform)?;
    let text = String::from_utf8_lossy(&file[start..]);
    let mut platforms: Vec<Platform> = Vec::new();
    let mut in_platform = false;
    for line in text.split(['\n', '\r']) {
        let line = line.split([';', '#']).next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            in_platform = section.to_ascii_uppercase().starts_with("PLATFORM_");
            if in_platform {
                if platforms.len() == MAX_PLATFORMS {
                    return Err(LoadsFileError::TooLarge("64 platforms"));
                }
                platforms.push(Platform { name: section.to_owned(), components: Vec::new() });
            }
            continue;
        }
        let Some(platform) = platforms.last_mut().filter(|_| in_platform) else {
            continue;
        };
        for word in line.split(|c: char| c.is_ascii_whitespace() || "=,\"'".contains(c)) {
            let extension = word.rsplit_once('.').map_or("", |(_, extension)| extension);
            if !["sbn", "sebn"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
                continue;
            }
            if !is_plain_name(word) {
                return Err(LoadsFileError::NotAName(word.chars().take(80).collect()));
            }
            if platform.components.len() == MAX_COMPONENTS {
                return Err(LoadsFileError::TooLarge("256 components"));
            }
            if !platform.components.iter().any(|known| known.eq_ignore_ascii_case(word)) {
                platform.components.push(word.to_owned());
            }
        }
    }
    if platforms.iter().all(|platform| platform.components.is_empty()) {
        return Err(LoadsFileError::NoComponent);
    }
    Ok(platforms)
}

/// True for a possible firmware file name: no folders, blanks or control characters.
pub fn is_plain_name(name: &str) -> bool {
    name.len() <= 255
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = "[PLATFORM_1]\nhwcompat 0x0000003F\nswcompat 0x00000004\nrootfs88xx.12-5-1SR1-4.sbn\n\
        kern88xx.12-5-1SR1-4.sbn\nsb288xx.BE-01-020.sbn\nfbi88xx.BE-01-010.sbn\n\n[PLATFORM_2]\r\nrootfs288xx.12-5-1SR1-4.sbn\r\n";

    /// Tag 1 (version), tag 2 (length of the whole header), tag 14 (file name), tag 13 (one byte of padding).
    fn with_header(body: &str) -> Vec<u8> {
        let name = b"sip88xx.12-5-1SR1-4.loads";
        let mut header = vec![1, 0, 2, 1, 0, 2, 0, 2, 0, 0, 14, 0, name.len() as u8];
        header.extend_from_slice(name);
        header.push(13);
        header[9] = header.len() as u8;
        header.extend_from_slice(body.as_bytes());
        header
    }

    fn components(file: &[u8]) -> Vec<(String, Vec<String>)> {
        parse(file).unwrap().into_iter().map(|platform| (platform.name, platform.components)).collect()
    }

    #[test]
    fn components_are_listed_by_platform_with_and_without_a_header() {
        let expected = vec![
            (
                "PLATFORM_1".to_owned(),
                [
                    "rootfs88xx.12-5-1SR1-4.sbn",
                    "kern88xx.12-5-1SR1-4.sbn",
                    "sb288xx.BE-01-020.sbn",
                    "fbi88xx.BE-01-010.sbn",
                ]
                .map(str::to_owned)
                .to_vec(),
            ),
            ("PLATFORM_2".to_owned(), vec!["rootfs288xx.12-5-1SR1-4.sbn".to_owned()]),
        ];
        assert_eq!(components(BODY.as_bytes()), expected);
        assert_eq!(components(&with_header(BODY)), expected);
        let binary = [&[0xff, 0x00, b'[', 0x80, b'\n'][..], BODY.as_bytes()].concat();
        assert_eq!(components(&binary), expected, "an unknown header is skipped");
    }

    #[test]
    fn keys_quotes_and_comments_do_not_matter() {
        let body = "[platform_7]\n; old.sbn\nrootfs = \"a.sbn\", b.SEBN\nfile=c.sbn c.sbn\n[OTHER]\nd.sbn\n";
        assert_eq!(
            components(body.as_bytes()),
            [("platform_7".to_owned(), ["a.sbn", "b.SEBN", "c.sbn"].map(str::to_owned).to_vec())]
        );
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        assert_eq!(parse(b""), Err(LoadsFileError::NoPlatform));
        assert_eq!(parse(b"<html>not found</html>"), Err(LoadsFileError::NoPlatform));
        assert_eq!(parse(b"[PLATFORM_1]\nhwcompat 1\n"), Err(LoadsFileError::NoComponent));
        for name in
            ["../../etc/x.sbn", "/x.sbn", "a\\b.sbn", "a\u{1}b.sbn", "a\0.sbn", "..sbn", ".sbn", "é.sbn"]
        {
            let file = format!("[PLATFORM_1]\n{name}\n");
            assert!(matches!(parse(file.as_bytes()), Err(LoadsFileError::NotAName(_))), "{name:?}");
        }
    }

    #[test]
    fn size_is_bounded() {
        let many = "[PLATFORM_1]\na.sbn\n".repeat(MAX_PLATFORMS + 1);
        assert!(matches!(parse(many.as_bytes()), Err(LoadsFileError::TooLarge(_))));
        let names: Vec<String> = (0..=MAX_COMPONENTS).map(|number| format!("{number}.sbn")).collect();
        let many = format!("[PLATFORM_1]\n{}", names.join("\n"));
        assert!(matches!(parse(many.as_bytes()), Err(LoadsFileError::TooLarge(_))));
        assert!(matches!(parse(&vec![b' '; MAX_FILE + 1]), Err(LoadsFileError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(head in proptest::collection::vec(any::<u8>(), 0..100), body in "(\\[PLATFORM_[0-9]\\]\n|[a-z./\\\\]{0,9}\\.se?bn|\\PC|\n){0,40}") {
            let file = [head.as_slice(), body.as_bytes()].concat();
            for platform in parse(&file).unwrap_or_default() {
                for name in platform.components {
                    prop_assert!(!name.contains(['/', '\\']) && !name.starts_with('.'));
                }
            }
        }
    }
}
