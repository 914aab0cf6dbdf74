//! Reads files that a person may put in place by hand: plain files only, without waiting, and never more than a bound.
//!
//! A pipe, a device or a socket under such a name would block the program or never end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use transload_provision::loads_file;

/// What a file is read as; it bounds how large the file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `transload.toml`.
    Configuration,
    /// The page's token.
    Token,
    /// `catalog.toml`.
    Catalog,
    /// `roster.csv`, and any roster that is imported.
    Roster,
    /// `manifest.json`.
    Manifest,
    /// A `.loads` file.
    Loads,
    /// A `.lic` file.
    License,
    /// A firmware component, or a file of `extra/`.
    Component,
}

/// Opening a pipe does not wait for a writer, and a terminal does not become ours.
const WITHOUT_WAITING: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// Why a file is not read. It travels within an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is a folder, a pipe, a device or a socket.
    #[error("it is a {0}, not a plain file")]
    NotPlain(&'static str),
    /// The name is a symbolic link where none is followed.
    #[error("it is a link, and links are not followed here")]
    Link,
    /// It has more bytes than such a file can have.
    #[error("it is larger than {} MB, which no {} is", .0.largest() >> 20, .0.name())]
    TooLarge(Kind),
}

impl Kind {
    /// The most bytes that such a file may have.
    pub const fn largest(self) -> u64 {
        match self {
            Self::Token | Self::Configuration => 1 << 20,
            Self::Loads => loads_file::MAX_FILE as u64,
            Self::Catalog => 4 << 20,
            Self::Roster | Self::License => 16 << 20,
            Self::Manifest => 64 << 20,
            Self::Component => 1 << 30,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Token => "token file",
            Self::Catalog => "catalog",
            Self::Roster => "roster",
            Self::Manifest => "manifest",
            Self::Loads => ".loads file",
            Self::License => "license",
            Self::Component => "file that phones fetch",
        }
    }
}

impl From<Unfit> for io::Error {
    fn from(unfit: Unfit) -> Self {
        Self::new(io::ErrorKind::InvalidInput, unfit)
    }
}

/// What to do about a file that cannot be read; `otherwise` where the file itself is fit.
pub fn cure(error: &io::Error, otherwise: &str) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Unfit>()) {
        Some(Unfit::NotPlain(_)) => "remove it, and put a plain file in its place".to_owned(),
        Some(Unfit::Link) => "put the file itself there, or name the file that the link leads to".to_owned(),
        Some(Unfit::TooLarge(_)) => "put the right file in its place".to_owned(),
        None => otherwise.to_owned(),
    }
}

/// Opens a plain file for reading; a link is followed. Never waits for a writer, as opening a pipe would.
pub fn open(path: &Path) -> io::Result<File> {
    opened(path, OFlags::empty())
}

/// The same where the name itself must not be a link.
pub fn open_unlinked(path: &Path) -> io::Result<File> {
    opened(path, OFlags::NOFOLLOW).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => Unfit::Link.into(),
        _ => error,
    })
}

/// The same where no part of the path may be a link. It goes step by step, because systemd keeps `openat2(2)` from
/// services that must not make set-user-ID files.
pub fn open_without_links(path: &Path) -> io::Result<File> {
    let mut folder: Option<File> = None;
    let mut steps = path.components().peekable();
    while let Some(step) = steps.next() {
        let how = match steps.peek() {
            Some(_) => OFlags::PATH | OFlags::DIRECTORY,
            None => OFlags::RDONLY | WITHOUT_WAITING,
        };
        let (name, flags) = (Path::new(step.as_os_str()), how | OFlags::NOFOLLOW | OFlags::CLOEXEC);
        let opened = match &folder {
            Some(folder) => openat(folder, name, flags, Mode::empty()),
            None => openat(CWD, name, flags, Mode::empty()),
        };
        folder = Some(match opened {
            Err(Errno::LOOP) => return Err(Unfit::Link.into()),
            other => File::from(other?),
        });
    }
    let file = folder.ok_or(io::ErrorKind::NotFound)?;
    check(&file)?;
    Ok(file)
}

/// Reads a plain file whole.
pub fn read(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    content(&open(path)?, kind)
}

/// Reads a plain file of text whole.
pub fn text(path: &Path, kind: Kind) -> io::Result<String> {
    String::from_utf8(read(path, kind)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not plain text in UTF-8"))
}

/// Reads an open file whole.
pub fn content(file: &File, kind: Kind) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if file.metadata()?.len() <= kind.largest() {
        // The file may grow meanwhile.
        file.take(kind.largest() + 1).read_to_end(&mut content)?;
        if content.len() as u64 <= kind.largest() {
            return Ok(content);
        }
    }
    Err(Unfit::TooLarge(kind).into())
}

/// Refuses an open file that is no plain one.
pub fn check(file: &File) -> io::Result<()> {
    let kind = file.metadata()?.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "folder",
        () if kind.is_fifo() => "pipe",
        () if kind.is_socket() => "socket",
        () => "device",
    };
    Err(Unfit::NotPlain(what).into())
}

fn opened(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = WITHOUT_WAITING | OFlags::CLOEXEC | more;
    let found = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = found.map_err(|error| match path.metadata() {
        // A socket cannot be opened at all.
        Ok(metadata) if metadata.file_type().is_socket() => Unfit::NotPlain("socket").into(),
        _ => error,
    })?;
    check(&file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nothing_but_a_plain_file_of_its_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("plain"), "text").unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        std::os::unix::fs::symlink(at("plain"), at("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        File::create(at("huge")).unwrap().set_len(1 << 40).unwrap();
        let said = |name: &str| text(&at(name), Kind::Roster).map_err(|error| error.to_string());
        assert_eq!(said("plain").as_deref(), Ok("text"));
        assert_eq!(said("link").as_deref(), Ok("text"));
        for (name, what) in [
            ("pipe", "pipe"),
            ("zero", "device"),
            ("socket", "socket"),
            ("", "folder"),
            ("huge", "larger than 16 MB, which no roster is"),
        ] {
            let why = said(name).unwrap_err();
            assert!(why.contains(what), "{name}: {why}");
        }
        assert!(open_unlinked(&at("link")).unwrap_err().to_string().contains("link"));
        assert!(open_unlinked(&at("plain")).is_ok());
        let real = fs::canonicalize(folder.path()).unwrap();
        std::os::unix::fs::symlink(&real, at("around")).unwrap();
        assert!(open_without_links(&real.join("plain")).is_ok());
        for path in [real.join("link"), real.join("around/plain"), real.join("pipe")] {
            assert!(open_without_links(&path).is_err(), "{}", path.display());
        }
    }
}
