//! The state folder and what lies in it: ledger, library, roster; how files come in, and how all of it is saved.

pub mod backup;
pub mod import;
pub mod inventory;
pub mod ledger;
pub mod library;
pub mod resume;
pub mod state_folder;
pub mod state_lock;
