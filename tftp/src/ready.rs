//! Waits until a packet or a message has arrived.

use std::os::fd::BorrowedFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::ports::Ports;

/// The places where something has arrived.
pub struct Ready {
    /// At the well-known port.
    pub requests: bool,
    /// In the inbox.
    pub mailbox: bool,
    /// Places among the transfer ports, each with whether its error queue has something.
    pub ports: Vec<(usize, bool)>,
}

/// Waits until something has arrived, or until `pause` is over.
///
/// By poll, as there are few sockets: a thread that waits by epoll has the kernel tell it of every packet that leaves,
/// too, which was a twentieth of what a block costs.
pub fn wait(
    requests: BorrowedFd<'_>,
    inbox: BorrowedFd<'_>,
    ports: &Ports,
    pause: PollTimeout,
) -> nix::Result<Ready> {
    let all = [requests, inbox].into_iter().chain(ports.sockets());
    let mut all: Vec<PollFd> = all.map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
    poll(&mut all, pause)?;
    let mut said = all.iter().map(|one| one.revents().unwrap_or(PollFlags::all()));
    let mut something = || said.next().is_some_and(|said| !said.is_empty());
    let (requests, mailbox) = (something(), something());
    let ports = said.enumerate().filter(|(_, said)| !said.is_empty());
    let ports = ports.map(|(place, said)| (place, said.contains(PollFlags::POLLERR))).collect();
    Ok(Ready { requests, mailbox, ports })
}
