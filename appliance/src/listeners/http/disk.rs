//! Reads files without blocking other connections of the thread.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::io::{ReadWriteFlags, preadv2};

/// Bytes read at once to fill the cache.
const WARM: usize = 64 * 1024;

/// Appends a part of a file to a buffer.
pub(super) async fn append(
    file: &Arc<File>,
    position: u64,
    length: usize,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let begin = out.len();
    out.resize(begin + length, 0);
    if is_read(file, position, &mut out[begin..]) {
        return Ok(());
    }
    let file = Arc::clone(file);
    let read = blocking(move || {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, position).map(|()| bytes)
    });
    out[begin..].copy_from_slice(&read.await?);
    Ok(())
}

/// Waits until a part of a file is most likely cached: files are read from front to back, so its last byte is the
/// test.
pub(super) async fn cache(file: &Arc<File>, position: u64, length: usize) -> io::Result<()> {
    let last = position + (length as u64).saturating_sub(1);
    if length == 0 || is_read(file, last, &mut [0]) {
        return Ok(());
    }
    let file = Arc::clone(file);
    blocking(move || {
        let mut bytes = vec![0; WARM];
        for begin in (0..length).step_by(WARM) {
            let left = WARM.min(length - begin);
            file.read_exact_at(&mut bytes[..left], position + begin as u64)?;
        }
        Ok(())
    })
    .await
}

/// Reads from the cache without waiting for the disk. Returns false unless all bytes were there.
fn is_read(file: &File, position: u64, bytes: &mut [u8]) -> bool {
    let length = bytes.len();
    preadv2(file, &mut [IoSliceMut::new(bytes)], position, ReadWriteFlags::NOWAIT) == Ok(length)
}

async fn blocking<R: Send + 'static>(read: impl FnOnce() -> io::Result<R> + Send + 'static) -> io::Result<R> {
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}
