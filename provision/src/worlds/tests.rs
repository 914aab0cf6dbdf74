//! One test for each transition.
