//! Listening: addresses, TLS, bounds per connection, and an end that loses nobody.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// Where the certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Chain in PEM, own certificate first.
    pub certificate: PathBuf,
    /// Private key in PEM.
    pub key: PathBuf,
}

/// Whether clear text may leave this machine's loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearText {
    /// No: other addresses need TLS.
    Refuse,
    /// Yes, on the operator's word.
    Allow,
}

/// Bounds of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once. More wait in the system's queue.
    pub connections: usize,
    /// The head of a request must have arrived after this time; also how long a connection may idle.
    pub head_time: Duration,
    /// A TLS handshake must be done after this time.
    pub handshake_time: Duration,
    /// Header fields of a request.
    pub header_fields: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// How long requests may take to finish after the listener was told to stop.
    pub stop_time: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head_time: Duration::from_secs(30),
            handshake_time: Duration::from_secs(10),
            header_fields: 100,
            head_bytes: 64 * 1024,
            stop_time: Duration::from_secs(10),
        }
    }
}

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is reachable from other machines and there is no TLS.
    #[error(
        "refusing to listen on {address} without TLS; name certificate and key, or listen on 127.0.0.1"
    )]
    ClearText {
        /// The address.
        address: SocketAddr,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system refuses.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds no such thing.
    #[error("cannot read {what} from {path}: {reason}")]
    File {
        /// `certificates` or `private key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not go together.
    #[error("certificate {path} cannot be used: {reason}")]
    Unusable {
        /// The certificate file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A bound address, ready to serve.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

/// Binds an address. Any address but a loopback one needs TLS, unless the operator says otherwise.
pub async fn bind(
    address: SocketAddr,
    tls: Option<&TlsFiles>,
    clear: ClearText,
) -> Result<Listener, BindError> {
    let loopback = address.ip().to_canonical().is_loopback();
    if tls.is_none() && !loopback && clear == ClearText::Refuse {
        return Err(BindError::ClearText { address });
    }
    let tls = tls.map(acceptor).transpose()?;
    let bind_error = |source| BindError::Bind { address, source };
    let socket = TcpListener::bind(address).await.map_err(bind_error)?;
    let address = socket.local_addr().map_err(bind_error)?;
    Ok(Listener {
        socket,
        address,
        tls,
    })
}

impl Listener {
    /// The address it listens on; the port is the one given by the system where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Serves until `stop` is ready. Then takes no new connection, lets requests finish within
    /// [`ConnectionLimits::stop_time`], and returns. The peer is in the request's extensions as
    /// [`ConnectInfo`].
    pub async fn serve(
        self,
        router: Router,
        limits: ConnectionLimits,
        stop: impl Future<Output = ()> + Send,
    ) {
        let limits = Arc::new(limits);
        let room = Arc::new(Semaphore::new(
            limits.connections.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let (stopping, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            // Finished ones are taken out so that the set does not grow.
            while connections.try_join_next().is_some() {}
            let next = tokio::select! {
                biased;
                () = &mut stop => break,
                next = self.accept(&room) => next,
            };
            let Some((stream, peer, permit)) = next else {
                continue;
            };
            let connection = Connection {
                tls: self.tls.clone(),
                router: router.clone(),
                limits: Arc::clone(&limits),
                peer,
                stopped: stopped.clone(),
            };
            connections.spawn(async move {
                connection.run(stream).await;
                drop(permit);
            });
        }
        drop(self.socket);
        drop(stopping);
        let finish = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.stop_time, finish)
            .await
            .is_err()
        {
            tracing::warn!(address = %self.address, "requests were cut off at the end");
            connections.shutdown().await;
        }
    }

    async fn accept(
        &self,
        room: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(room).acquire_owned().await.ok()?;
        match self.socket.accept().await {
            Ok((stream, peer)) => Some((stream, peer, permit)),
            Err(error) => {
                // Out of file descriptors, or the peer was gone at once: wait rather than spin.
                tracing::warn!(address = %self.address, %error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }
}

struct Connection {
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Arc<ConnectionLimits>,
    peer: SocketAddr,
    stopped: watch::Receiver<()>,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        // Answers are small and complete; waiting for more only adds delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::trace!(%error, "no TCP_NODELAY");
        }
        let result = match self.tls.clone() {
            None => self.http(stream).await,
            Some(tls) => {
                match tokio::time::timeout(self.limits.handshake_time, tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.http(stream).await,
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("the TLS handshake took too long".to_owned()),
                }
            }
        };
        if let Err(reason) = result {
            tracing::debug!(reason, "a connection ended badly");
        }
    }

    async fn http(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send) -> Result<(), String> {
        let Self {
            router,
            limits,
            peer,
            mut stopped,
            ..
        } = self;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = router.clone().oneshot(request.map(axum::body::Body::new));
            async move { answer.await.map_err(|never: Infallible| never) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_headers(limits.header_fields)
            .max_buf_size(limits.head_bytes.max(8_192))
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            // The sender is dropped when the listener stops.
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        result.map_err(|e| e.to_string())
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let file = |what: &'static str, path: &Path, reason: String| TlsError::File {
        what,
        path: path.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file("certificates", &files.certificate, e.to_string()))?;
    if chain.is_empty() {
        return Err(file(
            "certificates",
            &files.certificate,
            "there is none in it".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|e| file("private key", &files.key, e.to_string()))?;
    let unusable = |e: rustls::Error| TlsError::Unusable {
        path: files.certificate.clone(),
        reason: e.to_string(),
    };
    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
