//! Listening: console and API on one address, ingest on another.

use std::{
    future::Future,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Context;
use axum::Router;
use watchfloor_edge::{ClearText, ConnectionLimits, HttpLimits, Listener, TlsFiles, bind, router};
use watchfloor_types::{Role, UserId};

use crate::{
    api::write::invite,
    floor::{Floor, FloorIntake},
    settings::{Insecure, Settings},
    web,
};

/// Two open sockets that nobody serves yet.
pub(crate) struct Sockets {
    console: Listener,
    ingest: Listener,
}

/// What to do when an address is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Say so and end.
    Fail,
    /// Take any free port of the same address.
    AnyPort,
}

impl Sockets {
    /// Opens both.
    pub(crate) async fn open(settings: &Settings, taken: Taken) -> anyhow::Result<Self> {
        let tls = settings.tls.as_ref().map(|(certificate, key)| TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        });
        let clear = match settings.insecure_listen {
            Insecure::Refuse => ClearText::Refuse,
            Insecure::Allow => ClearText::Allow,
        };
        let one = async |address: SocketAddr| match bind(address, tls.as_ref(), clear).await {
            Err(watchfloor_edge::BindError::Bind { .. }) if taken == Taken::AnyPort => {
                bind(SocketAddr::new(address.ip(), 0), tls.as_ref(), clear).await
            }
            other => other,
        };
        Ok(Self {
            console: one(settings.listen)
                .await
                .context("the console cannot be served")?,
            ingest: one(settings.ingest_listen)
                .await
                .context("ingest cannot be served")?,
        })
    }

    /// URL of the console.
    pub(crate) fn console_url(&self) -> String {
        format!(
            "{}://{}",
            self.console.scheme(),
            reachable(self.console.address())
        )
    }

    /// URL of the ingest listener.
    pub(crate) fn ingest_url(&self) -> String {
        format!(
            "{}://{}",
            self.ingest.scheme(),
            reachable(self.ingest.address())
        )
    }

    /// Serves both until `stop` is ready.
    pub(crate) async fn serve(
        self,
        floor: Arc<Floor>,
        stop: impl Future<Output = ()> + Clone + Send + 'static,
    ) {
        let console: Router = web::router(Arc::clone(&floor));
        let told = (Arc::clone(&floor), stop.clone());
        tokio::spawn(async move {
            told.1.await;
            told.0.stopping.send_replace(true);
        });
        let ingest = router(Arc::new(FloorIntake(floor)), HttpLimits::default());
        let a = self
            .console
            .serve(console, ConnectionLimits::default(), stop.clone());
        let b = self.ingest.serve(ingest, ConnectionLimits::default(), stop);
        futures_util::future::join(a, b).await;
    }
}

/// Where a listener on every address is reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// The account of the first run, with every role, and a link that signs it in; none once somebody can sign in.
pub(crate) async fn first_link(floor: &Floor) -> anyhow::Result<Option<String>> {
    let admin: UserId = "admin".parse()?;
    let accounts = floor.store.accounts().await?;
    if accounts
        .iter()
        .any(|a| a.id != admin || a.password.is_some())
    {
        return Ok(None);
    }
    Ok(Some(
        invite(floor, &admin, "Administrator", Role::ALL).await?,
    ))
}

/// Ready on Ctrl-C or a termination signal.
pub(crate) async fn interrupted() {
    let ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! { () = ctrl_c => {}, _ = terminate.recv() => {} }
            }
            Err(_) => ctrl_c.await,
        }
    }
    #[cfg(not(unix))]
    ctrl_c.await;
}

/// A signal that several can wait for.
pub(crate) fn shared(
    signal: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Clone + Send + 'static {
    use futures_util::FutureExt;
    signal.boxed().shared()
}

/// Ready when the sender says so or is gone.
pub(crate) fn until(
    mut stopped: tokio::sync::watch::Receiver<bool>,
) -> impl Future<Output = ()> + Clone + Send + 'static {
    shared(async move { drop(stopped.wait_for(|stop| *stop).await) })
}
