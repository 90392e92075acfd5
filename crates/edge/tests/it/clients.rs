use std::{process::Command, sync::Arc};

use watchfloor_edge::{ClearText, ConnectionLimits, HttpLimits, bind, router};

use crate::{TOKEN, intake::Memory};

/// Real clients against a real socket. `WATCHFLOOR_CLIENTS` names a Python that has
/// elasticsearch, splunk-handler and opentelemetry-exporter-otlp-proto-http; `tests/clients/README.md`
/// says how to make one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_clients_deliver() {
    let Some(python) = std::env::var_os("WATCHFLOOR_CLIENTS") else {
        println!("skipped: WATCHFLOOR_CLIENTS is not set");
        return;
    };
    let memory = Arc::new(Memory::default());
    let listener = bind(([127, 0, 0, 1], 0).into(), None, ClearText::Refuse)
        .await
        .unwrap();
    let address = listener.address();
    let router = router(Arc::clone(&memory), HttpLimits::default());
    tokio::spawn(listener.serve(router, ConnectionLimits::default(), std::future::pending()));
    let mut ran = 0;
    for (client, records) in [
        ("elasticsearch", 500),
        ("splunk", 1),
        ("otlp_traces", 5),
        ("otlp_logs", 3),
    ] {
        let before = memory.count();
        let mut command = Command::new(&python);
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/clients/send.py"
            ))
            .args([client, &address.to_string(), TOKEN]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(77) {
            println!("skipped: {client}: {}", said.trim());
            continue;
        }
        ran += 1;
        assert!(output.status.success(), "{client}: {said}");
        assert_eq!(memory.count() - before, records, "{client}: {said}");
        println!(
            "{client}: {}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
    }
    assert!(ran > 0, "that Python has none of the clients");
}
