//! Transload: moves Cisco desk phones between Enterprise and Multiplatform firmware, unattended.

#![allow(dead_code)]

mod clock;
mod error;
mod ledger;
mod state_lock;
mod view;
mod rehearse;

fn main() {}
