//! Where bytes go that a phone is sent, over TFTP and HTTP alike.

/// Takes the bytes of a file as they come.
pub type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);
