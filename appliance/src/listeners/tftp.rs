//! The TFTP listener: the same files as over HTTP, for TFTP clients.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use transload_pace::WorkGuard;
use transload_tftp::{
    Abort, FileContent, FileSource, OpenFuture, OpenRefusal, SendPermit, TransferEnd, TransferOutcome,
};

use super::rate::{PIECE, RateLimit};
use super::{FileAnswer, FileProtocol, FileRequest, Plane, Track};

/// The file service for a TFTP server at one address.
pub struct TftpFiles<P> {
    /// Decides the answers.
    pub plane: Arc<P>,
    /// Our address.
    pub local: Ipv4Addr,
    /// The limit that files from disk wait on.
    pub rate: RateLimit,
}

impl<P: Plane> FileSource for TftpFiles<P> {
    fn open(self: Arc<Self>, peer: SocketAddr, name: String) -> OpenFuture {
        let serving = self.plane.serving(peer);
        Box::pin(async move {
            let fetch = FileRequest {
                protocol: FileProtocol::Tftp,
                peer,
                local: self.local,
                path: name,
                user_agent: None,
                head_only: false,
            };
            let (served, tracker) = self.plane.fetch(fetch).await;
            let (bytes, size) = match served {
                FileAnswer::NotFound => return Err(OpenRefusal::NotFound),
                FileAnswer::Busy => return Err(OpenRefusal::Busy),
                FileAnswer::Document { body, .. } => {
                    let size = body.len() as u64;
                    (Octets::Memory(body), size)
                }
                FileAnswer::File(file) => (Octets::Disk(file.file), file.size),
            };
            let rate = self.rate.clone();
            Ok(Box::new(TrackedFile { bytes, size, tracker, rate, phone: peer.ip(), _serving: serving })
                as Box<dyn FileContent>)
        })
    }

    fn knows(&self, peer: Ipv4Addr) -> bool {
        self.plane.is_leased(peer)
    }
}

enum Octets {
    Memory(Bytes),
    Disk(Arc<File>),
}

struct TrackedFile<T> {
    bytes: Octets,
    size: u64,
    tracker: T,
    rate: RateLimit,
    phone: IpAddr,
    _serving: WorkGuard,
}

impl<T: Track> FileContent for TrackedFile<T> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.bytes {
            Octets::Memory(bytes) => Ok(copy(bytes, offset, buffer)),
            Octets::Disk(file) => file.read_at(buffer, offset),
        }
    }

    fn read_ready(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.bytes {
            Octets::Memory(bytes) => Ok(copy(bytes, offset, buffer)),
            Octets::Disk(file) => {
                let mut parts = [IoSliceMut::new(buffer)];
                match preadv2(file, &mut parts, offset, ReadWriteFlags::NOWAIT) {
                    // Some file systems cannot tell what is cached.
                    Err(Errno::OPNOTSUPP) => Err(io::ErrorKind::WouldBlock.into()),
                    read => Ok(read?),
                }
            }
        }
    }

    fn turn(&self) -> Option<SendPermit> {
        // A document never waits behind firmware.
        if !self.rate.is_limited() || matches!(self.bytes, Octets::Memory(_)) {
            return None;
        }
        let (rate, phone) = (self.rate.clone(), self.phone);
        Some(Box::pin(async move {
            rate.take(phone, PIECE).await;
            PIECE
        }))
    }

    fn answered(&self) {
        self.tracker.answered();
    }

    fn acknowledged(&self, bytes: u64) {
        self.tracker.advance(0, bytes);
    }

    fn ended(self: Box<Self>, ending: TransferEnd) {
        match ending.outcome {
            TransferOutcome::Finished => {
                self.tracker.advance(0, self.size);
                self.tracker.finish();
            }
            // Nothing proves that the client has the last block, and a partial load taken for a complete one could
            // strand a phone.
            TransferOutcome::LastAckMissing => self.tracker.broken("the last acknowledgment never came"),
            // The client only wanted the size and got it (RFC 2349 §4).
            TransferOutcome::Aborted(Abort::Client { .. }) if ending.bytes == 0 => self.tracker.finish(),
            TransferOutcome::Aborted(abort) => self.tracker.broken(&reason(abort)),
            TransferOutcome::TimedOut => self.tracker.broken("the phone fell silent"),
        }
    }
}

/// Copies from `offset` on, as far as bytes and room go; returns the count.
fn copy(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let length = rest.len().min(buffer.len());
    buffer[..length].copy_from_slice(&rest[..length]);
    length
}

fn reason(abort: Abort) -> String {
    match abort {
        Abort::Client { code, message } => {
            format!("the phone broke it off with TFTP error {code} ({message})")
        }
        Abort::Gone => "the phone no longer listens on its port".into(),
        Abort::Restarted => "the phone began again".into(),
        Abort::GaveWay => "the phone did not answer, and others needed its place".into(),
        Abort::Unreadable(cause) => format!("the file could not be read: {cause}"),
        Abort::NoSocket(cause) => format!("no socket could be had: {cause}"),
        Abort::Stopped => "transload was stopped".into(),
    }
}
