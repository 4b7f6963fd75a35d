//! Mail as others wrote it: the messages that mail libraries are tested with. What must hold: each is delivered, its bytes as they were sent.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use factotum_tests::{Backend, Smtp};
use serde_json::json;

use super::{mailbox, raw, runs, server};

/// How long one message may take in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn messages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            messages(&path, found);
        } else if !path.file_name().unwrap().to_string_lossy().starts_with('_') {
            // What begins so is a licence.
            found.push(path);
        }
    }
}

/// A file as it would come by DATA: with CRLF at the end of each line, whichever it had.
fn normalized(file: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(file.len() + file.len() / 40);
    let mut bytes = file.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Dots doubled at the beginning of lines (RFC 5321 §4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut line_start = true;
    for &byte in message {
        if line_start && byte == b'.' {
            out.push(b'.');
        }
        out.push(byte);
        line_start = byte == b'\n';
    }
    out
}

#[expect(clippy::print_stderr, reason = "a skipped corpus must be seen")]
#[test]
fn every_message_of_the_corpus_is_delivered_with_its_bytes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/mail");
    if !folder.is_dir() {
        eprintln!("skipped: the corpus ../shared/corpora/mail is not here");
        return;
    }
    let mut paths = Vec::new();
    messages(&folder, &mut paths);
    paths.sort();
    assert_eq!(paths.len(), 258, "the corpus is in {}", folder.display());
    let server = server(Backend::Sqlite, "");
    let api = server.api();
    let (trigger, address) =
        mailbox(api, &json!({"name": "all", "dispatch_automatic": true, "authentication": "ignore"}));
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    let mut sent = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let file = std::fs::read(path).unwrap();
        let begun = Instant::now();
        // By BDAT each goes byte for byte; by DATA its line ends are made whole first, as RFC 5321 has no others.
        let from = format!("chunk-{at}@example.com");
        let said = smtp.deliver_chunk(&from, &address, &file).unwrap();
        assert_eq!(said.code, 250, "{}: {said:?}", path.display());
        sent.push(file.clone());
        let whole = normalized(&file);
        let from = format!("data-{at}@example.com");
        let said = smtp.deliver(&from, &address, &stuffed(&whole)).unwrap();
        assert_eq!(said.code, 250, "{}: {said:?}", path.display());
        sent.push(whole);
        assert!(begun.elapsed() < PATIENCE, "{}: {:?}", path.display(), begun.elapsed());
    }
    let mut got: Vec<_> = runs(api, &trigger, sent.len()).iter().map(|run| raw(api, run)).collect();
    got.sort();
    sent.sort();
    assert_eq!(got.len(), sent.len());
    assert!(got == sent, "the bytes of some message were changed");
}
