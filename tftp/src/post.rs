//! What other threads have to tell the one that serves.

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
    source::{Content, Refusal},
};

/// Something happened elsewhere. Seats are named by their numbers.
pub enum Message {
    /// The source's answer to a request; `None` if it gave none.
    Opened { seat: u64, content: Option<Result<Box<dyn Content>, Refusal>> },
    /// The file was read; `None` if the reader fell over.
    Loaded { seat: u64, loaded: Option<(Blocks, io::Result<()>)> },
    /// More may be sent.
    Allowed { seat: u64, bytes: u64 },
    /// Come to an end: let transfers under way finish.
    Drain,
    /// Stop at once: nobody waits any more.
    Quit,
}

/// Where messages are put in.
#[derive(Clone)]
pub struct Post {
    messages: Sender<Message>,
    bell: Arc<EventFd>,
}

/// Where they come out. It is readable when one has arrived.
pub struct Inbox {
    messages: Receiver<Message>,
    bell: Arc<EventFd>,
}

/// Both ends of an empty queue.
pub fn open() -> io::Result<(Post, Inbox)> {
    let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    let (sender, receiver) = mpsc::channel();
    Ok((Post { messages: sender, bell: Arc::clone(&bell) }, Inbox { messages: receiver, bell }))
}

impl Post {
    /// Puts a message in. Nobody may be left to take it out.
    pub fn send(&self, message: Message) {
        if self.messages.send(message).is_ok() {
            // It fails only where the bell has rung 2^64 times and nobody came.
            let _ = self.bell.write(1);
        }
    }
}

impl Inbox {
    /// Silences the bell; take all messages after that.
    pub fn silence(&self) {
        let _ = self.bell.read();
    }

    /// The next message, if there is one.
    pub fn next(&self) -> Option<Message> {
        self.messages.try_recv().ok()
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
