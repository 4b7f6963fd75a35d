//! What a browser is to the server: cookies that come back. What must hold: nothing is followed or repeated by itself, so that a test sees
//! each step.

use serde_json::Value;

use crate::api::{Answer, Api};

/// A browser at one server.
#[derive(Clone)]
pub struct Visitor {
    api: Api,
    cookies: Vec<(String, String)>,
}

impl Visitor {
    /// Without cookies yet.
    pub fn at(base: impl Into<String>) -> Self {
        Self { api: Api::at(base, None), cookies: Vec::new() }
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Sets a cookie, as an attacker may.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.retain(|(own, _)| own != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Any request; the server's own pages send it.
    pub fn send(&mut self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let jar: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let jar = jar.join("; ");
        let mut headers = vec![("sec-fetch-site", "same-origin")];
        if !jar.is_empty() {
            headers.push(("cookie", jar.as_str()));
        }
        if !content_type.is_empty() {
            headers.push(("content-type", content_type));
        }
        let answer = match self.api.send(method, path, &headers, body) {
            Ok(answer) => answer,
            Err(e) => panic!("no answer: {e:#}"),
        };
        for (name, value) in &answer.headers {
            if name == "set-cookie"
                && let Some((name, value)) = value.split(';').next().and_then(|pair| pair.split_once('='))
            {
                self.set_cookie(name.trim(), value.trim());
            }
        }
        answer
    }

    /// GET.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", &[])
    }

    /// DELETE.
    pub fn delete(&mut self, path: &str) -> Answer {
        self.send("DELETE", path, "", &[])
    }

    /// POST with JSON.
    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
    }

    /// POST of a form.
    pub fn post_form(&mut self, path: &str, body: &str) -> Answer {
        self.send("POST", path, "application/x-www-form-urlencoded", body.as_bytes())
    }
}
