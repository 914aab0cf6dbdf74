//! The state folder: ledger, library and roster, their import, and their backup.

pub mod backup;
pub mod import;
pub mod inventory;
pub mod ledger;
pub mod library;
pub mod resume;
pub mod state_folder;
pub mod state_lock;
