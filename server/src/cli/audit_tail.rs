//! `factotum audit tail`: prints entries as the server sends them (server-sent events). What must hold: after a break it goes on where it was; who is
//! refused, or whose key ends, is told so and ends; an event that the server never finishes does not fill the memory.

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::exit::{CommandError, Exit};
use super::output::{Column, Output};
use super::remote::{Remote, query};
use crate::view::harmless::shown;

/// How long it waits after a break.
const RETRY: Duration = Duration::from_secs(2);
/// The largest event, in bytes.
const MAX_EVENT_BYTES: usize = 16 << 20;
/// How wide the columns are at least: time, action, outcome, actor, kind, by.
const WIDTHS: [usize; 6] = [27, 18, 7, 16, 7, 8];

/// Follows until nobody reads on, or the server refuses.
pub async fn follow(
    filters: &[(&'static str, Option<&str>)],
    mut place: Option<String>,
    remote: &Remote,
    output: Output,
    columns: &[Column],
) -> Result<(), CommandError> {
    let mut reached = false;
    loop {
        let mut all = filters.to_vec();
        let before = place.clone();
        all.push(("cursor", before.as_deref()));
        let (mut events, mut read_on) = (Events::default(), true);
        let path = format!("/audit/tail{}", query(&all));
        let done = remote.stream(&path, |chunk| {
            reached = true;
            for event in events.take(chunk)? {
                if let Some(id) = event.id {
                    place = Some(id);
                }
                if event.kind.is_empty() && !event.data.is_empty() {
                    let entry: Value = serde_json::from_str(&event.data).map_err(|e| {
                        CommandError::failed(format!("the server sent what is no entry: {e}"))
                    })?;
                    read_on = output.row(&entry, columns, &WIDTHS)?;
                }
                if !read_on {
                    return Err(CommandError::failed("nobody reads on"));
                }
            }
            Ok(())
        });
        match done.await {
            _ if !read_on => return Ok(()),
            Ok(()) => {}
            // It said why, or it was never there.
            Err(error) if error.problem.is_some() || error.exit != Exit::Failed || !reached => {
                return Err(error);
            }
            Err(error) => {
                let line = format!("{}; trying again\n", shown(&error.message));
                // Without stderr there is nobody to tell.
                let _ = std::io::stderr().write_all(line.as_bytes());
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// An event: what stood before an empty line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    id: Option<String>,
    kind: String,
    data: String,
}

/// Puts events together from chunks that end anywhere.
#[derive(Debug, Default)]
struct Events {
    line: Vec<u8>,
    event: Event,
}

impl Events {
    fn take(&mut self, chunk: &[u8]) -> Result<Vec<Event>, CommandError> {
        let mut whole = Vec::new();
        for byte in chunk {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
            self.line.clear();
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() => whole.push(std::mem::take(&mut self.event)),
                "id" => self.event.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut self.event.kind),
                "data" => self.event.data.push_str(value),
                // A comment, the time to wait, and what may be added later.
                _ => {}
            }
        }
        if self.line.len() + self.event.data.len() > MAX_EVENT_BYTES {
            return Err(CommandError::failed("the server sent an event that is too large"));
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_together_wherever_chunks_end() {
        let text = "retry: 2000\n: still here\nid: 0-1\n\nid: 0-2\ndata: {\"a\":\"é\"}\n\nevent: end\ndata: \"why\"\n\ndata: torn";
        let event = |id: Option<&str>, kind: &str, data: &str| Event {
            id: id.map(ToOwned::to_owned),
            kind: kind.to_owned(),
            data: data.to_owned(),
        };
        let wanted = vec![
            event(Some("0-1"), "", ""),
            event(Some("0-2"), "", "{\"a\":\"é\"}"),
            event(None, "end", "\"why\""),
        ];
        for size in [1, 2, 3, 7, 1000] {
            let mut events = Events::default();
            let found: Vec<Event> =
                text.as_bytes().chunks(size).flat_map(|chunk| events.take(chunk).unwrap()).collect();
            assert_eq!(found, wanted);
        }
        let mut events = Events::default();
        assert!(events.take(&vec![b'x'; MAX_EVENT_BYTES + 1]).is_err());
    }
}
