//! What is answered: a function of the request, so that it can be tested without a host.

/// A status and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The status.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// The answer to a request for this path with its query.
pub fn greeting(target: &str) -> Greeting {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != "/" && path != "/hello" {
        return Greeting { status: 404, text: format!("there is nothing at {path}\n") };
    }
    let name = query.split('&').find_map(|pair| pair.strip_prefix("name=")).filter(|name| !name.is_empty());
    Greeting { status: 200, text: format!("Hello, {}!\n", name.unwrap_or("world")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_is_greeted() {
        let at = |target: &str| greeting(target).text;
        assert_eq!(at("/"), "Hello, world!\n");
        assert_eq!(at("/hello?a=1&name=Ada"), "Hello, Ada!\n");
        assert_eq!(at("/?name="), "Hello, world!\n");
        assert_eq!(greeting("/elsewhere").status, 404);
    }
}
