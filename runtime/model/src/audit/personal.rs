//! What an audit entry says about a natural person: name, address, client, e-mail addresses in free text. What must hold: an entry in which
//! these values are replaced by commitments can be kept for ever; given the values it reads as it was written, and without them it says
//! which of them were erased.

use uuid::Uuid;

use super::{AuditEntry, Target};
use crate::account::AccountKind;
use crate::digest::Digest;
use crate::id::{AccountId, InvitationId, PersonId};

/// What stands where a value was erased. An address, which is no text, is left out instead.
pub const ERASED: &str = "(erased)";
/// What stands where the stored value does not fit its commitment, or is gone: it was changed by somebody who can write to the database.
pub const ALTERED: &str = "(altered)";
/// Bytes of a salt: a value as short as an address is not found by trying all of them.
pub const SALT_BYTES: usize = 16;

/// Targets that are people, or may be: their names are personal.
const PEOPLE: [&str; 4] = ["account", "member", "person", "invitation"];

/// A value about a person, and where in the entry it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalValue {
    /// A JSON pointer (RFC 6901) into the entry: `/actor/name`, `/targets/0/name`.
    pub field: String,
    /// The account, person or invitation that it is about, where that is known.
    pub subject: Option<Uuid>,
    /// The value.
    pub value: String,
}

/// SHA-256 of salt and value: what stays of a value in its entry.
pub fn commitment(salt: &[u8; SALT_BYTES], value: &str) -> Digest {
    Digest::of(&[salt.as_slice(), value.as_bytes()].concat())
}

impl AuditEntry {
    /// The entry without its personal values, and these; `None` if it has none, as those have that triggers and keys make about no person.
    pub fn without_personal(&self) -> Option<(Self, Vec<PersonalValue>)> {
        if !self.has_personal() {
            return None;
        }
        let mut entry = self.clone();
        let mut values = Vec::new();
        let mut take = |field: String, subject, value: String| {
            if !value.is_empty() {
                // PostgreSQL stores no U+0000.
                values.push(PersonalValue { field, subject, value: value.replace('\0', "\u{FFFD}") });
            }
        };
        let of_person: Vec<Option<Uuid>> = entry.targets.iter().map(person).collect();
        if entry.actor.kind == AccountKind::Member {
            take("/actor/name".into(), Some(entry.actor.id.0), std::mem::take(&mut entry.actor.name));
        }
        if let Some(subject) = self.came_from() {
            let ip = entry.ip.take().map(|ip| ip.to_string());
            take("/ip".into(), Some(subject), ip.unwrap_or_default());
            take("/user_agent".into(), Some(subject), taken(&mut entry.user_agent));
        }
        for (n, target) in entry.targets.iter_mut().enumerate() {
            if holds_address(&target.id) && target.kind != "plugin" {
                take(format!("/targets/{n}/id"), of_person[n], std::mem::take(&mut target.id));
            }
            let named = target.name.as_deref().is_some_and(holds_address) && target.kind != "plugin";
            if named || is_person(target) {
                take(format!("/targets/{n}/name"), of_person[n], taken(&mut target.name));
            }
        }
        let about = of_person.into_iter().flatten().next();
        if self.is_free_reason() || self.reason.as_deref().is_some_and(holds_address) {
            take("/reason".into(), about, taken(&mut entry.reason));
        }
        if self.permission.as_deref().is_some_and(holds_address) {
            take("/permission".into(), None, taken(&mut entry.permission));
        }
        if let Some(mut change) = entry.change.take() {
            if key_holds_address(&change) {
                take("/change".into(), None, change.to_string());
            } else {
                let searched = self.searches();
                walk(&mut change, &mut "/change".to_owned(), &mut |field, text| {
                    let personal =
                        holds_address(text) || (searched && field == "/change/query/q" && !text.is_empty());
                    if personal {
                        take(field.to_owned(), None, text.to_owned());
                    }
                    personal
                });
                entry.change = Some(change);
            }
        }
        (!values.is_empty()).then_some((entry, values))
    }

