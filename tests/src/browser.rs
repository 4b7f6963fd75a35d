//! A person at a browser: keeps the session's cookie as a browser does, and says that a request comes from the server's own pages. What must hold:
//! nothing is sent that a test does not see; a cookie that is taken away is gone.

use std::cell::RefCell;

use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::server::Server;

/// The session's cookie.
pub const COOKIE: &str = "__Host-factotum";
/// The password that [`Server::bootstrap`] gives its Admins.
pub const PASSWORD: &str = "correct horse battery staple";

/// A browser with at most one session.
pub struct Browser {
    api: Api,
    token: RefCell<Option<String>>,
    more: Vec<(String, String)>,
}

impl Browser {
    /// A browser that is not logged in.
    pub fn at(base: impl Into<String>) -> Self {
        Self { api: Api::at(base, None), token: RefCell::new(None), more: Vec::new() }
    }

    /// A browser in which this person has logged in with [`PASSWORD`].
    #[track_caller]
    pub fn of(server: &Server, email: &str) -> Self {
        let browser = Self::at(server.base());
        browser.log_in(email, PASSWORD).expect(200);
        browser
    }

    /// Sends this header with every request.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.more.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The session's token, if there is one.
    pub fn token(&self) -> Option<String> {
        self.token.borrow().clone()
    }

    /// Plants a cookie, as whoever can write one would.
    pub fn plant(&self, token: &str) {
        *self.token.borrow_mut() = Some(token.to_owned());
    }

    /// Logs in.
    pub fn log_in(&self, email: &str, password: &str) -> Answer {
        self.send("POST", "/api/v1/session", Some(&json!({"email": email, "password": password})))
    }

    /// Any request, from the server's own page. Panics if the connection breaks.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let cookie = self.token().map(|token| format!("{COOKIE}={token}"));
        let mut headers = vec![("sec-fetch-site", "same-origin")];
        headers.extend(cookie.as_deref().map(|cookie| ("cookie", cookie)));
        headers.extend(self.more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let text = body.map(ToString::to_string).unwrap_or_default();
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let answer = match self.api.send(method, path, &headers, text.as_bytes()) {
            Ok(answer) => answer,
            Err(e) => panic!("no answer: {e:#}"),
        };
        self.keep(&answer);
        answer
    }

    fn keep(&self, answer: &Answer) {
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let Some(rest) = value.strip_prefix(&format!("{COOKIE}=")) else { continue };
            let token = rest.split(';').next().unwrap_or_default();
            *self.token.borrow_mut() = (!token.is_empty()).then(|| token.to_owned());
        }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// POST with JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    /// PUT with JSON.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body))
    }

    /// DELETE without a body.
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }
}
