use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    sync::{Condvar, Mutex, mpsc},
};

use bytes::Bytes;
use jiff::Timestamp;
use tempfile::tempdir;

use super::{writer::SegmentFile, *};

fn frame(text: &str) -> Frame {
    Frame {
        seq: 0,
        received: Timestamp::from_second(1_770_000_000).unwrap(),
        source: "litellm".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        mark: None,
        records: vec![Bytes::copy_from_slice(text.as_bytes())],
        refused: Vec::new(),
    }
}

/// Appends and waits.
fn append(wal: &Wal, text: &str) -> Result<u64, WalError> {
    let (send, receive) = mpsc::channel();
    wal.append(&frame(text), Box::new(move |r| send.send(r).unwrap()))?;
    receive.recv().unwrap()
}

fn texts(recovery: Recovery) -> Vec<(u64, String)> {
    recovery
        .frames
        .map(|f| f.unwrap())
        .map(|f| (f.seq, String::from_utf8_lossy(&f.records[0]).into_owned()))
        .collect()
}

fn reopen(dir: &Path, watermark: u64) -> (Wal, Recovery) {
    Wal::open(dir, WalOptions::default(), watermark).unwrap()
}

#[test]
fn many_threads_append_and_every_acknowledged_frame_comes_back_in_order() {
    let dir = tempdir().unwrap();
    let (wal, recovery) = reopen(dir.path(), 0);
    assert_eq!(recovery.frames.count(), 0);
    let seqs = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|t| {
                let wal = &wal;
                scope.spawn(move || {
                    (0..50)
                        .map(|i| append(wal, &format!("{t}-{i}")).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect::<BTreeSet<_>>()
    });
    assert_eq!(seqs, (1..=400).collect());
    drop(wal);
    let (_, recovery) = reopen(dir.path(), 150);
    assert_eq!(
        (recovery.truncated.clone(), recovery.damage.clone()),
        (None, vec![])
    );
    let found = texts(recovery);
    assert_eq!(
        found.iter().map(|(s, _)| *s).collect::<Vec<_>>(),
        (151..=400).collect::<Vec<_>>()
    );
}

#[test]
fn a_tail_torn_at_any_byte_loses_only_the_torn_frame() {
    let origin = tempdir().unwrap();
    let (wal, _) = reopen(origin.path(), 0);
    for text in ["one", "two", "three"] {
        append(&wal, text).unwrap();
    }
    drop(wal);
    let path = segment::segment_path(origin.path(), 1);
    let whole = fs::read(&path).unwrap();
    let two = segment::scan(&path, 0).unwrap();
    assert_eq!(two.frames.len(), 3);
    let third_len = frame::HEADER_LEN + frame::encode_body(&frame("three")).unwrap().len();
    let third_at = whole.len() - third_len;
    for cut in third_at..=whole.len() {
        for garbage in [&b""[..], &[0u8; 40][..], &b"WFR1garbage"[..]] {
            let dir = tempdir().unwrap();
            let mut bytes = whole[..cut].to_vec();
            bytes.extend_from_slice(garbage);
            fs::write(segment::segment_path(dir.path(), 1), &bytes).unwrap();
            let (wal, recovery) = reopen(dir.path(), 0);
            let kept = if cut == whole.len() { 3 } else { 2 };
            let torn = cut + garbage.len() - if kept == 3 { whole.len() } else { third_at };
            assert_eq!(recovery.damage, vec![], "cut at {cut}");
            assert_eq!(
                recovery.truncated.as_ref().map_or(0, |t| t.bytes),
                torn as u64
            );
            assert_eq!(texts(recovery).len(), kept, "cut at {cut}");
            assert_eq!(append(&wal, "next").unwrap(), kept as u64 + 1);
            drop(wal);
            let (_, recovery) = reopen(dir.path(), 0);
            assert_eq!(recovery.truncated, None);
            assert_eq!(texts(recovery).last().unwrap().1, "next");
        }
    }
}

#[test]
fn damage_in_the_middle_is_reported_and_hides_no_neighbour() {
    let dir = tempdir().unwrap();
    let (wal, _) = reopen(dir.path(), 0);
    for text in ["one", "two", "three", "four"] {
        append(&wal, text).unwrap();
    }
    drop(wal);
    let path = segment::segment_path(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    let second_at = segment::SEGMENT_HEAD_LEN
        + frame::HEADER_LEN
        + frame::encode_body(&frame("one")).unwrap().len();
    bytes[second_at + frame::HEADER_LEN + 3] ^= 0xFF;
    fs::write(&path, &bytes).unwrap();
    let (wal, recovery) = reopen(dir.path(), 0);
    let damage = recovery.damage.clone();
    assert_eq!(damage.len(), 1);
    assert_eq!(
        (damage[0].offset, damage[0].after_seq, damage[0].before_seq),
        (second_at as u64, 1, Some(3))
    );
    assert_eq!(damage[0].acknowledged, Acknowledged::Yes);
    let found: Vec<String> = texts(recovery).into_iter().map(|(_, t)| t).collect();
    assert_eq!(found, ["one", "three", "four"]);
    // The evidence outlives the segment.
    wal.release(4).unwrap();
    assert!(path.with_extension("damaged").exists() && !path.exists());
}

#[test]
fn segments_go_once_the_watermark_has_passed_them() {
    let dir = tempdir().unwrap();
    let options = WalOptions {
        segment_bytes: 300,
        ..WalOptions::default()
    };
    let (wal, _) = Wal::open(dir.path(), options, 0).unwrap();
    for i in 0..20 {
        append(&wal, &format!("frame {i}")).unwrap();
    }
    let before = segment::list(dir.path()).unwrap().len();
    assert!(before > 3, "{before} segments");
    wal.release(10).unwrap();
    let left = segment::list(dir.path()).unwrap();
    assert!(left.len() < before && left[0].0 <= 11);
    drop(wal);
    let (wal, recovery) = reopen(dir.path(), 20);
    assert_eq!(recovery.frames.count(), 0);
    assert_eq!(append(&wal, "after").unwrap(), 21);
}

/// A disk that fails on demand.
#[derive(Default)]
struct Faults {
    state: Mutex<Fault>,
    freed: Condvar,
}

#[derive(Default, PartialEq, Clone, Copy)]
enum Fault {
    #[default]
    None,
    HalfWrite,
    Sync,
    Block,
}

impl Faults {
    fn set(&self, fault: Fault) {
        *self.state.lock().unwrap() = fault;
        self.freed.notify_all();
    }
}

struct FaultyDisk(Arc<Faults>);
struct FaultyFile(File, Arc<Faults>);

impl Disk for FaultyDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        file.set_len(0)?;
        Ok(Box::new(FaultyFile(file, Arc::clone(&self.0))))
    }
}

impl SegmentFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.1.state.lock().unwrap();
        while *state == Fault::Block {
            state = self.1.freed.wait(state).unwrap();
        }
        if *state == Fault::HalfWrite {
            self.0.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        drop(state);
        self.0.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        if *self.1.state.lock().unwrap() == Fault::Sync {
            return Err(io::Error::other("device error"));
        }
        self.0.sync_data()
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

fn faulty(dir: &Path, options: WalOptions) -> (Wal, Arc<Faults>) {
    let faults = Arc::<Faults>::default();
    let disk = Box::new(FaultyDisk(Arc::clone(&faults)));
    (Wal::open_on(disk, dir, options, 0).unwrap().0, faults)
}

#[test]
fn a_full_disk_is_an_error_to_the_sender_and_passes() {
    let dir = tempdir().unwrap();
    let (wal, faults) = faulty(dir.path(), WalOptions::default());
    assert_eq!(append(&wal, "one"), Ok(1));
    faults.set(Fault::HalfWrite);
    assert!(matches!(append(&wal, "lost"), Err(WalError::Write { .. })));
    faults.set(Fault::None);
    assert_eq!(append(&wal, "two"), Ok(2));
    assert_eq!(wal.outstanding().complete_up_to(), 0);
    drop(wal);
    let (_, recovery) = reopen(dir.path(), 0);
    assert_eq!(
        (recovery.truncated.clone(), recovery.damage.clone()),
        (None, vec![])
    );
    assert_eq!(
        texts(recovery),
        [(1, "one".to_owned()), (2, "two".to_owned())]
    );
}

#[test]
fn after_a_failed_sync_nothing_is_taken_until_reopened() {
    let dir = tempdir().unwrap();
    let (wal, faults) = faulty(dir.path(), WalOptions::default());
    assert_eq!(append(&wal, "one"), Ok(1));
    faults.set(Fault::Sync);
    assert!(matches!(append(&wal, "unsure"), Err(WalError::Sync { .. })));
    faults.set(Fault::None);
    assert_eq!(append(&wal, "refused"), Err(WalError::Refusing));
    assert!(wal.outstanding().finish(1));
    assert_eq!(
        wal.outstanding().complete_up_to(),
        1,
        "the unsure frame holds the watermark"
    );
    let (send, receive) = mpsc::channel();
    wal.reopen(Box::new(move |r| send.send(r).unwrap()));
    assert_eq!(receive.recv().unwrap(), Ok(()));
    assert_eq!(append(&wal, "two"), Ok(3));
    assert!(wal.outstanding().finish(3));
    assert_eq!(wal.outstanding().complete_up_to(), 3);
    drop(wal);
    let (_, recovery) = reopen(dir.path(), 0);
    assert_eq!(recovery.damage, vec![]);
    assert_eq!(
        texts(recovery),
        [(1, "one".to_owned()), (3, "two".to_owned())]
    );
}

#[test]
fn a_full_queue_says_busy_at_once() {
    let dir = tempdir().unwrap();
    let options = WalOptions {
        queue_frames: 3,
        ..WalOptions::default()
    };
    let (wal, faults) = faulty(dir.path(), options);
    faults.set(Fault::Block);
    let (send, receive) = mpsc::channel();
    let mut taken = 0;
    let busy = loop {
        let send = send.clone();
        match wal.append(&frame("x"), Box::new(move |r| send.send(r).unwrap())) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(busy, WalError::Busy { waiting_bytes } if waiting_bytes > 0),
        "{busy}"
    );
    faults.set(Fault::None);
    for _ in 0..taken {
        receive.recv().unwrap().unwrap();
    }
    assert!(append(&wal, "y").is_ok());
}
