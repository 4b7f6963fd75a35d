//! CloudEvents 1.0 over HTTP: structured, binary and batched content mode (CloudEvents HTTP binding §3). What must hold: the bytes of an event are
//! those that came, of a batch's member those between its commas; what an event is called (`source` and `id`) names it.

use std::fmt::Write as _;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dedup;

/// The most events of a batch.
pub const MAX_BATCH: usize = 100;
/// The most context attributes of an event.
const MAX_ATTRIBUTES: usize = 64;
const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
/// Attributes that are required (CloudEvents §3.1).
const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];

/// Why something is no CloudEvent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudEventError {
    /// Neither in the headers nor in the body.
    #[error(
        "this webhook takes CloudEvents: `{STRUCTURED}`, `{BATCH}`, or an event with its attributes in `ce-` headers"
    )]
    None,
    /// Not JSON, or not an object.
    #[error("the body is not the JSON of {0}: {1}")]
    Json(&'static str, String),
    /// An attribute is missing, empty or not what it must be.
    #[error("{}the attribute `{attribute}` {problem}", at(*.member))]
    Attribute {
        /// Which member of a batch, from 0.
        member: Option<usize>,
        /// Which attribute.
        attribute: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Too many at once.
    #[error("a batch has at most {MAX_BATCH} events")]
    TooMany,
}

fn at(member: Option<usize>) -> String {
    member.map(|at| format!("event {at} of the batch: ")).unwrap_or_default()
}

/// One event of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudEvent {
    /// What names it.
    pub name: String,
    /// The headers of the delivery, with the event's attributes among them (`ce-`).
    pub headers: HeaderMap,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// What a delivery holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudEvents {
    /// A single event.
    One(Box<CloudEvent>),
    /// As many as the sender put together; none is allowed.
    Batch(Vec<CloudEvent>),
}

/// Reads the events of a delivery.
pub fn read(headers: &HeaderMap, body: Vec<u8>) -> Result<CloudEvents, CloudEventError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        STRUCTURED => {
            let headers = structured(headers, &body, None)?;
            let event = CloudEvent { name: name(&headers), headers, payload: body };
            Ok(CloudEvents::One(Box::new(event)))
        }
        BATCH => batch(headers, &body).map(CloudEvents::Batch),
        _ if headers.contains_key("ce-specversion") => {
            check(headers, None)?;
            let event = CloudEvent { name: name(headers), headers: headers.clone(), payload: body };
            Ok(CloudEvents::One(Box::new(event)))
        }
        _ => Err(CloudEventError::None),
    }
}

fn batch(headers: &HeaderMap, body: &[u8]) -> Result<Vec<CloudEvent>, CloudEventError> {
    let members: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|e| CloudEventError::Json("a list of events", e.to_string()))?;
    if members.len() > MAX_BATCH {
        return Err(CloudEventError::TooMany);
    }
    let mut events = Vec::with_capacity(members.len());
    for (at, member) in members.into_iter().enumerate() {
        let payload = member.get().as_bytes();
        let mut headers = structured(headers, payload, Some(at))?;
        // Each is what it would have been on its own.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(STRUCTURED));
        events.push(CloudEvent { name: name(&headers), headers, payload: payload.to_vec() });
    }
    Ok(events)
}

/// The headers with the attributes of a structured event.
fn structured(headers: &HeaderMap, body: &[u8], member: Option<usize>) -> Result<HeaderMap, CloudEventError> {
    let event: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).map_err(|e| CloudEventError::Json("an event", e.to_string()))?;
    let wrong = |attribute: &str, problem| CloudEventError::Attribute {
        member,
        attribute: attribute.chars().take(64).collect(),
        problem,
    };
    let mut found: HeaderMap = headers
        .iter()
        .filter(|(name, _)| !name.as_str().starts_with("ce-"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if event.len() > MAX_ATTRIBUTES {
        return Err(wrong("", "is one of too many"));
    }
    for (attribute, raw) in &event {
        if matches!(attribute.as_str(), "data" | "data_base64" | "datacontenttype") {
            continue;
        }
        let value: Value = serde_json::from_str(raw.get()).map_err(|_| wrong(attribute, "cannot be read"))?;
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err(wrong(attribute, "is no single value")),
        };
        if attribute.is_empty() || !attribute.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            return Err(wrong(attribute, "is named with other characters than a–z and 0–9"));
        }
        let name = HeaderName::from_bytes(format!("ce-{attribute}").as_bytes())
            .map_err(|_| wrong(attribute, "cannot stand in a header"))?;
        let value = HeaderValue::from_bytes(encoded(&text).as_bytes())
            .map_err(|_| wrong(attribute, "cannot stand in a header"))?;
        found.insert(name, value);
    }
    check(&found, member)?;
    Ok(found)
}

