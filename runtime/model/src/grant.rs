//! Grants: `resource:verb`, optionally `resource:verb:name`, where a name may end in `*`; `*:*` is everything. The
//! vocabulary is closed ([`Action`]). What must hold: a set can be intersected and compared, and neither ever yields
//! more than both sides had.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::authority::Action;

/// The longest grant accepted, in bytes.
pub const MAX_GRANT_BYTES: usize = 300;
/// The most grants in one set.
pub const MAX_GRANTS: usize = 200;

/// One permission.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// `*:*`
    All,
    /// `resource:verb`, or `resource:verb:name`.
    One {
        /// What may be done.
        action: Action,
        /// To what; `None` covers every name.
        name: Option<NamePattern>,
    },
}

/// A name, or the start of a name followed by `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamePattern {
    text: String,
    open: bool,
}

impl NamePattern {
    fn matches(&self, name: &str) -> bool {
        if self.open { name.starts_with(&self.text) } else { self.text == name }
    }

    fn covers(&self, other: &Self) -> bool {
        if self.open { other.text.starts_with(&self.text) } else { !other.open && self.text == other.text }
    }
}

/// Why a text is not a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseGrantError {
    /// Longer than [`MAX_GRANT_BYTES`], or with white space or control characters.
    #[error("`{0}` is not a grant: use `resource:verb` or `resource:verb:name`, without spaces")]
    Form(String),
    /// Not in the vocabulary.
    #[error("`{0}` is not a grant that exists; the vocabulary is: {vocabulary}", vocabulary = Action::vocabulary())]
    Unknown(String),
    /// A name where the resource has none, or a `*` that is not at the end.
    #[error("`{grant}`: {reason}")]
    Name {
        /// The grant as given.
        grant: String,
        /// What is wrong with its name.
        reason: &'static str,
    },
    /// The same grant twice.
    #[error("`{0}` is listed twice")]
    Duplicate(String),
    /// Nothing at all where something is needed.
    #[error("the list of grants is empty: name at least one, such as `workflows:run`")]
    Empty,
    /// More than [`MAX_GRANTS`].
    #[error("{0} grants are too many: at most {MAX_GRANTS}")]
    TooMany(usize),
}

impl Grant {
    /// Whether this grant allows `action` on `name`. Without a name, the action is on the whole collection and only a
    /// grant without name allows it.
    pub fn allows(&self, action: Action, name: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::One { action: own, name: pattern } => {
                *own == action
                    && match (pattern, name) {
                        (None, _) => true,
                        (Some(pattern), Some(name)) => pattern.matches(name),
                        (Some(_), None) => false,
                    }
            }
        }
    }

    /// Whether all that `other` allows, this allows too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::One { .. }, Self::All) => false,
            (Self::One { action: a, name: n }, Self::One { action: b, name: m }) => {
                a == b
                    && match (n, m) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(n), Some(m)) => n.covers(m),
                    }
            }
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*:*"),
            Self::One { action, name: None } => write!(f, "{action}"),
            Self::One { action, name: Some(n) } => {
                write!(f, "{action}:{}{}", n.text, if n.open { "*" } else { "" })
            }
        }
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Grant {
    type Err = ParseGrantError;

    fn from_str(text: &str) -> Result<Self, ParseGrantError> {
        if text == "*:*" {
            return Ok(Self::All);
        }
        if text.len() > MAX_GRANT_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ParseGrantError::Form(text.chars().take(80).collect()));
        }
        let mut parts = text.splitn(3, ':');
        let (Some(resource), Some(verb)) = (parts.next(), parts.next()) else {
            return Err(ParseGrantError::Form(text.to_owned()));
        };
        let action = Action::find(resource, verb).ok_or_else(|| ParseGrantError::Unknown(text.to_owned()))?;
        let name = parts.next().map(|name| parse_name(text, action, name)).transpose()?;
        Ok(Self::One { action, name })
    }
}

