//! A connection to a syslog receiver: TCP or TLS, closed in a way that shows whether all was read.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::OutputError;

/// The settings of TLS towards receivers: the authorities of a PEM file, or the public ones.
pub(super) fn tls(authorities: Option<&[u8]>) -> Result<Arc<ClientConfig>, OutputError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
                .filter_map(Result::ok)
                .collect();
            let (added, _) = roots.add_parsable_certificates(certificates);
            if added == 0 {
                return Err(OutputError::Authorities);
            }
        }
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| OutputError::Authorities)?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Whether the end of a batch waits for the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirm {
    /// Until it has read everything and closed its side.
    Close,
    /// No: what the system has taken counts as sent.
    Nothing,
}

/// Sends bytes over a connection of their own. Syslog has no acknowledgement: that the receiver
/// closes its side after we closed ours is the best sign that it has read to the end, and a reset
/// is a sign that it has not.
pub(super) fn send(
    host: &str,
    port: u16,
    tls: Option<&Arc<ClientConfig>>,
    bytes: &[u8],
    time: Duration,
    confirm: Confirm,
) -> io::Result<()> {
    let end = Instant::now() + time;
    let left = || {
        let left = end.saturating_duration_since(Instant::now());
        (!left.is_zero())
            .then_some(left)
            .ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "it took too long"))
    };
    let socket = connect(host, port, &left)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(left()?))?;
    socket.set_read_timeout(Some(left()?))?;
    let Some(config) = tls else {
        let mut socket = socket;
        for piece in bytes.chunks(PIECE) {
            socket.set_write_timeout(Some(left()?))?;
            socket.write_all(piece)?;
        }
        socket.shutdown(std::net::Shutdown::Write)?;
        return finish(&mut socket, confirm, &left);
    };
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))?;
    let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket);
    for piece in bytes.chunks(PIECE) {
        stream.sock.set_write_timeout(Some(left()?))?;
        stream.write_all(piece)?;
    }
    stream.flush()?;
    // RFC 5425, section 4.4: the sender closes with close_notify.
    stream.conn.send_close_notify();
    stream.flush()?;
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut stream.sock)?;
    }
    stream.sock.shutdown(std::net::Shutdown::Write)?;
    finish(&mut stream.sock, confirm, &left)
}

/// Written at once, so that a bound on time is looked at now and then.
const PIECE: usize = 64 * 1024;

fn connect(
    host: &str,
    port: u16,
    left: &impl Fn() -> io::Result<Duration>,
) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host.trim_matches(['[', ']']), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left()?.min(Duration::from_secs(10))) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until the receiver closes. What it says meanwhile is not for us.
fn finish(
    socket: &mut TcpStream,
    confirm: Confirm,
    left: &impl Fn() -> io::Result<Duration>,
) -> io::Result<()> {
    if confirm == Confirm::Nothing {
        return Ok(());
    }
    let mut ignored = [0; 1_024];
    loop {
        socket.set_read_timeout(Some(left()?))?;
        match socket.read(&mut ignored) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the receiver did not close its side, so nobody knows whether it read everything; if it never does, set `confirm = false`",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
