//! Any path of a request: whatever it means, it leads to no place outside of the folder it is looked for in.

#![no_main]

use std::path::{Component, Path};

use transload_provision::names;

libfuzzer_sys::fuzz_target!(|path: &[u8]| {
    let path = String::from_utf8_lossy(path);
    let (asked, identity) = (names::parse(&path), names::path_identity(&path));
    assert_eq!((&asked, identity), (&names::parse(&path), names::path_identity(&path)));
    let (bare, inner) = (names::bare(&path), names::inner(&path));
    assert_eq!(bare.is_some(), inner.is_some());
    for name in bare.iter().chain(&inner) {
        let place = Path::new(name);
        assert!(place.components().all(|part| matches!(part, Component::Normal(_))), "{path:?}: {name:?}");
        assert!(!name.contains('\\') && !name.chars().any(char::is_control), "{path:?}: {name:?}");
    }
    if let (Some(bare), Some(inner)) = (bare, inner) {
        assert_eq!(names::tails(&inner).last(), Some(bare.as_str()));
        assert!(names::tails(&inner).all(|tail| inner.ends_with(tail)));
        // Slashes at the beginning never matter.
        assert!(path.len() >= 1000 || names::parse(&format!("//{path}")) == asked);
    }
});
