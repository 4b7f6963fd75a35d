//! Requests through `wasi:http/outgoing-handler`. What must hold: the body is written while the host already sends
//! (its buffer is small), and what the host says of the request wins over a write that failed because of it.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

use super::request::Target;
use super::{Error, Request, Response};

/// What one write may carry at most: `blocking-write-and-flush` of `wasi:io` takes no more.
const WRITE_BYTES: usize = 4096;
/// How much to ask for at once when reading.
const READ_BYTES: u64 = 64 << 10;

pub(super) fn send(request: Request) -> Result<Response, Error> {
    let target = Target::parse(&request.url)?;
    let authority = target.authority;
    let outgoing = prepare(&request, &target)?;
    let body = outgoing.body().map_err(|()| unfit("it has no body to write"))?;
    let pending =
        outgoing_handler::handle(outgoing, options(&request)?).map_err(|code| failed(authority, &code))?;
    let written = write(body, &request.body);
    let answer = wait(&pending, authority)?;
    written.map_err(|code| Error::Network { authority: authority.to_owned(), code })?;
    let headers = answer.headers().entries();
    let body = read(&answer, authority, request.max_response_bytes)?;
    Ok(Response { status: answer.status(), headers, body })
}

fn prepare(request: &Request, target: &Target<'_>) -> Result<OutgoingRequest, Error> {
    let mut headers = request.headers.clone();
    let says_length = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let bodiless = request.body.is_empty() && matches!(request.method.as_str(), "GET" | "HEAD");
    if !says_length && !bodiless {
        headers.push(("content-length".to_owned(), request.body.len().to_string().into_bytes()));
    }
    let fields =
        Fields::from_list(&headers).map_err(|error| unfit(&format!("a header is refused: {error}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let scheme = if target.tls { Scheme::Https } else { Scheme::Http };
    outgoing.set_method(&method(&request.method)).map_err(|()| unfit("its method is no token"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| unfit("its scheme is refused"))?;
    outgoing.set_authority(Some(target.authority)).map_err(|()| unfit("the URL's host is malformed"))?;
    outgoing
        .set_path_with_query(Some(&target.path_with_query))
        .map_err(|()| unfit("the URL's path or query is malformed"))?;
    Ok(outgoing)
}

fn options(request: &Request) -> Result<Option<RequestOptions>, Error> {
    let Some(timeout) = request.timeout else { return Ok(None) };
    let nanoseconds = Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let options = RequestOptions::new();
    options
        .set_connect_timeout(nanoseconds)
        .and_then(|()| options.set_first_byte_timeout(nanoseconds))
        .and_then(|()| options.set_between_bytes_timeout(nanoseconds))
        .map_err(|()| unfit("this host takes no timeouts"))?;
    Ok(Some(options))
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), String> {
    let stream = body.write().map_err(|()| "the body cannot be written twice".to_owned())?;
    for chunk in bytes.chunks(WRITE_BYTES) {
        stream.blocking_write_and_flush(chunk).map_err(|error| format!("writing the body: {error}"))?;
    }
    // The stream is a child of the body: it must go first.
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| format!("ending the body: {}", name(&code)))
}

fn wait(pending: &FutureIncomingResponse, authority: &str) -> Result<IncomingResponse, Error> {
    pending.subscribe().block();
    let lost =
        || Error::Network { authority: authority.to_owned(), code: "the host gave no answer".to_owned() };
    pending.get().ok_or_else(lost)?.map_err(|()| lost())?.map_err(|code| failed(authority, &code))
}

fn read(answer: &IncomingResponse, authority: &str, limit: usize) -> Result<Vec<u8>, Error> {
    let broken = |why: String| Error::Network { authority: authority.to_owned(), code: why };
    let body = answer.consume().map_err(|()| broken("the answer's body is gone".to_owned()))?;
    let stream = body.stream().map_err(|()| broken("the answer's body is gone".to_owned()))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => break,
            Err(error @ StreamError::LastOperationFailed(_)) => {
                return Err(broken(format!("reading the answer: {error}")));
            }
        }
        if bytes.len() > limit {
            return Err(Error::TooLarge { authority: authority.to_owned(), limit });
        }
    }
    drop(stream);
    // A body cut off ends its stream as a whole one does; what is after it tells them apart.
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    match trailers.get() {
        Some(Ok(Err(code))) => Err(failed(authority, &code)),
        _ => Ok(bytes),
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn unfit(why: &str) -> Error {
    Error::Request(why.to_owned())
}

fn failed(authority: &str, code: &ErrorCode) -> Error {
    let (authority, text) = (authority.to_owned(), name(code));
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            Error::Denied { authority, code: text }
        }
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Error::Timeout { authority, code: text },
        ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_) => Error::Request(text),
        _ => Error::Network { authority, code: text },
    }
}

/// The code as the contract's Rust form calls it: `HttpRequestDenied`.
fn name(code: &ErrorCode) -> String {
    match code {
        ErrorCode::InternalError(Some(why)) => why.clone(),
        other => format!("{other:?}").replace("ErrorCode::", ""),
    }
}
