//! Transload: moves Cisco desk phones between Enterprise and Multiplatform firmware, unattended.

#![allow(dead_code)]

mod clock;
mod config;
mod error;
mod ledger;
mod library;
mod rehearse;
mod state_lock;
mod view;

fn main() {}
