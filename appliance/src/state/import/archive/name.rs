//! Names in archives: where a file would lie, if archives were believed.

use transload_provision::text::{is_hidden, line};

use super::Stop;

/// The longest path in an archive, in bytes.
const LONGEST: usize = 1024;

/// The folders and the name of an entry; both separators count. Names that lead out of their folder are refused:
/// no honest package has one. Empty for the folder itself.
pub(super) fn path(raw: &[u8]) -> Result<Vec<String>, Stop> {
    let refused = |why: &str| {
        let shown: String = line(&String::from_utf8_lossy(raw)).chars().take(80).collect();
        Err(Stop::Refused(format!("it holds a file named {shown:?}, {why}; download it again")))
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

/// Whether a name is that of an archive, as far as anything that phones need comes in one.
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
