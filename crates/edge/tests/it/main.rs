//! The edge from outside.

#![cfg(test)]

mod clients;
mod corpus;
mod effects;
mod hostile;
mod intake;
mod listening;
mod output;
mod protocols;
mod receivers;
mod server;
mod tls;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use intake::Memory;
use tower::ServiceExt as _;
use watchfloor_edge::{HttpLimits, router};

const TOKEN: &str = "wf_in_0123";

/// A request by method, path, headers and body.
fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answered {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

async fn ask(router: &Router, request: Request<Body>) -> Answered {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answered {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

fn fresh() -> (Arc<Memory>, Router) {
    let memory = Arc::new(Memory::default());
    let limits = HttpLimits {
        body_bytes: 1 << 20,
        unpacked_bytes: 4 << 20,
        ..HttpLimits::default()
    };
    let router = router(Arc::clone(&memory), limits);
    (memory, router)
}
