//! Transload: moves Cisco desk phones between Enterprise and Multiplatform firmware, unattended.

#![allow(dead_code)]

mod clock;
mod error;
mod view;
mod rehearse;

fn main() {}
