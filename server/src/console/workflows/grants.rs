//! Grants in words, and those that a plugin is likely to need. What must hold: a grant is explained as it is decided; what is proposed is no wider than what
//! the imports ask for.

use factotum_model::{Action, Grant, Grants, capability};

/// Stands for the workflow's own name in a grant that a form offers: the name may still be changed there.
pub const OWN: &str = "{own}";

/// A grant that a form offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The grant, with [`OWN`] for the workflow's name.
    pub grant: String,
    /// How it is shown.
    pub shown: String,
    /// What it allows.
    pub what: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// What a grant allows a workflow.
pub fn explained(grant: &Grant) -> String {
    let Grant::One { action, .. } = grant else {
        return "everything: each call of this workflow is allowed, to anything".to_owned();
    };
    let text = grant.to_string();
    // After `resource:verb:`; a name may have colons itself.
    let name = text.splitn(3, ':').nth(2);
    let all = |all: &str, one: &str| name.map_or_else(|| all.to_owned(), |name| format!("{one} {name}"));
    match *action {
        Action::HTTP_REQUEST => {
            all("send HTTP requests to every host that egress allows", "send HTTP requests to")
        }
        Action::KV_READ => all("read the stores of all workflows", "read the store of"),
        Action::KV_WRITE => all("write the stores of all workflows", "write the store of"),
        Action::WORKFLOWS_RUN => all("start every workflow", "start the workflow"),
        Action::SECRETS_USE | Action::MAIL_SEND | Action::EDI_SEND => "nothing asks for it yet".to_owned(),
        _ => "not something that a workflow does: it has no effect here".to_owned(),
    }
}

/// What a form offers for these imports: the narrow grants, chosen, and the wide ones. `name` is the workflow's, if it is known.
pub fn offered(imports: &[String], name: &str) -> Vec<Offered> {
    let shown = if name.is_empty() { "…" } else { name };
    let own = |action: Action, what: &str| Offered {
        grant: format!("{action}:{OWN}"),
        shown: format!("{action}:{shown}"),
        what: what.to_owned(),
        chosen: true,
    };
    let wide = |action: Action, what: &str| Offered {
        grant: action.to_string(),
        shown: action.to_string(),
        what: what.to_owned(),
        chosen: false,
    };
    let needs = capability::all_needs(imports);
    let each = needs.iter().flat_map(|action| match *action {
        Action::KV_READ => vec![
            own(Action::KV_READ, "read its own store"),
            wide(Action::KV_READ, "read the stores of all workflows"),
        ],
        Action::KV_WRITE => vec![
            own(Action::KV_WRITE, "write its own store"),
            wide(Action::KV_WRITE, "write the stores of all workflows"),
        ],
        Action::WORKFLOWS_RUN => {
            vec![wide(Action::WORKFLOWS_RUN, "start every workflow; for one, write workflows:run:NAME below")]
        }
        Action::HTTP_REQUEST => vec![wide(
            Action::HTTP_REQUEST,
            "send requests to every host; for one, write http:request:api.example.com below",
        )],
        other => vec![wide(other, "")],
    });
    each.collect()
}

/// What these imports may ask for and these grants do not allow for any name.
pub fn lacking(imports: &[String], grants: &Grants) -> Vec<String> {
    let granted = |action: &Action| {
        grants.iter().any(|grant| match grant {
            Grant::All => true,
            Grant::One { action: own, .. } => own == action,
        })
    };
    let needs = capability::all_needs(imports);
    needs.iter().filter(|action| !granted(action)).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_explained_with_what_it_names() {
        let words = |text: &str| explained(&text.parse().unwrap());
        assert_eq!(words("http:request:127.0.0.1:*"), "send HTTP requests to 127.0.0.1:*");
        assert_eq!(words("kv:read"), "read the stores of all workflows");
        assert!(words("*:*").starts_with("everything"));
        assert!(words("members:read").contains("no effect"));
    }

    #[test]
    fn what_is_proposed_is_narrow() {
        let imports =
            ["factotum:workflow/kv@0.1.0".to_owned(), "wasi:http/outgoing-handler@0.2.0".to_owned()];
        let chosen: Vec<_> = offered(&imports, "orders").into_iter().filter(|o| o.chosen).collect();
        assert_eq!(
            chosen.iter().map(|o| o.shown.as_str()).collect::<Vec<_>>(),
            ["kv:read:orders", "kv:write:orders"]
        );
        let grants = Grants::parse(&["kv:read:orders"]).unwrap();
        assert_eq!(lacking(&imports, &grants), ["http:request", "kv:write"]);
        assert!(lacking(&imports, &Grants::all()).is_empty() && offered(&[], "x").is_empty());
    }
}