    /// Puts a value back, or what stands in its place. A pointer that leads nowhere changes nothing.
    pub fn put_back(&mut self, field: &str, value: &str) {
        let text = || Some(value.to_owned());
        match field {
            "/actor/name" => value.clone_into(&mut self.actor.name),
            "/ip" => self.ip = value.parse().ok(),
            "/user_agent" => self.user_agent = text(),
            "/reason" => self.reason = text(),
            "/permission" => self.permission = text(),
            "/change" => {
                self.change = Some(serde_json::from_str(value).unwrap_or_else(|_| value.into()));
            }
            _ => {
                if let Some(rest) = field.strip_prefix("/targets/") {
                    let (n, part) = rest.split_once('/').unwrap_or_default();
                    let target = n.parse::<usize>().ok().and_then(|n| self.targets.get_mut(n));
                    match (target, part) {
                        (Some(target), "id") => value.clone_into(&mut target.id),
                        (Some(target), "name") => target.name = text(),
                        _ => {}
                    }
                } else if let Some(pointer) = field.strip_prefix("/change")
                    && let Some(place) = self.change.as_mut().and_then(|change| change.pointer_mut(pointer))
                {
                    *place = value.into();
                }
            }
        }
    }

    /// Asked of each entry that is written, so it allocates nothing.
    fn has_personal(&self) -> bool {
        let holds = |text: &Option<String>| text.as_deref().is_some_and(holds_address);
        self.actor.kind == AccountKind::Member
            || self.targets.iter().any(|t| is_person(t) || holds_address(&t.id) || holds(&t.name))
            || holds(&self.reason)
            || holds(&self.permission)
            || self.change.as_ref().is_some_and(|change| self.searches() || any_address(change))
    }

    /// Whose address and client the entry has, if a person's: the member's who acts; where nobody is a member yet, and the base account
    /// stands for them, the one's whom it is about. A key's address is no person's.
    fn came_from(&self) -> Option<Uuid> {
        match self.actor.kind {
            AccountKind::Member => Some(self.actor.id.0),
            AccountKind::Base => self.targets.iter().find_map(person),
            AccountKind::ApiKey => None,
        }
    }

    /// Whether somebody wrote the reason down in their own words.
    fn is_free_reason(&self) -> bool {
        self.action.starts_with("recovery.")
    }

    /// Whether it tells what somebody searched for, which may be a person.
    fn searches(&self) -> bool {
        self.action.starts_with("audit.")
    }
}

/// An empty text stays where it is: it says nothing of anybody.
fn taken(text: &mut Option<String>) -> String {
    text.take_if(|text| !text.is_empty()).unwrap_or_default()
}

fn is_person(target: &Target) -> bool {
    target.name.is_some() && PEOPLE.contains(&target.kind.as_str())
}

/// The account, person or invitation that a target is.
fn person(target: &Target) -> Option<Uuid> {
    let id = target.id.as_str();
    if !PEOPLE.contains(&target.kind.as_str()) {
        return None;
    }
    let account = || id.parse::<AccountId>().ok().map(|id| id.0);
    let person = || id.parse::<PersonId>().ok().map(|id| id.0);
    account().or_else(person).or_else(|| id.parse::<InvitationId>().ok().map(|id| id.0))
}

/// Whether a text holds what may be an e-mail address: rather one too many than one too few.
fn holds_address(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let local = text[..at].chars().next_back();
        let domain = text[at + 1..].split(|c: char| !is_domain_char(c)).next().unwrap_or_default();
        let last_label = domain.trim_end_matches(['.', '-']).rsplit('.').next().unwrap_or_default();
        local.is_some_and(|c| !c.is_whitespace() && !c.is_control())
            && last_label.chars().next().is_some_and(char::is_alphabetic)
    })
}

fn is_domain_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-')
}

fn any_address(value: &serde_json::Value) -> bool {
    use serde_json::Value as V;
    match value {
        V::String(text) => holds_address(text),
        V::Array(items) => items.iter().any(any_address),
        V::Object(fields) => fields.iter().any(|(key, value)| holds_address(key) || any_address(value)),
        V::Null | V::Bool(_) | V::Number(_) => false,
    }
}

fn key_holds_address(value: &serde_json::Value) -> bool {
    use serde_json::Value as V;
    match value {
        V::Array(items) => items.iter().any(key_holds_address),
        V::Object(fields) => fields.iter().any(|(key, value)| holds_address(key) || key_holds_address(value)),
        _ => false,
    }
}

