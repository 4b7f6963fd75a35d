//! Test guest `hello-http`: answers `{"ok":true}` to any request, as a `wasi:http` handler. `cargo xtask bench` gives it to
//! `wasmtime serve`, beside `hello` in Factotum: the same answer, a fresh instance each, and nothing made durable.
#![cfg(target_os = "wasi")]

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(_: IncomingRequest, answer: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body();
        ResponseOutparam::set(answer, Ok(response));
        // What fails from here on, the client sees as a broken answer; there is nobody else to tell.
        let Ok(body) = body else { return };
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(b"{\"ok\":true}\n");
        }
        let _ = OutgoingBody::finish(body, None);
    }
}
