//! One HTTP exchange outwards, and what is known of it afterwards.

use std::{
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use ureq::{
    Agent,
    http::{HeaderMap, Request, Response},
    tls::{PemItem, parse_pem},
    unversioned::{
        resolver::DefaultResolver,
        transport::{
            Buffers, ConnectionDetails, Connector, DefaultConnector, Either, NextTimeout, Transport,
        },
    },
};

/// At most this much of an answer is read, unless the caller says otherwise.
pub(crate) const ANSWER_LIMIT: u64 = 64 * 1024;

/// What is known after one try.
#[derive(Debug)]
pub(crate) enum Tried {
    /// The receiver answered.
    Answered {
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    /// Not one byte of the request left: name, address, TLS.
    NotSent(String),
    /// Something left and no answer came.
    Unknown(String),
}

/// Sends requests; follows no redirect, uses no proxy, keeps no connection: a request on a
/// connection that the receiver has just closed would look as if it had been sent.
#[derive(Clone, Default)]
pub(crate) struct Sender {
    /// Certificates to trust in place of the public ones.
    roots: Option<Arc<Vec<ureq::tls::Certificate<'static>>>>,
}

impl Sender {
    /// Trusts only these authorities; none where the text holds no certificate.
    pub(crate) fn trusting(pem: &[u8]) -> Option<Self> {
        let certificates = parse_pem(pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        });
        let certificates: Vec<_> = certificates.collect();
        (!certificates.is_empty()).then(|| Self {
            roots: Some(Arc::new(certificates)),
        })
    }

    /// Blocks until there is an answer or `time` has passed.
    pub(crate) fn send(&self, request: Request<Vec<u8>>, time: Duration) -> Tried {
        self.send_for(request, time, ANSWER_LIMIT)
    }

    /// The same, reading at most `limit` bytes of the answer.
    pub(crate) fn send_for(&self, request: Request<Vec<u8>>, time: Duration, limit: u64) -> Tried {
        let mut tls = ureq::tls::TlsConfig::builder();
        if let Some(roots) = &self.roots {
            tls = tls.root_certs(ureq::tls::RootCerts::Specific(Arc::clone(roots)));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .max_response_header_size(64 * 1024)
            .allow_non_standard_methods(true)
            .user_agent(concat!("watchfloor/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(time.min(Duration::from_secs(10))))
            .timeout_global(Some(time))
            .build();
        let sent = Arc::new(AtomicBool::new(false));
        let connector = DefaultConnector::default().chain(Watch {
            sent: Arc::clone(&sent),
        });
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        match agent.run(request) {
            Ok(response) => answered(response, limit),
            Err(error) if sent.load(SeqCst) => Tried::Unknown(error.to_string()),
            Err(error) => Tried::NotSent(error.to_string()),
        }
    }
}

fn answered(response: Response<ureq::Body>, limit: u64) -> Tried {
    let (parts, body) = response.into_parts();
    let mut bytes = Vec::new();
    // The status is the answer. A body that breaks off says less, not something else.
    if let Err(error) = body.into_reader().take(limit).read_to_end(&mut bytes) {
        tracing::debug!(%error, "the body of an answer broke off");
    }
    Tried::Answered {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: bytes,
    }
}

/// Stands between HTTP and the finished connection, TLS included, and notes the first byte sent.
#[derive(Debug)]
struct Watch {
    sent: Arc<AtomicBool>,
}

impl<In: Transport> Connector<In> for Watch {
    type Out = Either<In, Watched<In>>;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| {
            Either::B(Watched {
                inner,
                sent: Arc::clone(&self.sent),
            })
        }))
    }
}

#[derive(Debug)]
struct Watched<In> {
    inner: In,
    sent: Arc<AtomicBool>,
}

impl<In: Transport> Transport for Watched<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.sent.store(true, SeqCst);
        self.inner.transmit_output(amount, timeout)
    }
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }
    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
