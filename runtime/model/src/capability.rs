//! What a component's imports mean for grants. What must hold: an interface whose functions ask for a grant is named here with all of its
//! grants, so that whoever sets a workflow up learns of them before its first run is refused.

use crate::authority::Action;

/// The grants that the functions of an interface ask for; `import` is its name, with its version or without.
pub fn needs(import: &str) -> &'static [Action] {
    match import.split('@').next().unwrap_or_default() {
        "factotum:workflow/kv" => &[Action::KV_READ, Action::KV_WRITE],
        "factotum:workflow/mail" => &[Action::MAIL_SEND],
        "factotum:workflow/workflows" => &[Action::WORKFLOWS_RUN],
        "wasi:http/outgoing-handler" => &[Action::HTTP_REQUEST],
        _ => &[],
    }
}

/// The grants that any of these imports may ask for, each once, in the order of the vocabulary.
pub fn all_needs<S: AsRef<str>>(imports: &[S]) -> Vec<Action> {
    let needed = |action: &&Action| imports.iter().any(|import| needs(import.as_ref()).contains(action));
    Action::ALL.iter().filter(needed).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_known_in_every_version() {
        assert_eq!(needs("factotum:workflow/kv@0.1.0"), [Action::KV_READ, Action::KV_WRITE]);
        assert_eq!(needs("wasi:http/outgoing-handler@0.2.6"), [Action::HTTP_REQUEST]);
        assert_eq!(needs("wasi:http/types@0.2.6"), []);
        assert_eq!(needs("factotum:workflow/kvx@0.1.0"), []);
    }

    #[test]
    fn each_grant_is_named_once() {
        let imports =
            ["wasi:http/outgoing-handler@0.2.0", "factotum:workflow/kv@0.1.0", "factotum:workflow/kv@0.2.0"];
        assert_eq!(all_needs(&imports), [Action::HTTP_REQUEST, Action::KV_READ, Action::KV_WRITE]);
        assert_eq!(all_needs::<&str>(&[]), []);
    }
}
