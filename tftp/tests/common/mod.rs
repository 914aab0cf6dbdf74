//! Files in memory, for all tests.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use transload_tftp::{Abort, FileContent, SendPermit, TransferEnd, TransferOutcome};

/// A file in memory that keeps what it was told.
#[derive(Clone, Default)]
pub struct MemorySource {
    pub bytes: Arc<Vec<u8>>,
    /// Reads beyond this fail as if the file had become shorter.
    pub cut_at: Option<u64>,
    /// Nothing of it can be read without blocking.
    pub on_disk: bool,
    /// So many bytes may be sent each millisecond.
    pub pace: Option<u64>,
    pub acknowledged: Arc<Mutex<u64>>,
    pub is_answered: Arc<Mutex<bool>>,
    /// What had been acknowledged when each of all clients answered.
    pub answers: Arc<Mutex<Vec<u64>>>,
    pub endings: Arc<Mutex<Vec<TransferEnd>>>,
}

impl MemorySource {
    pub fn new(bytes: Vec<u8>) -> MemorySource {
        MemorySource { bytes: Arc::new(bytes), ..MemorySource::default() }
    }

    /// The same file, opened once more.
    pub fn opened(&self) -> MemorySource {
        MemorySource { acknowledged: Arc::default(), is_answered: Arc::default(), ..self.clone() }
    }
}

impl FileContent for MemorySource {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.cut_at.unwrap_or(self.size()) as usize;
        let rest = self.bytes.get(offset as usize..end).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn read_ready(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.on_disk { Err(io::ErrorKind::WouldBlock.into()) } else { self.read_at(offset, buffer) }
    }

    fn turn(&self) -> Option<SendPermit> {
        let pace = self.pace?;
        Some(Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            pace
        }))
    }

    fn answered(&self) {
        let acknowledged = *self.acknowledged.lock().unwrap();
        self.answers.lock().unwrap().push(acknowledged);
        *self.is_answered.lock().unwrap() = true;
    }

    fn acknowledged(&self, bytes: u64) {
        assert!(*self.is_answered.lock().unwrap(), "acknowledged before it was answered");
        let mut acknowledged = self.acknowledged.lock().unwrap();
        assert!(bytes >= *acknowledged, "progress never goes back");
        *acknowledged = bytes;
    }

    fn ended(self: Box<Self>, ending: TransferEnd) {
        assert_eq!(*self.acknowledged.lock().unwrap(), ending.bytes, "progress and ending agree");
        if matches!(
            ending.outcome,
            TransferOutcome::Finished | TransferOutcome::Aborted(Abort::Client { .. })
        ) {
            assert!(*self.is_answered.lock().unwrap(), "{ending:?}");
        }
        self.endings.lock().unwrap().push(ending);
    }
}

/// Bytes without a short period, so that a block in the wrong place shows.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).take(length).collect()
}

/// `SplitMix64`: the same numbers from the same seed, everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn one_in_thousand(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }
}

/// A read request as a client writes it.
pub fn read_request(name: &str, mode: &str, options: &[(&str, &str)]) -> Vec<u8> {
    let mut packet = vec![0, 1];
    for word in [name, mode].into_iter().chain(options.iter().flat_map(|(name, value)| [*name, *value])) {
        packet.extend_from_slice(word.as_bytes());
        packet.push(0);
    }
    packet
}

pub fn ack(number: u16) -> Vec<u8> {
    let mut packet = vec![0, 4];
    packet.extend_from_slice(&number.to_be_bytes());
    packet
}
