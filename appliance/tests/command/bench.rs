//! Runs the program on a state folder and a configuration.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use tempfile::TempDir;

pub const NEAR: &str = "sip88xx.12-5-1SR1-4";
pub const TRANSITION: &str = "sip88xx.TLexE2M-11-2-3C-4";
pub const TARGET: &str = "sip88xx.11-2-3MPP-398";

/// A folder to run the program in.
pub struct BenchFolder {
    pub folder: TempDir,
    pub config: PathBuf,
}

impl BenchFolder {
    /// Creates a folder with the E2M firmware of the 88xx. `extra` extends the configuration from its section `[bench]`
    /// on.
    pub fn new(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self { config: folder.path().join("bench.toml"), folder };
        bench.configure(extra);
        for load in [NEAR, TRANSITION, TARGET] {
            bench.load(load);
        }
        bench
    }

    /// Phones stay on loopback, where an unprivileged user has free ports.
    pub fn configure(&self, extra: &str) {
        let state = self.state();
        fs::create_dir_all(&state).unwrap();
        let text = format!(
            "[files]\nhttp = [{}]\ntftp = {}\n[admin]\nlisten = \"127.0.0.1:{}\"\n[registrar]\nlisten = {}\n[bench]\nstate = '{}'\n{extra}\n",
            free_port(),
            free_port(),
            free_port(),
            free_port(),
            state.display()
        );
        fs::write(&self.config, text).unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Writes a load of two platforms with one component each.
    pub fn load(&self, name: &str) {
        let firmware = self.state().join("firmware");
        fs::create_dir_all(&firmware).unwrap();
        let version = name.split_once('.').unwrap().1;
        let components = [format!("rootfs88xx.{version}.sbn"), format!("rootfs288xx.{version}.sbn")];
        let listing = format!("[PLATFORM_1]\n{}\n[PLATFORM_2]\n{}\n", components[0], components[1]);
        fs::write(firmware.join(format!("{name}.loads")), listing).unwrap();
        for component in components {
            fs::write(firmware.join(component), "firmware").unwrap();
        }
    }

    pub fn license(&self, mac: &str) {
        let folder = self.state().join("licenses/e2m");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{mac}.lic")), "license").unwrap();
    }

    pub fn roster(&self, lines: &str) {
        fs::write(self.state().join("roster.csv"), format!("MAC,model,vid\n{lines}")).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run_in(self.folder.path(), &[arguments, &["--config", self.config.to_str().unwrap()]].concat())
    }
}

/// The result of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

pub fn run_in(folder: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_transload")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running bench, killed on drop.
pub struct ServeProcess {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl ServeProcess {
    /// Waits until the log has this text.
    pub fn logged(&mut self, what: &str) {
        let found = self.log.by_ref().map(Result::unwrap).find(|line| line.contains(what));
        assert!(found.is_some(), "the bench ended without saying {what:?}");
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Starts `transload serve`, and waits until it serves.
pub fn serve(bench: &BenchFolder) -> ServeProcess {
    serve_by(Command::new(env!("CARGO_BIN_EXE_transload")), bench)
}

/// Starts the program through another command.
pub fn serve_by(mut command: Command, bench: &BenchFolder) -> ServeProcess {
    let mut process = command
        .args(["serve", "--config", bench.config.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut serving = ServeProcess { process, log };
    serving.logged("\"serving\"");
    serving
}
