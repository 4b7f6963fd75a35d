//! A reader of server-sent events over plain HTTP/1.1, as an `EventSource` is. What must hold: it keeps every event in order with the `id` that held at it,
//! says when the stream has ended, and its thread ends with it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::api::{Answer, Api};

/// An event with data.
#[derive(Debug, Clone)]
pub struct Event {
    /// The last `id` up to it.
    pub id: String,
    /// Its name; `message` unless it has one.
    pub kind: String,
    /// What it says.
    pub data: Value,
}

#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    id: String,
    comments: usize,
}

/// A stream under way.
pub struct Events {
    stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
    ended: Arc<AtomicBool>,
}

impl Events {
    /// Asks, with a `Last-Event-ID` if there is one, and reads in the background once the head says that it is such a stream.
    pub fn follow(api: &Api, path: &str, last: Option<&str>) -> anyhow::Result<Self> {
        let (stream, mut reader, head) = ask(api, path, last)?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        ensure!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        ensure!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        let (seen, ended) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (own, over) = (Arc::clone(&seen), Arc::clone(&ended));
        std::thread::spawn(move || {
            // A broken connection ends the stream as well.
            let _ = read(&mut reader, &own);
            over.store(true, Ordering::Release);
        });
        Ok(Self { stream, seen, ended })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came so far, but for events that are no `message`.
    pub fn messages(&self) -> Vec<Event> {
        self.seen().events.iter().filter(|event| event.kind == "message").cloned().collect()
    }

    /// Everything that came so far.
    pub fn all(&self) -> Vec<Event> {
        self.seen().events.clone()
    }

    /// The last `id`.
    pub fn last_id(&self) -> String {
        self.seen().id.clone()
    }

    /// How many comments came.
    pub fn comments(&self) -> usize {
        self.seen().comments
    }

    /// Whether the server has ended it.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // The reader's thread sees the end.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The answer to who begins a stream: with its body if it is none, for a refusal, else with its head alone.
pub fn begin(api: &Api, path: &str) -> anyhow::Result<Answer> {
    let (_stream, mut reader, head) = ask(api, path, None)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status")?.parse()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(Ok(0), |(_, length)| length.parse())?];
    reader.read_exact(&mut body)?;
    Ok(Answer { status, headers, body })
}

/// The head of an answer, and the connection to read the rest from.
pub fn ask(
    api: &Api,
    path: &str,
    last: Option<&str>,
) -> anyhow::Result<(TcpStream, BufReader<TcpStream>, String)> {
    let address = api.base().strip_prefix("http://").context("plain HTTP")?;
    let mut stream = TcpStream::connect(address)?;
    let key = api.key().unwrap_or_default();
    let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n{last}\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        ensure!(reader.read_line(&mut head)? > 0, "the connection ended in the head: {head}");
    }
    Ok((stream, reader, head))
}

/// The next chunk of a body (RFC 9112 §7.1); empty at its end.
pub fn chunk(reader: &mut BufReader<TcpStream>) -> anyhow::Result<Vec<u8>> {
    let mut line = String::new();
    ensure!(reader.read_line(&mut line)? > 0, "the connection ended within the body");
    let size = usize::from_str_radix(line.trim(), 16).with_context(|| format!("no chunk size: {line:?}"))?;
    let mut bytes = vec![0; size];
    reader.read_exact(&mut bytes)?;
    reader.read_line(&mut line)?;
    Ok(bytes)
}

fn read(reader: &mut BufReader<TcpStream>, seen: &Mutex<Seen>) -> anyhow::Result<()> {
    let (mut text, mut kind, mut data) = (String::new(), String::new(), String::new());
    loop {
        let bytes = chunk(reader)?;
        if bytes.is_empty() {
            return Ok(());
        }
        text.push_str(&String::from_utf8(bytes)?);
        while let Some((line, rest)) = text.split_once('\n') {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match line.split_once(": ").unwrap_or((line, "")) {
                ("", "") => {
                    let kind = std::mem::replace(&mut kind, "message".to_owned());
                    let kind = if kind.is_empty() { "message".to_owned() } else { kind };
                    if !data.is_empty() {
                        let id = seen.id.clone();
                        seen.events.push(Event { id, kind, data: serde_json::from_str(&data)? });
                    }
                    data.clear();
                }
                ("", _) => seen.comments += 1,
                ("id", id) => id.clone_into(&mut seen.id),
                ("event", word) => word.clone_into(&mut kind),
                ("data", part) => data.push_str(part),
                _ => {}
            }
            drop(seen);
            text = rest.to_owned();
        }
    }
}
