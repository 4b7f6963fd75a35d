//! A full disk or a lost database: senders get 503, nothing is acknowledged that is not stored, and work goes on when it is back.

use std::path::Path;
use std::process::Command;

use factotum_tests::load::Load;
use factotum_tests::{Postgres, Server, Settings, wait_until};
use serde_json::json;

use crate::ledger;

#[test]
fn a_lost_database_means_503_and_work_goes_on_when_it_is_back() {
    let mut postgres = Postgres::start(true).unwrap();
    let database = postgres.create_database("outage").unwrap();
    let server = Server::launch(Settings { database: Some(database), ..Settings::default() }).unwrap();
    server.api().deploy("echo", &[]);
    let hook = server.api().webhook("echo", &json!({"dedup": {"header": "X-Id"}}));
    let message = |batch: &'static str| move |n: usize| (format!("x-id: {batch}-{n}\r\n"), "{}".to_owned());
    let send = |batch: &'static str| {
        Load { port: server.port(), path: &hook, count: 100, connections: 8, message: &message(batch) }.send()
    };
    let before = ledger::acknowledged(&send("before"));
    assert_eq!(before.len(), 100);

    postgres.stop();
    for delivery in send("during") {
        assert_eq!(delivery.status, Some(503), "{delivery:?}");
    }
    assert_ne!(server.stranger().get("/readyz").status, 200, "not able to accept");
    server.stranger().get("/healthz").expect(200);
    server.api().get("/api/v1/runs").expect(503);

    postgres.resume().unwrap();
    wait_until("readiness", || (server.stranger().get("/readyz").status == 200).then_some(()));
    let after = ledger::acknowledged(&send("after"));
    assert_eq!(after.len(), 100);
    let runs = ledger::drained(server.api(), "echo");
    assert_eq!(runs.len(), 200, "what was not acknowledged was not stored");
    ledger::check_runs(&before, &runs);
    ledger::check_runs(&after, &runs);
}

/// A small file system of its own, for a disk that fills up. Needs root.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder.path())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as a server that a failed test left may still have it open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn a_full_disk_means_503_and_work_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(96) else {
        eprintln!("NOT RUN: mounting a small file system needs root");
        return;
    };
    let settings = Settings { data: Some(disk.path().join("data")), ..Settings::default() };
    let server = Server::launch(settings).unwrap();
    server.api().deploy("echo", &[]);
    let hook = server.api().webhook("echo", &json!({"dedup": {"header": "X-Id"}}));
    let message = |batch: &'static str| {
        move |n: usize| (format!("x-id: {batch}-{n}\r\n"), format!("{{\"pad\":\"{}\"}}", "x".repeat(20_000)))
    };
    let send = |batch: &'static str| {
        Load { port: server.port(), path: &hook, count: 60, connections: 8, message: &message(batch) }.send()
    };
    let before = ledger::acknowledged(&send("before"));
    assert_eq!(before.len(), 60);
    ledger::drained(server.api(), "echo");

    let ballast = disk.path().join("ballast");
    fill(&ballast);
    let during = send("during");
    assert!(during.iter().any(|d| d.status == Some(503)), "the disk is full: {:?}", during.first());
    let stray = during.iter().find(|d| !d.acknowledged() && d.status != Some(503));
    assert!(stray.is_none(), "a sender gets yes or 503: {stray:?}");
    let squeezed_in = ledger::acknowledged(&during);

    std::fs::remove_file(&ballast).unwrap();
    wait_until("readiness", || (server.stranger().get("/readyz").status == 200).then_some(()));
    let after = ledger::acknowledged(&send("after"));
    assert_eq!(after.len(), 60);
    let runs = ledger::drained(server.api(), "echo");
    assert_eq!(
        runs.len(),
        before.len() + squeezed_in.len() + after.len(),
        "just what was acknowledged is stored"
    );
    for acknowledged in [&before, &squeezed_in, &after] {
        ledger::check_runs(acknowledged, &runs);
    }
}

/// Writes until there is no room left.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    let chunk = vec![0u8; 64 << 10];
    while file.write_all(&chunk).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
}