fn parse_name(grant: &str, action: Action, name: &str) -> Result<NamePattern, ParseGrantError> {
    let wrong = |reason| ParseGrantError::Name { grant: grant.to_owned(), reason };
    let (text, open) = name.strip_suffix('*').map_or((name, false), |start| (start, true));
    if text.contains('*') {
        return Err(wrong("a `*` may stand only at the end of a name"));
    }
    if text.is_empty() {
        return Err(wrong("the name is empty: leave out the last `:` to mean every name"));
    }
    if action == Action::HTTP_REQUEST && open && !text.ends_with(':') {
        // `http:request:example.com*` would cover example.com.attacker.net.
        return Err(wrong("a host takes no `*` but for its port, as in `http:request:example.com:*`"));
    }
    if action == Action::HTTP_REQUEST && text.chars().any(|c| c.is_ascii_uppercase() || c == '/') {
        return Err(wrong(
            "give the host in lower case, without scheme or path, as in `http:request:example.com`",
        ));
    }
    if action == Action::MAIL_SEND {
        // `mail:send:ann@example.com*` would cover ann@example.com.attacker.net.
        if open || !text.contains('@') || text.ends_with('@') {
            return Err(wrong(
                "give an address, as in `mail:send:ann@example.com`, or a domain, as in `mail:send:@example.com`, without `*`",
            ));
        }
        if text.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(wrong("give the address in lower case"));
        }
    }
    Ok(NamePattern { text: text.to_owned(), open })
}

impl serde::Serialize for Grant {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A set of grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Grants(BTreeSet<Grant>);

impl Grants {
    /// Nothing.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// `*:*`
    pub fn all() -> Self {
        Self(BTreeSet::from([Grant::All]))
    }

    /// Reads a list as a user gives it: an unknown or repeated grant is an error. An empty list is a set without
    /// grants; who needs one that is not empty uses [`parse_some`](Self::parse_some).
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, ParseGrantError> {
        if texts.len() > MAX_GRANTS {
            return Err(ParseGrantError::TooMany(texts.len()));
        }
        let mut set = BTreeSet::new();
        for text in texts {
            if !set.insert(text.as_ref().parse::<Grant>()?) {
                return Err(ParseGrantError::Duplicate(text.as_ref().to_owned()));
            }
        }
        Ok(Self(set))
    }

    /// As [`parse`](Self::parse), and refuses an empty list: for API keys.
    pub fn parse_some<S: AsRef<str>>(texts: &[S]) -> Result<Self, ParseGrantError> {
        if texts.is_empty() { Err(ParseGrantError::Empty) } else { Self::parse(texts) }
    }

    /// Whether some grant allows the action on the name.
    pub fn allow(&self, action: Action, name: Option<&str>) -> bool {
        self.0.iter().any(|g| g.allows(action, name))
    }

    /// Whether every grant of `other` is covered by a grant of this set.
    pub fn cover(&self, other: &Self) -> bool {
        other.missing_from(self).next().is_none()
    }

    /// The grants of this set that `held` does not cover.
    pub fn missing_from<'a>(&'a self, held: &'a Self) -> impl Iterator<Item = &'a Grant> {
        self.0.iter().filter(|own| !held.0.iter().any(|h| h.covers(own)))
    }

    /// What both sets allow.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let mut set = BTreeSet::new();
        for a in &self.0 {
            for b in &other.0 {
                if a.covers(b) {
                    set.insert(b.clone());
                } else if b.covers(a) {
                    set.insert(a.clone());
                }
            }
        }
        Self(set)
    }

    /// What either set allows: how a member's roles add up.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Whether the set has no grant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The grants, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }
}

impl FromIterator<Grant> for Grants {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Self(grants.into_iter().collect())
    }
}

impl serde::Serialize for Grants {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Grants {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&Vec::<String>::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> Grants {
        Grants::parse(texts).expect("valid grants")
    }

