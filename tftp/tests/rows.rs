//! Each row of RFC requirement, T1 to T24, has a test of its name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

#[test]
fn every_row_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = Vec::new();
    for part in ["src", "tests"] {
        for file in folder.join(part).read_dir().unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                let mut lines = text.lines().map(str::trim).peekable();
                while let Some(line) = lines.next() {
                    if line == "#[test]" {
                        names.extend(
                            lines.peek().and_then(|next| next.strip_prefix("fn ")).map(str::to_owned),
                        );
                    }
                }
            }
        }
    }
    let without: Vec<String> = (1..=24)
        .map(|row| format!("t{row:02}"))
        .filter(|row| !names.iter().any(|name| name.split('_').any(|word| word == row)))
        .collect();
    assert!(without.is_empty(), "rows without a test: {without:?}");
}
