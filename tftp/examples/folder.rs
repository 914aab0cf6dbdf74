//! Serves the files of one folder: `folder FOLDER ADDRESS:PORT`. Prints how each transfer ended.

use std::{
    fs::File,
    io,
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use transload_tftp::{FileContent, FileSource, OpenFuture, OpenRefusal, TftpConfig, TftpServer, TransferEnd};

struct FolderSource(PathBuf);

struct FolderFile {
    file: File,
    size: u64,
    whose: String,
}

impl FileSource for FolderSource {
    fn open(self: Arc<Self>, peer: SocketAddr, name: String) -> OpenFuture {
        Box::pin(async move {
            let bare = Path::new(&name).file_name().ok_or(OpenRefusal::NotFound)?;
            let file = File::open(self.0.join(bare)).map_err(|_| OpenRefusal::NotFound)?;
            let facts = file.metadata().map_err(|_| OpenRefusal::NotFound)?;
            if !facts.is_file() {
                return Err(OpenRefusal::NotFound);
            }
            let whose = format!("{name} to {peer}");
            Ok(Box::new(FolderFile { file, size: facts.len(), whose }) as Box<dyn FileContent>)
        })
    }
}

impl FileContent for FolderFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// This folder's files are taken to be in memory; a server of many on a slow disk leaves this out, or asks the system.
    fn read_ready(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_at(offset, buffer)
    }

    fn ended(self: Box<Self>, ending: TransferEnd) {
        println!("{}: {ending:?}", self.whose);
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(bind)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: folder FOLDER ADDRESS:PORT"));
    };
    let bind = bind.parse().map_err(io::Error::other)?;
    let server = TftpServer::bind(
        TftpConfig { bind, ..TftpConfig::default() },
        Arc::new(FolderSource(PathBuf::from(folder))),
    )?;
    println!("serving on {}", server.local_addr());
    server.run(async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(())
}
