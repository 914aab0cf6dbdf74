//! The receiver of a file's bytes, over TFTP and HTTP alike.

/// Takes the bytes of a file in order.
pub type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);