    #[test]
    fn a_grant_allows_its_action_and_names() {
        let run_all = set(&["workflows:run"]);
        let run_one = set(&["workflows:run:echo"]);
        let run_some = set(&["workflows:run:order-*"]);
        assert!(run_all.allow(Action::WORKFLOWS_RUN, Some("echo")));
        assert!(run_one.allow(Action::WORKFLOWS_RUN, Some("echo")));
        assert!(!run_one.allow(Action::WORKFLOWS_RUN, Some("echo2")));
        assert!(!run_one.allow(Action::WORKFLOWS_RUN, None));
        assert!(run_some.allow(Action::WORKFLOWS_RUN, Some("order-intake")));
        assert!(!run_some.allow(Action::WORKFLOWS_READ, Some("order-intake")));
        assert!(Grants::all().allow(Action::AUDIT_READ, None));
        assert!(!Grants::none().allow(Action::AUDIT_READ, None));
    }

    #[test]
    fn cover_and_intersect_never_widen() {
        let wide = set(&["workflows:run:a*", "kv:read"]);
        let narrow = set(&["workflows:run:ab", "kv:write"]);
        assert_eq!(wide.intersect(&narrow), set(&["workflows:run:ab"]));
        assert_eq!(Grants::all().intersect(&narrow), narrow);
        assert!(!wide.cover(&narrow));
        assert!(!set(&["workflows:run:ab*"]).cover(&set(&["workflows:run:a*"])));
        assert!(set(&["workflows:run:a*"]).cover(&set(&["workflows:run:a*", "workflows:run:ab"])));
        assert!(!wide.cover(&Grants::all()));
        let missing: Vec<_> = narrow.missing_from(&wide).map(ToString::to_string).collect();
        assert_eq!(missing, ["kv:write"]);
    }

    #[test]
    fn what_is_not_a_grant_is_refused_with_its_reason() {
        for bad in [
            "",
            "*",
            "runs",
            "runs:*",
            "*:read",
            "runs:launch",
            "workflows:run:",
            "workflows:run:a*b",
            "kv:read now",
            "http:request:example.com*",
            "http:request:HTTPS://x",
            "mail:send:ann@example.com*",
            "mail:send:example.com",
            "mail:send:Ann@example.com",
            "mail:send:ann@",
            "runs:read\u{0}",
        ] {
            assert!(bad.parse::<Grant>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!(
            Grants::parse(&["kv:read", "kv:read"]),
            Err(ParseGrantError::Duplicate("kv:read".to_owned()))
        );
        assert_eq!(Grants::parse_some::<&str>(&[]), Err(ParseGrantError::Empty));
        assert!("http:request:127.0.0.1:*".parse::<Grant>().is_ok());
        assert!("mail:send:@example.com".parse::<Grant>().is_ok());
        assert!("mail:send:ann@example.com".parse::<Grant>().is_ok());
    }

    proptest::proptest! {
        #[test]
        fn an_intersection_allows_just_what_both_allow(
            a in proptest::collection::vec(grant_text(), 0..5),
            b in proptest::collection::vec(grant_text(), 0..5),
            name in "[ab]{0,3}",
        ) {
            let of = |v: &[String]| v.iter().filter_map(|t| t.parse().ok()).collect::<Grants>();
            let (a, b) = (of(&a), of(&b));
            let both = a.intersect(&b);
            for action in [Action::KV_READ, Action::WORKFLOWS_RUN] {
                proptest::prop_assert_eq!(
                    both.allow(action, Some(&name)),
                    a.allow(action, Some(&name)) && b.allow(action, Some(&name))
                );
            }
            proptest::prop_assert!(a.cover(&both) && b.cover(&both));
        }
    }

    fn grant_text() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        prop_oneof![
            Just("*:*".to_owned()),
            ("kv:read|workflows:run", proptest::option::of("[ab]{1,3}[*]?"))
                .prop_map(|(a, n)| n.map_or(a.clone(), |n| format!("{a}:{n}"))),
        ]
    }
}
