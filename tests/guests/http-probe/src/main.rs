//! Test guest `http-probe`: a `wasi:http` handler made as a program, as some toolchains make them, so that it exports `wasi:cli/run` as well.

#[cfg(target_os = "wasi")]
mod probe;

fn main() {
    panic!("a handler of HTTP requests is not run as a command");
}
