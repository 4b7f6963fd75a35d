//! Where a browser goes after the log-in. What must hold: to a path of this server and nowhere else, however a browser might read it.

/// The longest path, in bytes.
const MAX_BYTES: usize = 1_000;

/// The path is not one of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a path of this server; write it as `/runs`, with one slash at its beginning, without control characters"
)]
pub struct NotOurs;

/// Checks where to go; the start page unless it is said.
pub fn checked(path: Option<&str>) -> Result<String, NotOurs> {
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok("/".to_owned()) };
    // Browsers take `\` for `/`, drop tabs and line feeds, and read `//host` as another server (WHATWG URL §4.4).
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= MAX_BYTES
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if ours { Ok(path.to_owned()) } else { Err(NotOurs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_server_is_taken() {
        for fine in ["/", "/runs?state=dead&q=%2F%2Fx", "/a//b", "/settings/members#x"] {
            assert_eq!(checked(Some(fine)), Ok(fine.to_owned()));
        }
        assert_eq!(checked(None).as_deref(), Ok("/"));
        let evil = [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            " /x",
            "/x\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            "evil.example",
            "/é",
            &format!("/{}", "x".repeat(MAX_BYTES)),
        ];
        for evil in evil {
            assert_eq!(checked(Some(evil)), Err(NotOurs), "{evil:?}");
        }
    }
}
