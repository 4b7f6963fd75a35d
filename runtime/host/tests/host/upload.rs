//! What is taken as a plugin, what is refused with which words, and what the cache does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use factotum_host::{Host, HostConfig, HostError, UploadError, World};
use factotum_model::Digest;
use serde_json::{Value, json};

use crate::support::{Attempt, Fixture, guest};

/// Never asked: the component must come from elsewhere.
fn no_load() -> std::future::Ready<Result<Vec<u8>, std::io::Error>> {
    std::future::ready(Err(std::io::Error::other("asked for the bytes")))
}

#[tokio::test]
async fn known_worlds_are_taken() {
    let fixture = Fixture::new();
    let echo = guest("echo");
    let inspected = fixture.host.inspect(echo.clone()).await.unwrap();
    assert_eq!(inspected.world, World::Workflow);
    assert_eq!(inspected.digest, Digest::of(&echo));
    assert_eq!(inspected.size, echo.len() as u64);
    assert!(
        inspected.imports.iter().any(|i| i.starts_with("factotum:workflow/run@")),
        "{:?}",
        inspected.imports
    );
    assert!(inspected.imports.is_sorted());
    assert_eq!(fixture.host.inspect(guest("hello")).await.unwrap().world, World::Command);
    assert_eq!(fixture.host.inspect(echo).await.unwrap(), inspected, "a second upload of the same");
}

#[tokio::test]
async fn a_core_module_for_preview_1_becomes_a_command() {
    let fixture = Fixture::new();
    // Writes `{"a":1}` to file descriptor 1.
    let module = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "{\"a\":1}")
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 7))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let report = fixture.run_wat(module, Attempt::default()).await;
    assert_eq!(report.result.unwrap().into_value(), json!({"a": 1}));
}

#[tokio::test]
async fn what_cannot_run_is_refused_by_name() {
    let fixture = Fixture::with(|config| config.max_component_bytes = 1 << 20);
    let refused = async |bytes: Vec<u8>| fixture.host.inspect(bytes).await.unwrap_err();

    assert!(matches!(refused(b"%PDF-1.7".to_vec()).await, UploadError::NotWasm { .. }));
    assert!(matches!(refused(b"\0asm\x0d\0\x01\0garbage".to_vec()).await, UploadError::Invalid(_)));
    let large = refused(vec![0; (1 << 20) + 1]).await;
    assert_eq!(large, UploadError::TooLarge { size: (1 << 20) + 1, max: 1 << 20 });

    let library = refused(guest("library")).await.to_string();
    assert!(library.contains("`greet`") && library.contains("factotum:workflow"), "{library}");
    match refused(guest("unknown-import")).await {
        UploadError::UnknownImport { import, .. } => assert_eq!(import, "nobody:knows/oracle@1.0.0"),
        other => panic!("{other}"),
    }
    let empty = refused(wat::parse_str("(component)").unwrap()).await.to_string();
    assert!(empty.contains("exports nothing"), "{empty}");
    // The right name, but another type.
    let mistyped = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (export "handle" (func $f)))"#;
    assert!(matches!(refused(wat::parse_str(mistyped).unwrap()).await, UploadError::UnknownWorld { .. }));
}

#[tokio::test]
async fn a_second_host_takes_the_compiled_component_from_disk() {
    let first = Fixture::new();
    let digest = first.host.inspect(guest("hello")).await.unwrap().digest;
    let second = Host::new(HostConfig::new(first.dir.path().join("cache"))).unwrap();
    let prepared = second.prepare(digest, no_load()).await.unwrap();
    assert_eq!((prepared.digest(), prepared.world()), (digest, World::Command));
    let slot = second.try_reserve().unwrap();
    drop(slot);
    let report = first.invoke(&prepared, Value::Null, Attempt::default()).await;
    // Prepared by one engine, it does not run on another; nothing else may happen to it.
    assert!(report.result.is_err());
}

/// The compiled component of a cache folder.
fn artefact(fixture: &Fixture) -> PathBuf {
    let files = fs::read_dir(fixture.dir.path().join("cache")).unwrap();
    let mut code = files.map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "cwasm"));
    code.next().expect("one is there")
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_compiled_anew() {
    let first = Fixture::new();
    let digest = first.host.inspect(guest("hello")).await.unwrap().digest;
    let path = artefact(&first);
    let good = fs::read(&path).unwrap();
    let config = || HostConfig::new(first.dir.path().join("cache"));

    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let loads = AtomicUsize::new(0);
    let load = async {
        loads.fetch_add(1, SeqCst);
        Ok::<_, std::io::Error>(guest("hello"))
    };
    let host = Host::new(config()).unwrap();
    host.prepare(digest, load).await.unwrap();
    assert_eq!(loads.load(SeqCst), 1, "the damaged file was not used");
    assert_eq!(fs::read(artefact(&first)).unwrap().len(), good.len(), "and replaced");
    Host::new(config()).unwrap().prepare(digest, no_load()).await.unwrap();

    // A file for another component, with its own valid MAC, under this one's name.
    let other = Fixture::new();
    other.host.inspect(guest("word-count")).await.unwrap();
    for suffix in ["cwasm", "mac"] {
        fs::copy(artefact(&other).with_extension(suffix), path.with_extension(suffix)).unwrap();
    }
    let error = Host::new(config()).unwrap().prepare(digest, no_load()).await.err().expect("not used");
    assert!(matches!(error, HostError::Load { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_others_may_write_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let error = Host::new(HostConfig::new(&cache)).err().expect("refused").to_string();
    assert!(error.contains("777") && error.contains("chmod 700"), "{error}");
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
    Host::new(HostConfig::new(&cache)).unwrap();
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(cache.join("key")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn callers_at_the_same_time_load_once() {
    let fixture = Fixture::new();
    let bytes = guest("hello");
    let digest = Digest::of(&bytes);
    let loads = AtomicUsize::new(0);
    let prepare = || {
        fixture.host.prepare(digest, async {
            loads.fetch_add(1, SeqCst);
            Ok::<_, std::io::Error>(bytes.clone())
        })
    };
    let (a, b, c) = tokio::join!(prepare(), prepare(), prepare());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(loads.load(SeqCst), 1);
}

#[tokio::test]
async fn stored_bytes_that_changed_are_noticed() {
    let fixture = Fixture::new();
    let digest = Digest::of(b"what was stored");
    let error = fixture.host.prepare(digest, async { Ok::<_, std::io::Error>(guest("hello")) }).await.err();
    assert!(matches!(error, Some(HostError::Damaged { .. })));
    let again = fixture.host.prepare(digest, no_load()).await.err();
    assert!(matches!(again, Some(HostError::Load { .. })), "a failure is not remembered");
}
