//! Reading the corpus: zstd, tar, NDJSON.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// The corpus folder, or none, said plainly.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("WATCHFLOOR_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: WATCHFLOOR_CORPUS is not set");
    }
    folder
}

pub(crate) fn unpack(path: &Path) -> Vec<u8> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut decoder = zstd::Decoder::new(file).unwrap();
    decoder.window_log_max(27).unwrap();
    let mut out = Vec::new();
    decoder.read_to_end(&mut out).unwrap();
    out
}

pub(crate) fn lines(path: &Path) -> Vec<String> {
    String::from_utf8(unpack(path))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The files of a tar archive (POSIX ustar, with GNU and pax long names).
pub(crate) fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = unpack(path);
    let mut out = Vec::new();
    let mut at = 0;
    let mut long: Option<String> = None;
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    while at + 512 <= bytes.len() && bytes[at] != 0 {
        let header = &bytes[at..at + 512];
        let size = usize::from_str_radix(text(&header[124..136]).trim(), 8).unwrap();
        let body = &bytes[at + 512..at + 512 + size];
        match header[156] {
            b'L' => long = Some(text(body)),
            b'x' => {
                let records = String::from_utf8_lossy(body).into_owned();
                long = records
                    .lines()
                    .find_map(|l| l.split_once("path=").map(|(_, p)| p.to_owned()));
            }
            b'0' | 0 => {
                let prefix = text(&header[345..500]);
                let name = text(&header[..100]);
                let short = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}/{name}")
                };
                out.push((long.take().unwrap_or(short), body.to_vec()));
            }
            _ => long = None,
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    out
}

/// Path and text of every rule of the corpus.
pub(crate) fn rules(corpus: &Path) -> Vec<(String, String)> {
    files(&corpus.join("sigma/sigmahq-rules.tar.zst"))
        .into_iter()
        .filter(|(name, _)| {
            let top = name
                .trim_start_matches("./")
                .split('/')
                .next()
                .unwrap_or_default();
            top.starts_with("rules") && name.ends_with(".yml")
        })
        .map(|(name, body)| (name, String::from_utf8(body).unwrap()))
        .collect()
}

/// Sigma logsource of a Windows event, as `mk_mixed.py` of the corpus derives it: product,
/// service, category.
pub(crate) fn windows(event: &serde_json::Value) -> [Option<String>; 3] {
    let field = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| event.get(*n).filter(|v| !v.is_null()))
    };
    let channel = field(&["Channel", "channel", "log_name"])
        .and_then(|v| v.as_str())
        .unwrap_or_default()
        .to_lowercase();
    let id = match field(&["EventID", "event_id"]) {
        Some(serde_json::Value::Number(n)) => n.as_i64().unwrap_or(0),
        Some(serde_json::Value::String(s)) => s.parse().unwrap_or(0),
        _ => 0,
    };
    let service = match channel.as_str() {
        "security" | "system" | "application" => Some(channel.as_str()),
        "windows powershell" => Some("powershell-classic"),
        "microsoft-windows-powershell/operational" => Some("powershell"),
        "microsoft-windows-sysmon/operational" => Some("sysmon"),
        "microsoft-windows-taskscheduler/operational" => Some("taskscheduler"),
        "microsoft-windows-wmi-activity/operational" => Some("wmi"),
        "microsoft-windows-windows defender/operational" => Some("windefend"),
        "microsoft-windows-bits-client/operational" => Some("bits-client"),
        "microsoft-windows-windows firewall with advanced security/firewall" => Some("firewall-as"),
        "microsoft-windows-dns-client/operational" => Some("dns-client"),
        "microsoft-windows-terminalservices-localsessionmanager/operational" => {
            Some("terminalservices-localsessionmanager")
        }
        "microsoft-windows-codeintegrity/operational" => Some("codeintegrity-operational"),
        "microsoft-windows-appxdeployment-server/operational" => Some("appxdeployment-server"),
        "microsoft-windows-shell-core/operational" => Some("shell-core"),
        _ => None,
    };
    let category = match (service, id) {
        (Some("sysmon"), id) => match id {
            1 => Some("process_creation"),
            2 => Some("file_change"),
            3 => Some("network_connection"),
            5 => Some("process_termination"),
            6 => Some("driver_load"),
            7 => Some("image_load"),
            8 => Some("create_remote_thread"),
            9 => Some("raw_access_thread"),
            10 => Some("process_access"),
            11 => Some("file_event"),
            12 => Some("registry_add"),
            13 => Some("registry_set"),
            14 => Some("registry_rename"),
            15 => Some("create_stream_hash"),
            17 | 18 => Some("pipe_created"),
            19..=21 => Some("wmi_event"),
            22 => Some("dns_query"),
            23 | 26 => Some("file_delete"),
            25 => Some("process_tampering"),
            _ => None,
        },
        (Some("security"), 4688) => Some("process_creation"),
        (Some("powershell"), 4104) => Some("ps_script"),
        (Some("powershell"), 4103) => Some("ps_module"),
        (Some("powershell-classic"), 400) => Some("ps_classic_start"),
        (Some("powershell-classic"), 600) => Some("ps_classic_provider_start"),
        _ => None,
    };
    [
        Some("windows".to_owned()),
        service.map(str::to_owned),
        category.map(str::to_owned),
    ]
}

/// Every event of the corpus with its product, service, category: of Windows only every
/// `stride`-th.
pub(crate) fn events(corpus: &Path, stride: usize) -> Vec<(String, [Option<String>; 3])> {
    let events = corpus.join("events");
    let some = |s: &str| Some(s.to_owned());
    let mut out = Vec::new();
    for line in lines(&events.join("windows.ndjson.zst"))
        .into_iter()
        .step_by(stride)
    {
        let source = windows(&serde_json::from_str(&line).unwrap());
        out.push((line, source));
    }
    for line in lines(&events.join("aws_cloudtrail.ndjson.zst")) {
        out.push((line, [some("aws"), some("cloudtrail"), None]));
    }
    for line in lines(&events.join("zeek.ndjson.zst")) {
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let stream = value
            .get("@stream")
            .and_then(|s| s.as_str())
            .map(str::to_owned);
        out.push((line, [some("zeek"), stream, None]));
    }
    for line in lines(&events.join("linux_azure_monitor.ndjson.zst")) {
        out.push((line, [some("linux"), None, None]));
    }
    out
}

pub(crate) fn logsource(
    [product, service, category]: &[Option<String>; 3],
) -> watchfloor_types::Logsource {
    let part = |p: &Option<String>| p.as_deref().map(Into::into);
    watchfloor_types::Logsource {
        product: part(product),
        category: part(category),
        service: part(service),
    }
}
