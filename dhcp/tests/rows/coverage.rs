//! Every row of the requirements has a test named by it, and every row about the wire one over real sockets.

use std::collections::BTreeSet;
use std::path::Path;

const ROWS: std::ops::RangeInclusive<u32> = 1..=51;
/// Where replies go, which address the server goes by, and overload.
const ON_THE_WIRE: std::ops::RangeInclusive<u32> = 9..=16;

/// The rows that functions in a folder of this crate are named by: `fn d8_d48_…` is about two.
fn named_in(folder: &str) -> BTreeSet<u32> {
    fn look(folder: &Path, rows: &mut BTreeSet<u32>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, rows);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for name in text.lines().filter_map(|line| line.trim_start().strip_prefix("fn ")) {
                    let numbers =
                        name.split('_').map_while(|word| word.strip_prefix('d')?.parse::<u32>().ok());
                    rows.extend(numbers);
                }
            }
        }
    }
    let mut rows = BTreeSet::new();
    look(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut rows);
    rows
}

#[test]
fn every_row_has_a_test_of_its_name() {
    let named: BTreeSet<_> = [named_in("src"), named_in("tests/rows")].into_iter().flatten().collect();
    assert_eq!(ROWS.filter(|row| !named.contains(row)).collect::<Vec<_>>(), [], "rows without a test");
    let wire = named_in("tests/wire");
    assert_eq!(ON_THE_WIRE.filter(|row| !wire.contains(row)).collect::<Vec<_>>(), [], "rows not on the wire");
}
