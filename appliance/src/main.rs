//! Transload: moves Cisco desk phones between Enterprise and Multiplatform firmware, unattended.

#![allow(dead_code)]

mod clock;

fn main() {}
