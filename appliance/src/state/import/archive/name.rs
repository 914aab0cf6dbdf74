//! Checks names in archives: an entry's path must stay within the archive.

use transload_provision::text::{is_hidden, line};

use super::ImportStop;

/// The longest path in bytes.
const LONGEST: usize = 1024;

/// Splits an entry's path at both separators; empty for the root folder. Paths that leave the archive are refused,
/// because no honest package has them.
pub(super) fn path(raw: &[u8]) -> Result<Vec<String>, ImportStop> {
    let refused = |why: &str| {
        let shown: String = line(&String::from_utf8_lossy(raw)).chars().take(80).collect();
        Err(ImportStop::Refused(format!("it holds a file named {shown:?}, {why}; download it again")))
    };
    if raw.len() > LONGEST {
        return refused("a name longer than any package has");
    }
    let text = String::from_utf8_lossy(raw).replace('\\', "/");
    if text.chars().any(is_hidden) {
        return refused("with characters that are not shown");
    }
    let drive = matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let parts: Vec<String> =
        text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
    if text.starts_with('/') || drive || parts.iter().any(|part| part == "..") {
        return refused("which would lie outside of the package");
    }
    Ok(parts)
}

/// Whether a name has the extension of an archive for phones.
pub(in super::super) fn is_archive(name: &str) -> bool {
    const ENDINGS: [&str; 12] =
        [".zip", ".cop", ".sgn", ".sha512", ".k3", ".k4", ".tar", ".tgz", ".gz", ".7z", ".rar", ".xz"];
    let name = name.to_ascii_lowercase();
    name.contains(".cop.") || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_the_package() {
        let parts = |raw: &[u8]| path(raw).ok().map(|parts| parts.join("|"));
        assert_eq!(parts(b"./a/b c.lic").as_deref(), Some("a|b c.lic"));
        assert_eq!(
            parts(b"Ent-2-Mpp-licenses\\001122334455.lic").as_deref(),
            Some("Ent-2-Mpp-licenses|001122334455.lic")
        );
        assert_eq!(parts(b"./").as_deref(), Some(""));
        for escape in [
            &b"../x.sbn"[..],
            b"a/../../x",
            b"/etc/passwd",
            b"\\x",
            b"C:\\x",
            b"c:x",
            b"a\0b",
            b"a\nb",
            "a\u{202e}nbs.b".as_bytes(),
            b"..",
            &[b'a'; 2000],
        ] {
            assert_eq!(parts(escape), None, "{}", String::from_utf8_lossy(escape));
        }
    }
}
