//! Outputs against real syslog receivers: rsyslog and syslog-ng, over TCP, TLS and UDP.
//!
//! `WATCHFLOOR_RECEIVERS` names a folder into which the Debian packages rsyslog, rsyslog-gnutls and
//! syslog-ng-core and what they need were unpacked (`dpkg -x`); `./test` makes one. They cannot be
//! installed side by side, and need not be.

use std::{
    net::{TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use watchfloor_edge::{
    Bounds, ClearText, ConnectionLimits, ElasticOutput, Fate, Form, HecOutput, Http, HttpLimits,
    Item, Output, SyslogOutput, TlsFiles, bind, router,
};
use watchfloor_types::{Secret, Severity, Timestamp};

use crate::{TOKEN, intake::Memory};

fn now() -> Timestamp {
    "2026-11-24T12:00:00.25Z".parse().unwrap()
}

/// Messages with everything that syslog could trip over.
fn item(n: u32) -> Item {
    Item {
        id: format!("id-{n}"),
        kind: "alert",
        event: "watchfloor.alert.created".to_owned(),
        time: now(),
        severity: Severity::Critical,
        facts: vec![("title", "say \"x\" ] \\ end".to_owned())],
        body: format!(
            "{{\"n\":{n},\"text\":\"12 [a] = ü \\\"q\\\" {}\"}}",
            "x".repeat(500)
        ),
        form: Form::Json,
    }
}

/// A receiver that is ended when dropped.
struct Receiver {
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

struct Ports {
    tcp: u16,
    tls: u16,
    udp: u16,
}

/// Ports that were free a moment ago.
fn ports() -> Ports {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tls = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    Ports {
        tcp: tcp.local_addr().unwrap().port(),
        tls: tls.local_addr().unwrap().port(),
        udp: udp.local_addr().unwrap().port(),
    }
}

fn rsyslog(root: &Path, dir: &Path, ports: &Ports) -> Command {
    let d = dir.display();
    let config = format!(
        r#"global(workDirectory="{d}" maxMessageSize="64k" defaultNetstreamDriverCAFile="{d}/cert.pem" defaultNetstreamDriverCertFile="{d}/cert.pem" defaultNetstreamDriverKeyFile="{d}/key.pem")
module(load="imptcp")
module(load="imudp")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="line" type="string" string="%msgid%|%pri%|%hostname%|%app-name%|%timereported:::date-rfc3339%|%structured-data%|%msg%\n")
ruleset(name="all") {{ action(type="omfile" file="{d}/out.log" template="line" fileCreateMode="0644") }}
input(type="imptcp" address="127.0.0.1" port="{}" ruleset="all")
input(type="imudp" address="127.0.0.1" port="{}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{}" ruleset="all")
"#,
        ports.tcp, ports.udp, ports.tls
    );
    std::fs::write(dir.join("r.conf"), config).unwrap();
    let mut command = Command::new(root.join("usr/sbin/rsyslogd"));
    command
        .args(["-n", "-C", "-f"])
        .arg(dir.join("r.conf"))
        .arg("-i")
        .arg(dir.join("pid"))
        .arg("-M")
        .arg(root.join("usr/lib/x86_64-linux-gnu/rsyslog"));
    command
}

fn syslog_ng(root: &Path, dir: &Path, ports: &Ports) -> Command {
    let d = dir.display();
    let config = format!(
        r#"@version: 3.38
@module affile
@module afsocket
@module syslogformat
options {{ keep-hostname(yes); use-dns(no); stats-freq(0); log-msg-size(65536); }};
source in {{
  syslog(ip("127.0.0.1") port({}) transport("tcp"));
  syslog(ip("127.0.0.1") port({}) transport("udp"));
  syslog(ip("127.0.0.1") port({}) transport("tls") tls(key-file("{d}/key.pem") cert-file("{d}/cert.pem") peer-verify(optional-untrusted)));
}};
destination out {{ file("{d}/out.log" template("$MSGID|$PRI|$HOST|$PROGRAM|$ISODATE|$SDATA|$MSG\n") flush-lines(1)); }};
log {{ source(in); destination(out); }};
"#,
        ports.tcp, ports.udp, ports.tls
    );
    std::fs::write(dir.join("n.conf"), config).unwrap();
    let modules = root.join("usr/lib/syslog-ng/3.38");
    let mut command = Command::new(root.join("usr/sbin/syslog-ng"));
    command
        .args(["-F", "--no-caps", "--stderr"])
        .arg("-f")
        .arg(dir.join("n.conf"))
        .arg("-R")
        .arg(dir.join("persist"))
        .arg("-p")
        .arg(dir.join("pid"))
        .arg("-c")
        .arg(dir.join("ctl"))
        .arg(format!("--module-path={}", modules.display()));
    command
}

fn start(root: &Path, command: fn(&Path, &Path, &Ports) -> Command) -> (Receiver, Ports, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(dir.path().join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(dir.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    let ports = ports();
    let libraries = [
        "usr/lib/x86_64-linux-gnu",
        "lib/x86_64-linux-gnu",
        "usr/lib/syslog-ng",
    ]
    .map(|p| root.join(p).display().to_string())
    .join(":");
    let log = std::fs::File::create(dir.path().join("said.log")).unwrap();
    let child = command(root, dir.path(), &ports)
        .env("LD_LIBRARY_PATH", libraries)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let receiver = Receiver { child, dir };
    let started = Instant::now();
    for port in [ports.tcp, ports.tls] {
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = std::fs::read_to_string(receiver.dir.path().join("said.log"));
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "it does not listen: {}",
                said.unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    (receiver, ports, cert.pem().into_bytes())
}

/// Waits until the file has `n` lines; a receiver writes when it likes.
fn lines(receiver: &Receiver, n: usize) -> Vec<String> {
    let path = receiver.dir.path().join("out.log");
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= n || started.elapsed() > Duration::from_secs(15) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Every message arrives once, in order, with each part where it belongs.
fn check(program: &str, command: fn(&Path, &Path, &Ports) -> Command) {
    let Some(root) = std::env::var_os("WATCHFLOOR_RECEIVERS").map(PathBuf::from) else {
        println!(
            "skipped: WATCHFLOOR_RECEIVERS is not set; ./test unpacks rsyslog and syslog-ng and sets it"
        );
        return;
    };
    if !root.join(program).exists() {
        println!("skipped: {program} is not there");
        return;
    }
    let (receiver, ports, pem) = start(&root, command);
    let bounds = Bounds {
        time: Duration::from_secs(15),
        message_bytes: 65_536,
    };
    let send = |address: &str, numbers: std::ops::Range<u32>| {
        let authorities = address.starts_with("tls").then_some(pem.as_slice());
        let mut syslog = SyslogOutput::new(address, ClearText::Refuse, authorities).unwrap();
        syslog.hostname = "floor-1".to_owned();
        let items: Vec<Item> = numbers.map(item).collect();
        let delivered = Output::Syslog(syslog).deliver(&items, bounds, now());
        assert!(
            delivered.fates.iter().all(|f| *f == Fate::Taken),
            "{address}: {}",
            delivered.answer
        );
    };
    send(&format!("tcp://127.0.0.1:{}", ports.tcp), 0..400);
    assert_eq!(lines(&receiver, 400).len(), 400, "over TCP");
    send(&format!("tls://localhost:{}", ports.tls), 400..800);
    assert_eq!(lines(&receiver, 800).len(), 800, "over TLS");
    send(&format!("udp://127.0.0.1:{}", ports.udp), 800..820);
    let all = lines(&receiver, 820);
    assert_eq!(all.len(), 820, "over UDP");
    for (n, line) in all.iter().enumerate() {
        let parts: Vec<&str> = line.splitn(7, '|').collect();
        let [kind, priority, host, app, time, data, body] = parts[..] else {
            panic!("{line}");
        };
        assert_eq!(
            (kind, host, app),
            ("alert", "floor-1", "watchfloor"),
            "{line}"
        );
        assert!(
            priority == "130" || priority == "local0.crit<130>",
            "{line}"
        );
        assert!(time.starts_with("2026-11-24T"), "{line}");
        assert!(data.starts_with("[watchfloor@32473 "), "{line}");
        assert!(data.contains(&format!("id=\"id-{n}\"")), "{line}");
        assert!(data.contains("say \\\"x\\\" \\] \\\\ end"), "{line}");
        let body = body.trim_start_matches(['\u{feff}', ' ']);
        let value: serde_json::Value =
            serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(value["n"], n, "order");
        assert!(
            value["text"]
                .as_str()
                .unwrap()
                .starts_with("12 [a] = ü \"q\" ")
        );
    }
    // Whom nobody trusts gets nothing.
    let address = format!("tls://localhost:{}", ports.tls);
    let stranger = SyslogOutput::new(&address, ClearText::Refuse, None).unwrap();
    let delivered = Output::Syslog(stranger).deliver(&[item(0)], bounds, now());
    assert!(
        matches!(delivered.fates[0], Fate::Later(_)),
        "{delivered:?}"
    );
    // Killed while a batch is on its way: not taken, to be sent again.
    drop(receiver);
    let address = format!("tcp://127.0.0.1:{}", ports.tcp);
    let gone = SyslogOutput::new(&address, ClearText::Refuse, None).unwrap();
    let delivered = Output::Syslog(gone).deliver(&[item(0)], bounds, now());
    assert!(
        matches!(delivered.fates[0], Fate::Later(_)),
        "{delivered:?}"
    );
}

#[test]
fn rsyslog_gets_every_message_once_and_in_order() {
    check("usr/sbin/rsyslogd", rsyslog);
}

#[test]
fn syslog_ng_gets_every_message_once_and_in_order() {
    check("usr/sbin/syslog-ng", syslog_ng);
}

/// Our own listener speaks the protocols of Splunk and Elasticsearch, and real clients of both are
/// tested against it: it is a receiver, too, here over TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_listener_takes_what_our_outputs_send() {
    let dir = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: dir.path().join("cert.pem"),
        key: dir.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    let listener = bind(([127, 0, 0, 1], 0).into(), Some(&files), ClearText::Refuse)
        .await
        .unwrap();
    let url = format!("https://localhost:{}", listener.address().port());
    let memory = std::sync::Arc::new(Memory::default());
    let router = router(std::sync::Arc::clone(&memory), HttpLimits::default());
    tokio::spawn(listener.serve(router, ConnectionLimits::default(), std::future::pending()));
    let deliver = |output: Output| async move {
        let bounds = Bounds {
            time: Duration::from_secs(10),
            message_bytes: 65_536,
        };
        let items: Vec<Item> = (0..100).map(item).collect();
        let work = tokio::task::spawn_blocking(move || output.deliver(&items, bounds, now()));
        work.await.unwrap()
    };
    let token = || Secret::new(TOKEN.to_owned());
    let http = |pem: Option<&[u8]>| Http::new(&url, ClearText::Refuse, pem).unwrap();
    let pem = cert.pem();
    let trusted = || http(Some(pem.as_bytes()));
    let hec = HecOutput::new(trusted(), token(), "watchfloor:ocsf", "floor").unwrap();
    let delivered = deliver(Output::Hec(hec)).await;
    assert!(
        delivered.fates.iter().all(|f| *f == Fate::Taken),
        "{}",
        delivered.answer
    );
    assert_eq!(memory.count(), 100);
    let elastic = ElasticOutput::new(trusted(), "generic", None, Some(&token())).unwrap();
    let delivered = deliver(Output::Elastic(elastic)).await;
    assert!(
        delivered.fates.iter().all(|f| *f == Fate::Taken),
        "{}",
        delivered.answer
    );
    assert_eq!(memory.count(), 200);
    let stranger = ElasticOutput::new(http(None), "generic", None, Some(&token())).unwrap();
    let delivered = deliver(Output::Elastic(stranger)).await;
    assert!(
        delivered.answer.contains("could not be reached"),
        "{}",
        delivered.answer
    );
    assert_eq!(memory.count(), 200);
}
