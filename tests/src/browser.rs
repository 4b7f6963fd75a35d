//! A person at a browser: keeps cookies as a browser does, and says that a request comes from the server's own pages. What must hold: nothing is
//! followed or repeated by itself, so that a test sees each step; a cookie that is taken away is gone.

use std::cell::RefCell;

use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::server::Server;

/// The session's cookie.
pub const COOKIE: &str = "__Host-factotum";
/// The password that [`Server::bootstrap`] gives its Admins.
pub const PASSWORD: &str = "correct horse battery staple";

/// A browser at one server.
#[derive(Clone)]
pub struct Browser {
    api: Api,
    cookies: RefCell<Vec<(String, String)>>,
    more: Vec<(String, String)>,
}

impl Browser {
    /// A browser that is not logged in.
    pub fn at(base: impl Into<String>) -> Self {
        Self { api: Api::at(base, None), cookies: RefCell::default(), more: Vec::new() }
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

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }

    /// Sets a cookie, as whoever can write one would; an empty one is gone.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.borrow_mut();
        cookies.retain(|(own, _)| own != name);
        if !value.is_empty() {
            cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The session's token, if there is one.
    pub fn token(&self) -> Option<String> {
        self.cookie(COOKIE)
    }

    /// Plants a session's token.
    pub fn plant(&self, token: &str) {
        self.set_cookie(COOKIE, token);
    }

    /// Logs in.
    pub fn log_in(&self, email: &str, password: &str) -> Answer {
        self.send("POST", "/api/v1/session", Some(&json!({"email": email, "password": password})))
    }

    /// Any request, from the server's own page. Panics if the connection breaks.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        match body {
            Some(body) => self.send_bytes(method, path, "application/json", body.to_string().as_bytes()),
            None => self.send_bytes(method, path, "", &[]),
        }
    }

    fn send_bytes(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let pairs: Vec<_> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let jar = pairs.join("; ");
        let mut headers = vec![("sec-fetch-site", "same-origin")];
        if !jar.is_empty() {
            headers.push(("cookie", jar.as_str()));
        }
        if !content_type.is_empty() {
            headers.push(("content-type", content_type));
        }
        headers.extend(self.more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let answer = match self.api.send(method, path, &headers, body) {
            Ok(answer) => answer,
            Err(e) => panic!("no answer: {e:#}"),
        };
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            if let Some((name, value)) = value.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.set_cookie(name.trim(), value.trim());
            }
        }
        answer
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// POST with JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    /// POST of a form.
    pub fn post_form(&self, path: &str, body: &str) -> Answer {
        self.send_bytes("POST", path, "application/x-www-form-urlencoded", body.as_bytes())
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
