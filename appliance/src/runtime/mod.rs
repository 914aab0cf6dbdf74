//! What runs as long as the appliance does: start and stop, the segments with their listeners, and what works beside them.

pub mod appliance;
mod feed;
mod hooks;
mod housekeeping;
pub mod place;
mod probe;
mod restart;
pub mod segment;
pub mod service;
