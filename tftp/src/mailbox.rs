//! Messages from other threads to the event loop.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::{
    blocks::Blocks,
    source::{FileContent, OpenRefusal},
};

/// An event from another thread. A slot is named by its number.
pub enum LoopMessage {
    /// The source answered a request; `content` is `None` if its task ended without an answer.
    Opened { slot: u64, content: Option<Result<Box<dyn FileContent>, OpenRefusal>> },
    /// The file was read; `loaded` is `None` if the reader panicked.
    Loaded { slot: u64, loaded: Option<(Blocks, io::Result<()>)> },
    /// The rate limit allows this many bytes.
    Allowed { slot: u64, bytes: u64 },
    /// Refuse new requests and let transfers under way finish.
    Drain,
    /// Stop at once, because the server was dropped.
    Quit,
}

/// The sending end.
#[derive(Clone)]
pub struct Mailbox {
    messages: Sender<LoopMessage>,
    bell: Arc<EventFd>,
}

/// The receiving end. Its file descriptor is readable when a message has arrived.
pub struct Inbox {
    messages: Receiver<LoopMessage>,
    bell: Arc<EventFd>,
}

/// Opens an empty mailbox and returns both ends.
pub fn open() -> io::Result<(Mailbox, Inbox)> {
    let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    let (sender, receiver) = mpsc::channel();
    Ok((Mailbox { messages: sender, bell: Arc::clone(&bell) }, Inbox { messages: receiver, bell }))
}

impl Mailbox {
    /// Sends a message. It is dropped if the receiving end is gone.
    pub fn send(&self, message: LoopMessage) {
        if self.messages.send(message).is_ok() {
            // The counter overflows after 2^64 messages that nobody has read.
            let _ = self.bell.write(1);
        }
    }
}

impl Inbox {
    /// Clears the readable state; call it before taking messages, or one is missed.
    pub fn silence(&self) {
        let _ = self.bell.read();
    }

    /// The next message, if there is one.
    pub fn next(&self) -> Option<LoopMessage> {
        self.messages.try_recv().ok()
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
