//! CloudEvents in every content mode. What must hold: nothing panics; an event's bytes are those that came; what is read again in another mode has the
//! same name.
#![no_main]

use factotum_webhook::cloud_events::{self, CloudEvents};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const KINDS: [&str; 3] =
    ["application/cloudevents+json", "application/cloudevents-batch+json; charset=utf-8", "application/json"];
const ATTRIBUTES: [&str; 6] = ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-x"];

// The mode, in binary mode a line for each attribute, and the body.
fuzz_target!(|data: &[u8]| {
    let Some((which, rest)) = data.split_first() else { return };
    let mut headers = HeaderMap::new();
    let kind = KINDS[usize::from(*which) % KINDS.len()];
    headers.insert("content-type", HeaderValue::from_static(kind));
    let mut body = rest;
    if kind == KINDS[2] {
        for name in ATTRIBUTES {
            let end = body.iter().position(|byte| *byte == b'\n').unwrap_or(body.len());
            if let Ok(value) = HeaderValue::from_bytes(&body[..end]) {
                headers.insert(HeaderName::from_static(name), value);
            }
            body = body.get(end + 1..).unwrap_or_default();
        }
    }
    match cloud_events::read(&headers, body.to_vec()) {
        Ok(CloudEvents::One(event)) => assert_eq!(event.payload, body),
        Ok(CloudEvents::Batch(events)) => {
            assert!(events.len() <= cloud_events::MAX_BATCH);
            for event in events {
                let Ok(CloudEvents::One(alone)) = cloud_events::read(&event.headers, event.payload.clone()) else {
                    panic!("a member of a batch is no event: {event:?}");
                };
                assert_eq!((alone.name, alone.payload), (event.name, event.payload));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
