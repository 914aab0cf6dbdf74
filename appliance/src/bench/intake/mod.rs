//! Takes in everything that phones and other servers report, and decides each answer.

pub(super) mod boot_file;
pub(super) mod feed;
pub(super) mod fetch;
pub(super) mod identity;
pub(super) mod last_dhcp;
pub(super) mod leases;
pub(super) mod others;
pub(super) mod pages;
pub(super) mod refused;
pub(super) mod registrar;
pub(super) mod take;
pub(super) mod tracker;
pub(super) mod unleased;
