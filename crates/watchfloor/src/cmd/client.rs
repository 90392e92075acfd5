//! How commands reach a floor: a running server where there is one, else one opened for the command.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{runtime::Runtime, sync::watch};
use watchfloor_store::TokenKind;
use watchfloor_types::UserId;

use super::Context;
use crate::{
    api::write::create_token,
    clock::Clock,
    floor::{self, Floor, Opened},
    output::Exit,
    serve::{Sockets, Taken, first_link},
    settings::Settings,
};

/// Where a server can be reached; written into its data folder, readable by its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    /// URL of console and API.
    pub console: String,
    /// URL of the ingest listener.
    pub ingest: String,
    /// API token of the command line.
    pub token: String,
    /// Ingest token of the command line, for all sources.
    pub ingest_token: String,
}

impl Address {
    /// The file in a data folder.
    pub(crate) fn path(settings: &Settings) -> PathBuf {
        settings.data_dir.join("server.json")
    }

    /// Makes tokens for the command line and writes the file.
    pub(crate) async fn publish(floor: &Floor, sockets: &Sockets) -> anyhow::Result<Self> {
        let admin: UserId = "admin".parse()?;
        let now = floor.clock.now();
        for old in floor
            .store
            .tokens()
            .await?
            .iter()
            .filter(|t| t.details.name == NAME && t.revoked.is_none())
        {
            floor.store.token_revoke(&old.details.id, now).await?;
        }
        let tenant = floor.settings.tenant.clone();
        let (_, token) = create_token(
            floor,
            TokenKind::Api,
            NAME,
            Vec::new(),
            Some(admin),
            tenant.clone(),
        )
        .await?;
        let (_, ingest_token) =
            create_token(floor, TokenKind::Ingest, NAME, Vec::new(), None, tenant).await?;
        let address = Self {
            console: sockets.console_url(),
            ingest: sockets.ingest_url(),
            token,
            ingest_token,
        };
        let path = Self::path(&floor.settings);
        write_private(&path, &serde_json::to_vec_pretty(&address)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(address)
    }
}

/// Name of the tokens that the command line uses.
const NAME: &str = "command line";

fn write_private(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(bytes)
}

/// A floor to talk to.
pub(crate) struct Client {
    address: Address,
    agent: ureq::Agent,
    local: Option<Local>,
}

struct Local {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    opened: Opened,
}

impl Client {
    /// Finds a server, or opens the data folder for the length of this command.
    pub(crate) fn open(context: &Context) -> anyhow::Result<Result<Self, Exit>> {
        let agent = agent();
        if let Some(server) = &context.server {
            let token = std::env::var("WATCHFLOOR_TOKEN").context("--server needs a token in WATCHFLOOR_TOKEN; `watchfloor token create --api` makes one")?;
            let address = Address {
                console: server.trim_end_matches('/').to_owned(),
                ingest: std::env::var("WATCHFLOOR_INGEST")
                    .unwrap_or_default()
                    .trim_end_matches('/')
                    .to_owned(),
                ingest_token: std::env::var("WATCHFLOOR_INGEST_TOKEN").unwrap_or_default(),
                token,
            };
            return Ok(Ok(Self {
                address,
                agent,
                local: None,
            }));
        }
        let settings = match context.settings()? {
            Ok(settings) => settings,
            Err(exit) => return Ok(Err(exit)),
        };
        if let Some(address) = running(&settings) {
            return Ok(Ok(Self {
                agent: own_agent(&address, Duration::from_secs(600)),
                address,
                local: None,
            }));
        }
        Self::local(settings).map(Ok)
    }

    /// Opens the data folder for the length of this command.
    pub(crate) fn local(settings: Settings) -> anyhow::Result<Self> {
        let (local, address) = Local::open(settings)?;
        Ok(Self {
            address,
            agent: agent(),
            local: Some(local),
        })
    }

    /// The floor that was opened for this command.
    pub(crate) fn floor(&self) -> Option<Arc<Floor>> {
        self.local.as_ref().map(|l| Arc::clone(&l.opened.floor))
    }

    /// Runs a task beside the floor that was opened for this command.
    pub(crate) fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Option<tokio::task::JoinHandle<()>> {
        self.local.as_ref().map(|l| l.runtime.spawn(task))
    }

    /// `GET` of an API path.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.address.console);
        let response = self
            .agent
            .get(&url)
            .header("authorization", format!("Bearer {}", self.address.token))
            .call();
        answer(&url, response)
    }

