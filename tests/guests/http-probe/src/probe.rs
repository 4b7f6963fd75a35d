//! A handler that knows nothing of Factotum and does what the path asks. `/call` sends a GET to the URL in its body and answers
//! `denied`, `failed` or the status; `/status/503` answers so; `/cookies`, `/trap`, `/silent`, `/nothing`, `/error`, `/endless`, `/short`, `/exit` are named for
//! what they do. Any other path is answered with what came, the body piece by piece.

use wasip2::clocks::monotonic_clock;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::OutputStream;

/// What one write may carry at most: `blocking-write-and-flush` of `wasi:io` takes no more.
const WRITE_BYTES: usize = 4096;
/// How much is read at a time.
const READ_BYTES: u64 = 16 << 10;
/// Longer than any test lasts, in nanoseconds.
const LONG_NS: u64 = 3_600_000_000_000;

struct Probe;

wasip2::http::proxy::export!(Probe);

impl Guest for Probe {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        match path {
            "/call" => {
                let told = call(&read(&request));
                begin(answer, 200, &[], |stream| write(stream, told.as_bytes()));
            }
            "/cookies" => begin(
                answer,
                201,
                &[
                    ("content-type", "text/html"),
                    ("set-cookie", "session=stolen"),
                    ("content-security-policy", "default-src *"),
                    ("x-content-type-options", "sniff"),
                    ("strict-transport-security", "max-age=1"),
                    ("x-accel-redirect", "/secret"),
                    ("x-own", "1"),
                    ("x-own", "2"),
                ],
                |stream| write(stream, b"<script>alert(1)</script>"),
            ),
            "/trap" => begin(answer, 200, &[], |stream| {
                write(stream, b"half");
                panic!("in the middle of it")
            }),
            "/silent" => monotonic_clock::subscribe_duration(LONG_NS).block(),
            "/nothing" => {}
            "/error" => {
                let error = ErrorCode::InternalError(Some("there is no such order".to_owned()));
                ResponseOutparam::set(answer, Err(error));
            }
            "/endless" => begin(answer, 200, &[], |stream| {
                loop {
                    write(stream, &[b'x'; WRITE_BYTES]);
                }
            }),
            "/short" => begin(answer, 200, &[("content-length", "10")], |stream| write(stream, b"four")),
            "/exit" => {
                begin(answer, 200, &[], |stream| write(stream, b"whole"));
                std::process::exit(0);
            }
            _ => match path.strip_prefix("/status/").and_then(|status| status.parse().ok()) {
                Some(status) => {
                    begin(answer, status, &[("retry-after", "0")], |stream| write(stream, b"as you asked"));
                }
                None => echo(&request, answer),
            },
        }
    }
}

/// Answers with the request: its head in headers, its body as the body while it comes.
fn echo(request: &IncomingRequest, answer: ResponseOutparam) {
    let method = match request.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        _ => "another",
    };
    let mut headers = vec![
        ("x-method".to_owned(), method.to_owned()),
        ("x-target".to_owned(), request.path_with_query().unwrap_or_default()),
        ("x-authority".to_owned(), request.authority().unwrap_or_default()),
    ];
    for (name, value) in request.headers().entries() {
        headers.push((format!("x-got-{name}"), String::from_utf8_lossy(&value).into_owned()));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    begin(answer, 200, &headers, |stream| each_piece(request, |piece| write(stream, piece)));
}

/// Sets the response, then writes its body.
fn begin(answer: ResponseOutparam, status: u16, headers: &[(&str, &str)], body: impl FnOnce(&OutputStream)) {
    let fields: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let response = OutgoingResponse::new(Fields::from_list(&fields).expect("the headers are allowed"));
    response.set_status_code(status).expect("a status");
    let out = response.body().expect("it has a body");
    ResponseOutparam::set(answer, Ok(response));
    let stream = out.write().expect("it is written once");
    body(&stream);
    drop(stream);
    // Where it does not fit what was announced, that is what is tried.
    let _ = OutgoingBody::finish(out, None);
}

fn write(stream: &OutputStream, bytes: &[u8]) {
    for piece in bytes.chunks(WRITE_BYTES) {
        stream.blocking_write_and_flush(piece).expect("it is taken");
    }
}

fn each_piece(request: &IncomingRequest, mut take: impl FnMut(&[u8])) {
    let body = request.consume().expect("it is read once");
    let stream = body.stream().expect("it is read once");
    while let Ok(piece) = stream.blocking_read(READ_BYTES) {
        take(&piece);
    }
}

fn read(request: &IncomingRequest) -> String {
    let mut bytes = Vec::new();
    each_piece(request, |piece| bytes.extend_from_slice(piece));
    String::from_utf8(bytes).expect("a URL")
}

/// What comes of a GET.
fn call(url: &str) -> String {
    let rest = url.strip_prefix("http://").expect("http");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    let pending = match outgoing_handler::handle(request, None) {
        Ok(pending) => pending,
        Err(error) => return outcome(&error),
    };
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(Ok(response))) => response.status().to_string(),
        Some(Ok(Err(error))) => outcome(&error),
        _ => "failed".to_owned(),
    }
}

fn outcome(error: &ErrorCode) -> String {
    match error {
        ErrorCode::HttpRequestDenied => "denied".to_owned(),
        other => format!("failed: {other:?}"),
    }
}
