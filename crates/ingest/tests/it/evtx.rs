//! Windows event log files, written here by hand.

use bytes::Bytes;
use watchfloor_ingest::{Limits, format};

/// Writes one chunk: names stand where they are first used, values are text.
struct Chunk(Vec<u8>);

impl Chunk {
    fn u16(&mut self, value: usize) {
        self.0.extend(u16::try_from(value).unwrap().to_le_bytes());
    }
    fn u32(&mut self, value: usize) {
        self.0.extend(u32::try_from(value).unwrap().to_le_bytes());
    }
    fn text(&mut self, text: &str) {
        let units: Vec<u16> = text.encode_utf16().collect();
        self.u16(units.len());
        self.0.extend(units.into_iter().flat_map(u16::to_le_bytes));
    }
    /// A name: its own offset, the next of its bucket, a hash that nobody checks, the text.
    fn name(&mut self, name: &str) {
        self.u32(self.0.len() + 4);
        self.u32(0);
        self.u16(0);
        self.text(name);
        self.u16(0);
    }
    fn value(&mut self, text: &str) {
        self.0.extend([0x05, 0x01]);
        self.text(text);
    }
    /// An element with at most one attribute.
    fn element(&mut self, name: &str, attribute: Option<(&str, &str)>, inside: &dyn Fn(&mut Self)) {
        self.0.push(if attribute.is_some() { 0x41 } else { 0x01 });
        self.u16(0xffff);
        let size = self.0.len();
        self.u32(0);
        self.name(name);
        if let Some((key, value)) = attribute {
            let list = self.0.len();
            self.u32(0);
            self.0.push(0x06);
            self.name(key);
            self.value(value);
            let length = u32::try_from(self.0.len() - list - 4).unwrap();
            self.0[list..list + 4].copy_from_slice(&length.to_le_bytes());
        }
        self.0.push(0x02);
        inside(self);
        self.0.push(0x04);
        let length = u32::try_from(self.0.len() - size - 4).unwrap();
        self.0[size..size + 4].copy_from_slice(&length.to_le_bytes());
    }
    fn record(&mut self, number: u64) {
        let start = self.0.len();
        self.0.extend([0x2a, 0x2a, 0, 0]);
        self.u32(0);
        self.0.extend(number.to_le_bytes());
        // 2027-03-02T08:00:00Z as a FILETIME.
        self.0.extend(134_484_480_000_000_000_u64.to_le_bytes());
        self.0.extend([0x0f, 0x01, 0x01, 0x00]);
        self.element("Event", None, &|c| {
            c.element("System", None, &|c| {
                c.element("Provider", Some(("Name", "P")), &|_| {});
                c.element("EventID", None, &|c| c.value("1"));
                c.element("Channel", None, &|c| {
                    c.value("Microsoft-Windows-Sysmon/Operational");
                });
            });
            c.element("EventData", None, &|c| {
                c.element("Data", Some(("Name", "Image")), &|c| c.value("C:\\a.exe"));
            });
        });
        self.0.push(0);
        let size = self.0.len() - start + 4;
        self.u32(size);
        self.0[start + 4..start + 8].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
    }
}

/// A file of one chunk with `records` records.
pub(crate) fn file(records: u64) -> Bytes {
    let mut chunk = Chunk(vec![0; 512]);
    for number in 1..=records {
        chunk.record(number);
    }
    let end = u32::try_from(chunk.0.len()).unwrap();
    let mut bytes = chunk.0;
    bytes.resize(65_536, 0);
    bytes[..8].copy_from_slice(b"ElfChnk\0");
    for (at, number) in [(8, 1), (16, records), (24, 1), (32, records)] {
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    bytes[40..44].copy_from_slice(&128u32.to_le_bytes());
    bytes[44..48].copy_from_slice(&end.to_le_bytes());
    bytes[48..52].copy_from_slice(&end.to_le_bytes());
    let mut file = vec![0; 4_096];
    file[..8].copy_from_slice(b"ElfFile\0");
    file.extend(bytes);
    file.into()
}

#[test]
fn records_have_their_fields_at_the_top() {
    let file = file(2);
    let format = format::sniff(&file).unwrap();
    let decoded = (format.decode)(&file, &Limits::default());
    assert_eq!(decoded.errors, []);
    let text = std::str::from_utf8(&decoded.records[1]).unwrap();
    assert_eq!(
        text,
        r#"{"Provider_Name":"P","EventID":"1","Channel":"Microsoft-Windows-Sysmon/Operational","Image":"C:\\a.exe"}"#
    );
}

#[test]
fn a_cut_file_gives_its_whole_records_and_says_so() {
    let mut bytes = file(3).to_vec();
    bytes.truncate(4_096 + 3_000);
    let decoded = (format::find("evtx").unwrap().decode)(&bytes.into(), &Limits::default());
    assert!(!decoded.records.is_empty());
    assert!(
        decoded.errors[0]
            .reason
            .contains("ends after 3000 of 65536 bytes")
    );
    let rubbish = Bytes::from_static(b"ElfFile\0 and nothing else");
    let decoded = (format::find("evtx").unwrap().decode)(&rubbish, &Limits::default());
    assert!(decoded.records.is_empty());
}