/// Visits each text with its pointer, and puts null where `take` says that it took it.
fn walk(value: &mut serde_json::Value, at: &mut String, take: &mut impl FnMut(&str, &str) -> bool) {
    use serde_json::Value as V;
    let length = at.len();
    match value {
        V::String(text) => {
            if take(at, text) {
                *value = V::Null;
            }
        }
        V::Array(items) => {
            for (n, item) in items.iter_mut().enumerate() {
                at.push('/');
                at.push_str(&n.to_string());
                walk(item, at, take);
                at.truncate(length);
            }
        }
        V::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                walk(field, at, take);
                at.truncate(length);
            }
        }
        V::Null | V::Bool(_) | V::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::{AuditInitiator, AuditOutcome};
    use crate::{InitiatorKind, OrgId, Principal, Timestamp};

    fn entry(kind: AccountKind, action: &str) -> AuditEntry {
        let actor = Principal { id: AccountId::random(), kind, name: "Ann Lee".into() };
        let initiator = AuditInitiator::of(InitiatorKind::Member);
        let at = Timestamp::from_micros(1);
        let mut entry = AuditEntry::new(OrgId::random(), at, action, AuditOutcome::Ok, actor, initiator);
        entry.ip = Some("192.0.2.7".parse().unwrap());
        entry.user_agent = Some("Firefox".into());
        entry
    }

    fn read_back(entry: &AuditEntry) -> AuditEntry {
        let (mut stored, values) = entry.without_personal().expect("it has personal values");
        let text = serde_json::to_string(&stored).unwrap();
        for value in &values {
            assert!(!text.contains(&value.value), "{} is still in {text}", value.field);
            stored.put_back(&value.field, &value.value);
        }
        stored
    }

    #[test]
    fn what_is_taken_out_and_put_back_is_the_entry_again() {
        let mut full = entry(AccountKind::Member, "audit.read");
        full.reason = Some("denied: bob@example.com is a member already".into());
        full.permission = Some("mail:send:carl@example.com".into());
        full.targets = vec![
            Target::named("account", AccountId::random(), "Bob"),
            Target::new("account", "dora@example.com"),
            Target::named("person", "none yet", "emil@example.com"),
            Target::named("role", "rol_1", "Friends of fred@example.com"),
        ];
        full.change = Some(json!({
            "query": {"q": "Gus Hill", "limit": 3, "a/b~c": ["x", "hal@example.com"]},
            "after": [{"allow_senders": ["example.com", "ida@example.com"]}],
        }));
        assert_eq!(read_back(&full), full);
        full.change = Some(json!({"after": {"jo@example.com": 1}}));
        assert_eq!(read_back(&full), full);
    }

    #[test]
    fn automated_work_about_no_person_has_none() {
        for kind in [AccountKind::Base, AccountKind::ApiKey] {
            let mut plain = entry(kind, "event.accept");
            plain.targets = vec![
                Target::named("workflow", "wfl_1", "greet"),
                Target::named("plugin", "echo@1.0.0-rc.b", "echo@1.0.0"),
            ];
            plain.reason = Some("failed: @ no one, a @ b, echo@1.0.0 and @handle".into());
            plain.change = Some(json!({"after": {"plugin": "echo@1.0.0", "n": 1}}));
            assert_eq!(plain.without_personal(), None);
        }
    }

    #[test]
    fn an_address_is_whose_it_is() {
        let account = AccountId::random();
        let subject_of_ip = |entry: &AuditEntry| {
            let (_, values) = entry.without_personal().unwrap();
            values.iter().find(|v| v.field == "/ip").map(|v| v.subject)
        };
        let mut by = entry(AccountKind::Member, "member.delete");
        by.targets = vec![Target::named("account", account, "Bob")];
        assert_eq!(subject_of_ip(&by), Some(Some(by.actor.id.0)));
        by.actor.kind = AccountKind::Base;
        assert_eq!(subject_of_ip(&by), Some(Some(account.0)));
        by.actor.kind = AccountKind::ApiKey;
        assert_eq!(subject_of_ip(&by), None, "a key's address stays in the entry");
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        for text in [
            "ann@example.com",
            "<ann@example.com>.",
            "x \"a b\"@example.com",
            "ann@localhost",
            "änn@exämple.de",
            "mail:send:a@b.c",
        ] {
            assert!(holds_address(text), "{text}");
        }
        for text in ["", "@", "ann@", "@example.com", "echo@1.0.0", "a @ b", "ann @example.com"] {
            assert!(!holds_address(text), "{text}");
        }
    }

    #[test]
    fn the_salt_is_part_of_the_commitment() {
        assert_eq!(
            commitment(&[7; SALT_BYTES], "ann"),
            Digest::of(b"\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07ann")
        );
    }
}
