//! Serves the files of one folder: `folder FOLDER ADDRESS:PORT`. Prints how each transfer ended.

use std::{
    fs::File,
    io,
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use transload_tftp::{Config, Content, Ending, Opening, Refusal, Server, Source};

struct Folder(PathBuf);

struct OpenFile {
    file: File,
    size: u64,
    whose: String,
}

impl Source for Folder {
    fn open(self: Arc<Self>, peer: SocketAddr, name: String) -> Opening {
        Box::pin(async move {
            let bare = Path::new(&name).file_name().ok_or(Refusal::NotFound)?;
            let file = File::open(self.0.join(bare)).map_err(|_| Refusal::NotFound)?;
            let facts = file.metadata().map_err(|_| Refusal::NotFound)?;
            if !facts.is_file() {
                return Err(Refusal::NotFound);
            }
            let whose = format!("{name} to {peer}");
            Ok(Box::new(OpenFile { file, size: facts.len(), whose }) as Box<dyn Content>)
        })
    }
}

impl Content for OpenFile {
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

    fn ended(self: Box<Self>, ending: Ending) {
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
    let server = Server::bind(Config { bind, ..Config::default() }, Arc::new(Folder(PathBuf::from(folder))))?;
    println!("serving on {}", server.local_addr());
    server.run(async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(())
}
