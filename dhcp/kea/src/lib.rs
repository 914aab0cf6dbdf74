//! Transload's DHCP policy as a hook library for ISC Kea: phones are classified and steered by the same functions as on
//! Transload's own server. What an appliance knows of each phone comes by a feed; leases go back by it.
//!
//! `boundary` is what Kea calls, `hook` decides, `link` talks to the appliance, apart from Kea's threads.

mod boundary;
mod cache;
mod hook;
mod link;
mod queue;
#[cfg(test)]
mod tests;
