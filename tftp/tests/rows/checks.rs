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

/// The number of a row, and its tests.
pub type CheckedRow = (u32, &'static [fn()]);

/// How often a test asserts something before it passes.
pub fn in_test(test: fn()) -> u32 {
    CHECKS.with(|checks| checks.set(0));
    test();
    CHECKS.with(Cell::get)
}
