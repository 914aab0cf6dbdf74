//! What an answer and the connection that carries it tell each other.
//!
//! hyper moves bytes; a file's bytes need not be moved through this program at all (sendfile). So an answer hands
//! hyper a placeholder of the right length and tells the connection which file it stands for.

use std::collections::VecDeque;
use std::fs::File;
use std::io::IoSlice;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};

/// The longest piece of a file in one go, in bytes.
pub(super) const PIECE: usize = 256 * 1024;
/// Never sent: what stands here is told from other bytes by its address alone.
static PLACEHOLDER: [u8; PIECE] = [0; PIECE];

/// Whether these bytes stand for those of a file.
pub(super) fn is_placeholder(bytes: &[u8]) -> bool {
    PLACEHOLDER.as_ptr_range().contains(&bytes.as_ptr())
}

/// A part of an answer's content.
pub enum Piece {
    /// These bytes.
    Memory(Bytes),
    /// So many bytes of the file that the connection was told of, [`PIECE`] at most.
    File(usize),
}

impl Piece {
    /// Bytes, and no file.
    pub fn none() -> Self {
        Self::Memory(Bytes::new())
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File(length) => *length,
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(length) => &PLACEHOLDER[..*length],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match slices.first_mut() {
            Some(first) if self.has_remaining() => {
                *first = IoSlice::new(self.chunk());
                1
            }
            _ => 0,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Memory(bytes) => bytes.advance(count),
            Self::File(length) => *length -= count,
        }
    }
}

/// A part of a file that is to be sent.
#[derive(Clone)]
pub(super) struct Stretch {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// What became of an answer: all of it has arrived, or so many of its bytes have not, and why.
pub type Arrival = Result<(), Lost>;
pub(super) type Receipt = Box<dyn FnOnce(Arrival) + Send>;

/// What did not arrive.
#[derive(Debug, Clone)]
pub struct Lost {
    /// Bytes at the answer's end.
    pub bytes: u64,
    /// Why.
    pub cause: String,
}

/// One connection, as its answers see it.
#[derive(Clone, Default)]
pub struct Carrier(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    /// What the placeholders under way stand for, in their order.
    stretches: VecDeque<Stretch>,
    receipts: Vec<Receipt>,
    /// Called when what was handed over so far has gone to the kernel.
    departures: Vec<Box<dyn FnOnce() + Send>>,
    /// Bytes that the kernel holds and the peer has not acknowledged.
    unacknowledged: u64,
    fault: Option<String>,
}

impl Carrier {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece of a file, to be sent next.
    pub(super) fn piece(&self, file: &Arc<File>, offset: u64, length: usize) -> Piece {
        let length = length.min(PIECE);
        self.told().stretches.push_back(Stretch { file: Arc::clone(file), offset, length });
        Piece::File(length)
    }

    /// Calls this when the bytes handed over up to now have arrived, or never will.
    pub fn on_arrival(&self, receipt: impl FnOnce(Arrival) + Send + 'static) {
        self.told().receipts.push(Box::new(receipt));
    }

    /// Calls this when the bytes handed over up to now have gone to the kernel, unless the connection ends before.
    pub fn on_departure(&self, departed: impl FnOnce() + Send + 'static) {
        self.told().departures.push(Box::new(departed));
    }

    /// How many bytes of files handed over up to now have not arrived yet.
    pub fn under_way(&self) -> u64 {
        let told = self.told();
        let unsent: usize = told.stretches.iter().map(|stretch| stretch.length).sum();
        told.unacknowledged + unsent as u64
    }

    /// What will not arrive any more, once the connection is at its end.
    pub fn lost(&self) -> Lost {
        let cause = self.told().fault.clone().unwrap_or_else(|| "the connection was closed".to_owned());
        Lost { bytes: self.under_way(), cause }
    }

    /// All that was handed over has gone to the kernel.
    pub(super) fn departed(&self) {
        let departures = mem::take(&mut self.told().departures);
        for departed in departures {
            departed();
        }
    }

    pub(super) fn take_receipts(&self) -> Vec<Receipt> {
        mem::take(&mut self.told().receipts)
    }

    pub(super) fn next_stretch(&self) -> Option<Stretch> {
        self.told().stretches.front().cloned()
    }

    /// So many bytes of the next stretch have gone to the kernel.
    pub(super) fn sent(&self, bytes: usize) {
        let mut told = self.told();
        if let Some(stretch) = told.stretches.front_mut() {
            stretch.offset += bytes as u64;
            stretch.length -= bytes.min(stretch.length);
            if stretch.length == 0 {
                told.stretches.pop_front();
            }
        }
    }

    pub(super) fn set_unacknowledged(&self, bytes: u64) {
        self.told().unacknowledged = bytes;
    }

    /// Why the connection ends; what is said first counts.
    pub(super) fn fail(&self, cause: impl Into<String>) {
        self.told().fault.get_or_insert_with(|| cause.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_known_by_where_it_lies_and_not_by_what_it_holds() {
        let carrier = Carrier::default();
        let file = Arc::new(tempfile::tempfile().unwrap());
        let mut piece = carrier.piece(&file, 10, PIECE + 1);
        assert_eq!(piece.remaining(), PIECE);
        piece.advance(PIECE - 3);
        assert!(is_placeholder(piece.chunk()) && piece.chunk().len() == 3);
        assert!(!is_placeholder(&[0; 3]) && !is_placeholder(&[]));
        carrier.sent(PIECE - 3);
        let next = carrier.next_stretch().unwrap();
        assert_eq!((next.offset, next.length, carrier.under_way()), (10 + PIECE as u64 - 3, 3, 3));
        carrier.sent(3);
        assert!(carrier.next_stretch().is_none());
    }
}