    /// `POST` of a JSON body to an API path.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.address.console);
        let response = self
            .agent
            .post(&url)
            .header("authorization", format!("Bearer {}", self.address.token))
            .header("content-type", "application/json")
            .send(body.to_string());
        answer(&url, response)
    }

    /// Sends records to the ingest listener; waits and comes again when it is busy.
    pub(crate) fn ingest(&self, source: &str, body: &[u8]) -> anyhow::Result<Value> {
        self.ingest_counting(source, body, &AtomicU64::new(0))
    }

    /// The same; counts how often it was told to come again.
    pub(crate) fn ingest_counting(
        &self,
        source: &str,
        body: &[u8],
        busy: &AtomicU64,
    ) -> anyhow::Result<Value> {
        if self.address.ingest.is_empty() || self.address.ingest_token.is_empty() {
            return Err(BadInput(
                "with --server, WATCHFLOOR_INGEST names the URL of its ingest listener and WATCHFLOOR_INGEST_TOKEN a token for the source".to_owned(),
            )
            .into());
        }
        let url = format!("{}/ingest/{source}", self.address.ingest);
        for _ in 0..6_000 {
            let response = self
                .agent
                .post(&url)
                .header(
                    "authorization",
                    format!("Bearer {}", self.address.ingest_token),
                )
                .header("content-type", "application/x-ndjson")
                .send(body);
            if response
                .as_ref()
                .is_ok_and(|r| matches!(r.status().as_u16(), 429 | 503))
            {
                busy.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            return answer(&url, response);
        }
        bail!("{url} stays busy")
    }

    /// URL of the console.
    pub(crate) fn console(&self) -> &str {
        &self.address.console
    }

    /// Ends a floor that was opened for this command.
    pub(crate) fn close(self) {
        if let Some(local) = self.local {
            local.close();
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(600)))
        .build()
        .into()
}

/// For the server whose address stands in the data folder, a file that only its owner can write. On
/// loopback its certificate cannot name it, so it is not asked for one that does.
fn own_agent(address: &Address, patience: Duration) -> ureq::Agent {
    let loopback = ["https://127.", "https://[::1]"]
        .iter()
        .any(|start| address.console.starts_with(start));
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(patience))
        .tls_config(
            ureq::tls::TlsConfig::builder()
                .disable_verification(loopback)
                .build(),
        )
        .build()
        .into()
}

/// The server that holds the data folder, if one answers.
fn running(settings: &Settings) -> Option<Address> {
    let text = std::fs::read(Address::path(settings)).ok()?;
    let address: Address = serde_json::from_slice(&text).ok()?;
    own_agent(&address, Duration::from_secs(2))
        .get(format!("{}/api/v1/health", address.console))
        .call()
        .ok()
        .filter(|answer| answer.status().is_success())
        .map(|_| address)
}

impl Local {
    fn open(mut settings: Settings) -> anyhow::Result<(Self, Address)> {
        settings.listen = ([127, 0, 0, 1], 0).into();
        settings.ingest_listen = ([127, 0, 0, 1], 0).into();
        settings.tls = None;
        let runtime = Runtime::new().context("cannot start the runtime")?;
        let (opened, sockets, address) = runtime.block_on(async {
            let opened = floor::open(settings.clone(), Clock::real()).await?;
            // The account that the command line acts for has to be there; `serve` shows a link for it.
            first_link(&opened.floor).await?;
            let sockets = Sockets::open(&settings, Taken::Fail).await?;
            let address = Address::publish(&opened.floor, &sockets).await?;
            anyhow::Ok((opened, sockets, address))
        })?;
        let (stop, stopped) = watch::channel(false);
        let serving =
            runtime.spawn(sockets.serve(Arc::clone(&opened.floor), crate::serve::until(stopped)));
        Ok((
            Self {
                runtime,
                stop,
                serving,
                opened,
            },
            address,
        ))
    }

    fn close(self) {
        let path = Address::path(&self.opened.floor.settings);
        self.stop.send_replace(true);
        self.runtime.block_on(async {
            drop(self.serving.await);
            self.opened.close().await;
        });
        // Nobody answers there any more; a leftover would only cost the next command a look.
        drop(std::fs::remove_file(path));
    }
}

fn answer(
    url: &str,
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> anyhow::Result<Value> {
    let mut response = response.map_err(|e| anyhow!("cannot reach {url}: {e}"))?;
    let status = response.status();
    let text = response
        .body_mut()
        .with_config()
        .limit(512 << 20)
        .read_to_string()
        .with_context(|| format!("cannot read the answer of {url}"))?;
    let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    // 400 with a list: every record was bad, and is a dead letter. That is an answer, too.
    let every_record_bad = status.as_u16() == 400 && value.get("accepted").is_some();
    if status.is_success() || every_record_bad {
        return Ok(value);
    }
    let detail = value
        .get("detail")
        .and_then(Value::as_str)
        .map_or_else(|| value.to_string(), str::to_owned);
    if status.as_u16() < 500 {
        Err(BadInput(detail).into())
    } else {
        Err(anyhow!("{url}: {status}: {detail}"))
    }
}

/// The floor refused what was asked; exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(pub(crate) String);
