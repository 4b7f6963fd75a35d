//! A name server on loopback (RFC 1035 §4, UDP): TXT, A and MX of the names it was told. What must hold: it answers what was asked, NXDOMAIN for a name that it
//! does not know, and nothing at all below a name that it was told to be silent about; it counts what it was asked; its thread ends with it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

/// How often the thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);
/// How long an answer counts, in seconds.
const TTL: u32 = 60;
const A: u16 = 1;
const MX: u16 = 15;
const TXT: u16 = 16;

#[derive(Default)]
struct Zone {
    /// Lower-case name without its last dot, and type; with the data of each record.
    records: HashMap<(String, u16), Vec<Vec<u8>>>,
    silent: Vec<String>,
    asked: Vec<String>,
}

#[derive(Default)]
struct Shared {
    zone: Mutex<Zone>,
    ended: AtomicBool,
}

/// The name server.
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl NameServer {
    /// Starts one that knows nothing yet.
    pub fn start() -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("a UDP socket on loopback")?;
        socket.set_read_timeout(Some(LOOK))?;
        let address = socket.local_addr()?;
        let shared = Arc::<Shared>::default();
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serve(&socket, &own));
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it is asked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Publishes a text.
    pub fn txt(&self, name: &str, text: &str) -> &Self {
        // A string has 255 bytes at the most; a record has several.
        let data =
            text.as_bytes().chunks(255).flat_map(|some| [&[some.len() as u8], some].concat()).collect();
        self.record(name, TXT, data)
    }

    /// Publishes an address.
    pub fn a(&self, name: &str, address: Ipv4Addr) -> &Self {
        self.record(name, A, address.octets().to_vec())
    }

    /// Answers nothing that is asked about this name or one below it.
    pub fn silence(&self, name: &str) -> &Self {
        self.zone().silent.push(name.to_lowercase());
        self
    }

    /// The names that were asked for, in order, each with its type's number: `example.com 16`.
    pub fn asked(&self) -> Vec<String> {
        self.zone().asked.clone()
    }

    fn record(&self, name: &str, kind: u16, data: Vec<u8>) -> &Self {
        self.zone().records.entry((name.to_lowercase(), kind)).or_default().push(data);
        self
    }

    fn zone(&self) -> MutexGuard<'_, Zone> {
        locked(&self.shared.zone)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn locked(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 4096];
    while !shared.ended.load(Ordering::Relaxed) {
        let Ok((size, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(answer) = answer(&buffer[..size], &mut locked(&shared.zone)) {
            // Who asked asks again.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// The answer to a message with one question; none where there is to be none.
fn answer(question: &[u8], zone: &mut Zone) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let name = labels.join(".");
    let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
    at += 4;
    zone.asked.push(format!("{name} {kind}"));
    let below = |silent: &String| name == *silent || name.ends_with(&format!(".{silent}"));
    if zone.silent.iter().any(below) {
        return None;
    }
    let records = zone.records.get(&(name.clone(), kind)).map(Vec::as_slice).unwrap_or_default();
    let exists = [A, MX, TXT].iter().any(|kind| zone.records.contains_key(&(name.clone(), *kind)));
    let mut answer = question.get(..2)?.to_vec();
    // A response, recursion desired and available; NXDOMAIN (3) for a name without records.
    answer.extend([0x81, if exists { 0x80 } else { 0x83 }]);
    answer.extend([0, 1]);
    answer.extend((records.len() as u16).to_be_bytes());
    answer.extend([0, 0, 0, 0]);
    answer.extend(question.get(12..at)?);
    for data in records {
        // The name in the question, by its place.
        answer.extend([0xC0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1]);
        answer.extend(TTL.to_be_bytes());
        answer.extend((data.len() as u16).to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}
