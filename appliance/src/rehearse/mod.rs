//! The rehearsal: the whole appliance against virtual phones, before a real one is plugged in.

pub mod lookalike;
pub mod phone;
