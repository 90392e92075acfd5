use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::ConnectInfo, routing::get};
use tokio::sync::oneshot;
use watchfloor_edge::{BindError, ClearText, ConnectionLimits, HttpLimits, TlsFiles, bind, router};

use crate::intake::Memory;

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A server on a free port, and what stops it.
async fn serve(
    router: Router,
    limits: ConnectionLimits,
) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = bind(loopback(), None, ClearText::Refuse).await.unwrap();
    let address = listener.address();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(listener.serve(router, limits, async move {
        stopped.await.ok();
    }));
    (address, stop, server)
}

/// Sends bytes and reads until the other side closes.
async fn talk(address: SocketAddr, bytes: &'static [u8]) -> String {
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.write_all(bytes).unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

#[tokio::test]
async fn clear_text_stays_on_this_machine_unless_the_operator_says_so() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = bind(address.parse().unwrap(), None, ClearText::Refuse)
            .await
            .err()
            .unwrap();
        assert!(matches!(refused, BindError::ClearText { .. }), "{refused}");
        assert!(refused.to_string().contains("without TLS"));
    }
    let listener = bind("0.0.0.0:0".parse().unwrap(), None, ClearText::Allow)
        .await
        .unwrap();
    assert_ne!(listener.address().port(), 0);
    let taken = bind(listener.address(), None, ClearText::Allow)
        .await
        .err()
        .unwrap();
    assert!(matches!(taken, BindError::Bind { .. }), "{taken}");
    let missing = TlsFiles {
        certificate: "no/such.pem".into(),
        key: "no/such.key".into(),
    };
    let refused = bind(loopback(), Some(&missing), ClearText::Refuse)
        .await
        .err()
        .unwrap();
    assert!(refused.to_string().contains("no/such.pem"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_come_through_with_their_peer() {
    let seen =
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() });
    let (address, stop, server) = serve(
        Router::new().route("/who", seen),
        ConnectionLimits::default(),
    )
    .await;
    let answer = talk(
        address,
        b"GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("127.0.0.1"),
        "{answer}"
    );
    stop.send(()).unwrap();
    server.await.unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_oversized_heads_are_cut_off() {
    let limits = ConnectionLimits {
        head_time: Duration::from_millis(300),
        header_fields: 20,
        head_bytes: 8_192,
        ..ConnectionLimits::default()
    };
    let memory = Arc::new(Memory::default());
    let (address, _stop, _server) = serve(router(memory, HttpLimits::default()), limits).await;
    let started = Instant::now();
    let answer = talk(address, b"POST /ingest/a HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    assert!(started.elapsed() < Duration::from_secs(5), "{answer}");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    // A kept connection that only idles is closed, too.
    let started = Instant::now();
    let answer = talk(address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && started.elapsed() < Duration::from_secs(5),
        "{answer}"
    );
    let many: &'static [u8] = Box::leak(
        format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(50))
            .into_bytes()
            .into_boxed_slice(),
    );
    assert!(talk(address, many).await.starts_with("HTTP/1.1 431"));
    let long: &'static [u8] = Box::leak(
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
            "b".repeat(20_000)
        )
        .into_bytes()
        .into_boxed_slice(),
    );
    assert!(talk(address, long).await.starts_with("HTTP/1.1 431"));
    assert!(
        talk(address, b"\x16\x03\x01 not http\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );
    let smuggled = b"POST /ingest/a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n";
    let answer = talk(address, smuggled).await;
    assert!(answer.matches("HTTP/1.1").count() <= 1, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_allowed_wait_their_turn() {
    let limits = ConnectionLimits {
        connections: 2,
        head_time: Duration::from_millis(500),
        ..ConnectionLimits::default()
    };
    let memory = Arc::new(Memory::default());
    let (address, _stop, _server) = serve(router(memory, HttpLimits::default()), limits).await;
    let idle: Vec<TcpStream> = (0..2)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let started = Instant::now();
    let answer = talk(
        address,
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        started.elapsed() >= Duration::from_millis(300),
        "it did not wait"
    );
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_requests_finish_and_does_not_wait_for_ever() {
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        "done"
    });
    let never = get(|| async { std::future::pending::<&'static str>().await });
    let router = Router::new().route("/slow", slow).route("/never", never);
    let limits = ConnectionLimits {
        stop_time: Duration::from_secs(1),
        ..ConnectionLimits::default()
    };
    let (address, stop, server) = serve(router, limits).await;
    let slow = tokio::spawn(talk(address, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"));
    let never = tokio::spawn(talk(address, b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n"));
    tokio::time::sleep(Duration::from_millis(150)).await;
    let started = Instant::now();
    stop.send(()).unwrap();
    server.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(slow.await.unwrap().ends_with("done"));
    assert_eq!(never.await.unwrap(), "");
}
