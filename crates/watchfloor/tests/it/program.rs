//! The program under test: runs commands and servers on fresh folders.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// The command with a data folder and nothing from the caller's environment that could change it.
pub fn watchfloor(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchfloor"));
    command
        .current_dir(dir)
        .env_remove("WATCHFLOOR_SERVER")
        .env_remove("WATCHFLOOR_TOKEN")
        .env("WATCHFLOOR_LOG", "warn")
        .args(args);
    command
}

/// Runs a command to its end.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    watchfloor(dir, args).output().unwrap()
}

/// Runs a command that must succeed and returns its JSON.
pub fn json(dir: &Path, args: &[&str]) -> Value {
    let output = run(dir, args);
    assert!(
        output.status.success(),
        "{args:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{args:?}: {e}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// A server on free ports, killed when dropped.
pub struct Server {
    child: Child,
    /// Its working folder.
    pub dir: PathBuf,
    /// What `server.json` says.
    pub address: Value,
}

impl Server {
    /// Starts one in `dir`, whose `data` folder may hold what an earlier one left.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, "")
    }

    /// The same with more settings.
    pub fn start_with(dir: &Path, settings: &str) -> Self {
        std::fs::write(
            dir.join("watchfloor.toml"),
            format!("listen = '127.0.0.1:0'\ningest_listen = '127.0.0.1:0'\ndata_dir = 'data'\n{settings}"),
        )
        .unwrap();
        std::fs::remove_file(dir.join("data/server.json")).ok();
        let mut child = watchfloor(dir, &["serve"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let started = Instant::now();
        let mut seen = String::new();
        for line in &mut lines {
            let line = line.unwrap();
            seen.push_str(&line);
            seen.push('\n');
            if line.starts_with("data ") {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{seen}");
        }
        // The pipe is read on, so that the server never blocks on it.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        let text =
            std::fs::read(dir.join("data/server.json")).unwrap_or_else(|e| panic!("{e}: {seen}"));
        Self {
            child,
            dir: dir.to_owned(),
            address: serde_json::from_slice(&text).unwrap(),
        }
    }

    /// A field of the address.
    pub fn at(&self, key: &str) -> &str {
        self.address[key].as_str().unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.dir.clone()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `GET` of an API path.
    pub fn get(&self, path: &str) -> Value {
        let mut response = ureq::get(format!("{}{path}", self.at("console")))
            .header("authorization", format!("Bearer {}", self.at("token")))
            .call()
            .unwrap();
        response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_json()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
