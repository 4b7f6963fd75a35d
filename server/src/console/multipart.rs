//! Forms with a file (`multipart/form-data`, RFC 7578): what a browser sends without a script. What must hold: the whole is bounded before it is read
//! and so is each part's head; what is not exactly the form is refused, never guessed at.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};

use super::fields::Fields;
use super::refusal::Refusal;
use crate::api::body::{read, wrong_type};
use crate::api::problem::{Code, Problem};

/// What a form may have beside its file, in bytes.
const MAX_BESIDE_BYTES: u64 = 64 << 10;
/// The most parts.
const MAX_PARTS: usize = 16;
/// The longest head of a part, in bytes.
const MAX_HEAD_BYTES: usize = 4 << 10;
/// The longest boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY_CHARS: usize = 70;

/// A file of a form.
#[derive(Debug, Clone)]
pub struct File {
    /// What it was called where it came from.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Reads a form whose file has at most so many bytes. No file: none was chosen.
pub async fn form(
    headers: &HeaderMap,
    body: Body,
    max_file_bytes: u64,
) -> Result<(Fields, Option<File>), Refusal> {
    let Some(boundary) = boundary(headers) else {
        return Err(wrong_type(headers, "multipart/form-data").into());
    };
    let bytes = read(headers, body, max_file_bytes.saturating_add(MAX_BESIDE_BYTES)).await?;
    parts(&bytes, &boundary)
        .ok_or_else(|| Problem::new(Code::InvalidRequest, "the form cannot be read; send it again").into())
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (essence, parameters) = kind.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let found = parameters.split(';').find_map(|one| {
        let (name, value) = one.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    (1..=MAX_BOUNDARY_CHARS).contains(&found.len()).then_some(found)
}

fn parts(bytes: &Bytes, boundary: &str) -> Option<(Fields, Option<File>)> {
    let delimiter = format!("\r\n--{boundary}");
    let (mut fields, mut file) = (Vec::new(), None);
    // The first delimiter has no line before it.
    let mut at = bytes.starts_with(&delimiter.as_bytes()[2..]).then_some(delimiter.len() - 2)?;
    for _ in 0..=MAX_PARTS {
        let rest = bytes.get(at..)?;
        if rest.starts_with(b"--") {
            return Some((Fields::of(fields), file));
        }
        let rest = rest.strip_prefix(b"\r\n")?;
        at += 2;
        let head = find(&rest[..rest.len().min(MAX_HEAD_BYTES)], b"\r\n\r\n")?;
        let (name, file_name) = disposition(std::str::from_utf8(&rest[..head]).ok()?)?;
        let start = at + head + 4;
        let length = find(bytes.get(start..)?, delimiter.as_bytes())?;
        let content = bytes.slice(start..start + length);
        at = start + length + delimiter.len();
        match file_name {
            // A browser sends an empty part where no file was chosen.
            Some(chosen) if chosen.is_empty() && content.is_empty() => {}
            Some(name) if file.is_none() => file = Some(File { name, bytes: content }),
            Some(_) => return None,
            None => fields.push((name, std::str::from_utf8(&content).ok()?.to_owned())),
        }
    }
    None
}

/// The names of field and file in `Content-Disposition` (RFC 7578 §4.2), quoted as the HTML Standard has it.
fn disposition(head: &str) -> Option<(String, Option<String>)> {
    let value = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let named = |what: &str| {
        let rest = value.split_once(&format!("; {what}=\""))?.1;
        let text = rest.split_once('"')?.0;
        Some(text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
    };
    value.starts_with("form-data").then(|| named("name").map(|name| (name, named("filename"))))?
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|b| *b == first)?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(boundary: &str, text: &[u8]) -> Option<(Fields, Option<File>)> {
        parts(&Bytes::copy_from_slice(text), boundary)
    }

    #[test]
    fn a_form_as_browsers_send_it_is_read() {
        let sent = b"--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nhello\r\n--b\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a%22b.wasm\"\r\nContent-Type: application/wasm\r\n\r\n\
            \0asm\r\n--c\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"do\"\r\n\r\n\r\n--b--\r\n";
        let (fields, file) = read_as("b", sent).unwrap();
        assert_eq!((fields.text("name").as_str(), fields.text("do").as_str()), ("hello", ""));
        let file = file.unwrap();
        assert_eq!((file.name.as_str(), &file.bytes[..]), ("a\"b.wasm", &b"\0asm\r\n--c\r\n"[..]));
    }

    #[test]
    fn no_file_is_none_and_what_is_broken_is_refused() {
        let none = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--b--";
        assert!(read_as("b", none).unwrap().1.is_none());
        let part = "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n";
        let many = part.repeat(MAX_PARTS + 1) + "--b--";
        let file = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n1\r\n";
        for broken in [
            "",
            "--b",
            "--c--",
            "x--b--",
            part,
            &many,
            &(file.repeat(2) + "--b--"),
            "--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: attachment; name=\"x\"\r\n\r\n1\r\n--b--",
            &format!("--b\r\nX: {}\r\n{}", "y".repeat(MAX_HEAD_BYTES), &part[5..]),
        ] {
            assert!(read_as("b", broken.as_bytes()).is_none(), "{broken:?}");
        }
        assert!(read_as("b", &[part.as_bytes(), b"--b--"].concat()).is_some());
    }

    #[test]
    fn the_boundary_is_bounded() {
        let of = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            boundary(&headers)
        };
        assert_eq!(of("multipart/form-data; boundary=abc").as_deref(), Some("abc"));
        assert_eq!(of("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"").as_deref(), Some("a b"));
        for bad in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=a"] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(of(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }
}
