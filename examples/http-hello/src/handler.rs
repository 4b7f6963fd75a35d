//! The component's export: a request in, a response out.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

use crate::greeting;

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let answered = greeting(&request.path_with_query().unwrap_or_default());
        let headers =
            Fields::from_list(&[("content-type".to_owned(), b"text/plain; charset=utf-8".to_vec())]);
        let response = headers.map(OutgoingResponse::new).ok();
        let begun = response.and_then(|response| {
            response.set_status_code(answered.status).ok()?;
            let body = response.body().ok()?;
            Some((response, body))
        });
        let Some((response, body)) = begun else {
            let error = ErrorCode::InternalError(Some("the host takes no such response".to_owned()));
            return ResponseOutparam::set(answer, Err(error));
        };
        ResponseOutparam::set(answer, Ok(response));
        // What fails from here on, the host sees as a response that broke off; there is nobody else to tell.
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(answered.text.as_bytes());
        }
        let _ = OutgoingBody::finish(body, None);
    }
}
