//! Counts assertions, so that a test that asserts nothing is noticed. These take the place of the standard library's.

use std::cell::Cell;

thread_local! {
    static CHECKS: Cell<u32> = const { Cell::new(0) };
}

pub fn count() {
    CHECKS.with(|checks| checks.set(checks.get() + 1));
}

macro_rules! assert {
    ($($all:tt)*) => {{ $crate::checks::count(); std::assert!($($all)*) }};
}

macro_rules! assert_eq {
    ($($all:tt)*) => {{ $crate::checks::count(); std::assert_eq!($($all)*) }};
}

#[allow(unused_macros, reason = "not every suite uses each")]
macro_rules! assert_ne {
    ($($all:tt)*) => {{ $crate::checks::count(); std::assert_ne!($($all)*) }};
}

/// The number of a row, and its tests.
pub type CheckedRow = (u32, &'static [fn()]);

/// How often a test asserts something before it passes.
fn in_test(test: fn()) -> u32 {
    CHECKS.with(|checks| checks.set(0));
    test();
    CHECKS.with(Cell::get)
}

/// Each row of a range has tests, and each of them asserts something. `letter` begins the rows' names.
pub fn every_row_is_checked(letter: char, rows: &[CheckedRow], range: std::ops::RangeInclusive<u32>) {
    let named: Vec<u32> = rows.iter().map(|(row, _)| *row).collect();
    std::assert_eq!(named, range.collect::<Vec<_>>(), "each row once, in order");
    for (row, tests) in rows {
        std::assert!(!tests.is_empty(), "row {letter}{row} has no test");
        for (index, test) in tests.iter().enumerate() {
            std::assert!(in_test(*test) > 0, "test {index} of row {letter}{row} asserts nothing");
        }
    }
}
