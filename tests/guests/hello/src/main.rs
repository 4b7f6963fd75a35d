//! Test guest `hello`: the smallest `wasi:cli` command. Reads nothing, prints `{"ok":true}`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(b"{\"ok\":true}\n")
}