/// As the HTTP binding writes values (§3.1.3.2): beyond visible ASCII, and `"` and `%`, in percent-escapes of their UTF-8.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Whether the attributes that must be there are.
fn check(headers: &HeaderMap, member: Option<usize>) -> Result<(), CloudEventError> {
    let wrong = |attribute: &str, problem| CloudEventError::Attribute {
        member,
        attribute: attribute.to_owned(),
        problem,
    };
    for attribute in REQUIRED {
        let mut values = headers.get_all(format!("ce-{attribute}")).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if value.to_str().is_ok_and(|text| !text.trim().is_empty()) => {}
            (Some(_), Some(_)) => return Err(wrong(attribute, "comes more than once")),
            (Some(_), None) => return Err(wrong(attribute, "is empty or cannot be read")),
            (None, _) => return Err(wrong(attribute, "is missing")),
        }
    }
    // 1.0 and what may follow it within 1.
    if headers["ce-specversion"].to_str().is_ok_and(|version| version.starts_with("1.")) {
        Ok(())
    } else {
        Err(wrong("specversion", "is not 1.0"))
    }
}

/// `source` and `id`, which no two events share (CloudEvents §3.1).
fn name(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().trim();
    dedup::bounded(format!("{} {}", text("ce-source"), text("ce-id")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn event(id: &str) -> Value {
        json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "order.made", "data": {"n": 1}})
    }

    #[test]
    fn an_event_is_the_same_in_every_mode() {
        let binary = headers(&[
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/shop"),
            ("ce-type", "order.made"),
            ("content-type", "application/json"),
        ]);
        let Ok(CloudEvents::One(one)) = read(&binary, b"{}".to_vec()) else { panic!("an event") };
        assert_eq!((one.name.as_str(), &one.payload[..]), ("/shop 1", &b"{}"[..]));
        let kind =
            headers(&[("content-type", "Application/CloudEvents+JSON; charset=utf-8"), ("ce-id", "forged")]);
        let body = event("1").to_string();
        let Ok(CloudEvents::One(two)) = read(&kind, body.clone().into_bytes()) else { panic!("an event") };
        assert_eq!((two.name.as_str(), &two.payload[..]), ("/shop 1", body.as_bytes()));
        assert_eq!((&two.headers["ce-id"], &two.headers["ce-type"]), (&binary["ce-id"], &binary["ce-type"]));
        let kind = headers(&[("content-type", BATCH)]);
        let body = format!("[ {} ,\n{}]", event("1"), event("2"));
        let Ok(CloudEvents::Batch(all)) = read(&kind, body.into_bytes()) else { panic!("a batch") };
        assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["/shop 1", "/shop 2"]);
        assert_eq!(all[1].payload, event("2").to_string().into_bytes(), "as it stands there");
        assert_eq!(all[1].headers["content-type"], STRUCTURED);
        assert_eq!(read(&kind, b"[]".to_vec()), Ok(CloudEvents::Batch(Vec::new())));
    }

    #[test]
    fn attributes_of_any_text_stand_in_headers() {
        let mut odd = event("ä\"%\r\nx: y");
        odd["count"] = json!(7);
        odd["sampled"] = json!(true);
        odd["absent"] = json!(null);
        let kind = headers(&[("content-type", STRUCTURED)]);
        let Ok(CloudEvents::One(one)) = read(&kind, odd.to_string().into_bytes()) else { panic!("an event") };
        assert_eq!(one.headers["ce-id"], "%C3%A4%22%25%0D%0Ax:%20y");
        assert_eq!(
            (&one.headers["ce-count"], &one.headers["ce-sampled"]),
            (&"7".parse().unwrap(), &"true".parse().unwrap())
        );
        assert!(!one.headers.contains_key("ce-absent") && !one.headers.contains_key("ce-data"));
    }

    #[test]
    fn what_is_no_event_is_named() {
        let kind = headers(&[("content-type", STRUCTURED)]);
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut bad = event("1");
            change(&mut bad);
            read(&kind, bad.to_string().into_bytes()).unwrap_err().to_string()
        };
        for attribute in REQUIRED {
            let told = refused(&|e| drop(e.as_object_mut().unwrap().remove(attribute)));
            assert!(told.contains(attribute) && told.contains("missing"), "{told}");
            assert!(refused(&|e| e[attribute] = json!("")).contains(attribute));
            assert!(refused(&|e| e[attribute] = json!({})).contains(attribute));
        }
        assert!(refused(&|e| e["specversion"] = json!("0.3")).contains("1.0"));
        assert!(refused(&|e| e["Upper-Case"] = json!("x")).contains("Upper-Case"));
        assert!(
            refused(&|e| for at in 0..80 {
                e[format!("a{at}")] = json!(1);
            })
            .contains("too many")
        );
        assert_eq!(read(&headers(&[("content-type", "text/plain")]), vec![]), Err(CloudEventError::None));
        for body in ["", "[]", "{", "7"] {
            assert!(matches!(read(&kind, body.into()), Err(CloudEventError::Json(..))), "{body}");
        }
        let batch = headers(&[("content-type", BATCH)]);
        let second = format!("[{},{{}}]", event("1"));
        let told = read(&batch, second.into_bytes()).unwrap_err().to_string();
        assert!(told.starts_with("event 1 of the batch: "), "{told}");
        let many = format!("[{}]", vec![event("1").to_string(); MAX_BATCH + 1].join(","));
        assert_eq!(read(&batch, many.into_bytes()), Err(CloudEventError::TooMany));
    }
}
