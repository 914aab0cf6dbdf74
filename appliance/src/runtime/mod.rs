//! The appliance's lifetime: start and stop, the segments with their listeners, and background work.

pub mod addresses;
pub mod appliance;
mod feed;
mod hooks;
mod housekeeping;
mod probe;
mod restart;
pub mod segment;
pub mod service;
