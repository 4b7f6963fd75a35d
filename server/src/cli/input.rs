//! JSON that a command is given: in place, from a file with `@FILE`, or from stdin with `-`.

use std::io::Read as _;

use serde_json::Value;

use super::exit::CommandError;

/// The longest input from stdin, in bytes.
const MAX_STDIN_BYTES: u64 = 64 << 20;

/// Reads `{…}`, `@FILE` or `-`.
pub fn json(text: &str) -> Result<Value, CommandError> {
    let (place, read) = match text.strip_prefix('@') {
        Some(file) => (file, file_text(file)?),
        None if text == "-" => ("stdin", stdin()?),
        None => ("the argument", text.to_owned()),
    };
    serde_json::from_str(&read).map_err(|e| CommandError::usage(format!("{place} is not JSON: {e}")))
}

/// A file's text; `-` is stdin.
pub fn file_text(file: &str) -> Result<String, CommandError> {
    if file == "-" {
        return stdin();
    }
    std::fs::read_to_string(file).map_err(|e| CommandError::usage(format!("{file}: {e}")))
}

/// All of stdin.
pub fn stdin() -> Result<String, CommandError> {
    let mut text = String::new();
    std::io::stdin().lock().take(MAX_STDIN_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
