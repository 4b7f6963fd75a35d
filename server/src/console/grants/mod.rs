//! Grants to pick from, each with what it is for: for roles and API keys. What must hold: every action of the vocabulary stands here once; what the
//! viewer does not hold is not offered, as it could not be given; what is picked is read by the rules that the API has.

use factotum_model::{Grant, Grants};

use super::fields::Fields;
use super::viewer::Viewer;
use crate::operations::OperationError;

/// A group of the vocabulary: its title, and its grants, each with what it allows.
type Group = (&'static str, &'static [(&'static str, &'static str)]);

const VOCABULARY: &[Group] = &[
    (
        "Run workflows, see runs",
        &[
            ("workflows:run", "start every workflow"),
            ("runs:read", "see all runs, with their logs and outcomes; one's own runs everybody sees"),
            ("runs:cancel", "cancel runs"),
            ("runs:replay", "run an event again"),
            ("events:read", "see what came in: headers and payloads"),
        ],
    ),
    (
        "Build workflows",
        &[
            ("plugins:read", "see plugins"),
            ("plugins:create", "upload components"),
            ("plugins:update", "change plugins"),
            ("plugins:delete", "delete plugins"),
            ("workflows:read", "see workflows with their configuration"),
            ("workflows:create", "make workflows"),
            ("workflows:update", "change, pause and resume workflows"),
            ("workflows:delete", "delete workflows with their triggers"),
            ("triggers:read", "see triggers"),
            ("triggers:create", "make webhooks, schedules and other triggers"),
            ("triggers:update", "change, pause and resume triggers"),
            ("triggers:delete", "delete triggers"),
            ("partners:read", "see trading partners"),
            ("partners:create", "make trading partners"),
            ("partners:update", "change trading partners"),
            ("partners:delete", "delete trading partners"),
        ],
    ),
    (
        "Secrets",
        &[
            ("secrets:read", "see which secrets there are; nobody sees a value"),
            ("secrets:create", "set new secrets"),
            ("secrets:update", "give secrets new values"),
            ("secrets:delete", "delete secrets"),
        ],
    ),
    (
        "People, roles and keys",
        &[
            ("members:read", "see members and invitations"),
            ("members:create", "invite people"),
            ("members:update", "change members' roles; suspend accounts"),
            ("members:delete", "remove and erase members"),
            ("roles:read", "see roles"),
            ("roles:create", "make roles"),
            ("roles:update", "change roles"),
            ("roles:delete", "delete roles"),
            ("api-keys:read", "see API keys; nobody sees a secret"),
            ("api-keys:create", "make API keys that may no more than their maker"),
            ("api-keys:update", "rotate API keys"),
            ("api-keys:delete", "revoke API keys"),
        ],
    ),
    (
        "Audit and settings",
        &[
            ("audit:read", "read the audit trail, and reports of keys"),
            ("audit:export", "export the audit trail"),
            ("settings:read", "see settings"),
            ("settings:update", "change settings"),
            ("org:read", "see the organization"),
            ("org:update", "suspend and resume the organization"),
        ],
    ),
    (
        "What a workflow may use while it runs",
        &[
            ("http:request", "send HTTP requests to every host; better: http:request:api.example.com"),
            ("mail:send", "send mail to every address; better: mail:send:example.com"),
            ("kv:read", "read stored values"),
            ("kv:write", "store values"),
            ("secrets:use", "use every secret; better: secrets:use:name"),
            ("edi:send", "send to every trading partner; better: edi:send:name"),
        ],
    ),
];

/// A grant that is offered.
#[derive(Debug)]
pub struct Offer {
    /// The grant.
    pub grant: &'static str,
    /// What it allows.
    pub what: &'static str,
    /// Whether it is ticked.
    pub chosen: bool,
}

/// Offers that belong together.
#[derive(Debug)]
pub struct Offers {
    /// What they are about.
    pub title: &'static str,
    /// The grants.
    pub offers: Vec<Offer>,
}

impl Offers {
    /// How many are ticked.
    pub fn chosen(&self) -> usize {
        self.offers.iter().filter(|offer| offer.chosen).count()
    }
}

/// The part of a form that grants are picked in.
#[derive(Debug)]
pub struct Picker {
    /// What is offered.
    pub groups: Vec<Offers>,
    /// Whether `*:*` is ticked; none where it cannot be given.
    pub everything: Option<bool>,
    /// Grants that stand in no group, as typed.
    pub others: String,
}

impl Picker {
    /// For the viewer, with these grants ticked, and others typed.
    pub fn of(viewer: &Viewer, chosen: &[String], typed: &str) -> Self {
        let held = viewer.caller.authority.grants();
        let may_give =
            |text: &str| text.parse::<Grant>().is_ok_and(|grant| held.iter().any(|h| h.covers(&grant)));
        let ticked = |grant: &str| chosen.iter().any(|own| own == grant);
        let offers = |all: &[(&'static str, &'static str)]| -> Vec<Offer> {
            let offered = all.iter().filter(|(grant, _)| may_give(grant));
            offered.map(|(grant, what)| Offer { grant, what, chosen: ticked(grant) }).collect()
        };
        let groups = VOCABULARY.iter().map(|(title, all)| Offers { title, offers: offers(all) });
        let groups: Vec<Offers> = groups.filter(|group| !group.offers.is_empty()).collect();
        let everything = may_give("*:*").then(|| ticked("*:*"));
        let has_box = |grant: &String| {
            (everything.is_some() && grant == "*:*")
                || groups.iter().flat_map(|group| &group.offers).any(|offer| offer.grant == grant)
        };
        let mut others: Vec<&str> =
            chosen.iter().filter(|grant| !has_box(grant)).map(String::as_str).collect();
        others.extend(typed.lines().map(str::trim).filter(|line| !line.is_empty()));
        Self { others: others.join("\n"), groups, everything }
    }

    /// As a form that comes back had it.
    pub fn again(viewer: &Viewer, fields: &Fields) -> Self {
        Self::of(viewer, &fields.all("grants"), &fields.text("others"))
    }

    /// With these ticked.
    pub fn with(viewer: &Viewer, grants: &Grants) -> Self {
        Self::of(viewer, &texts(grants), "")
    }
}

/// Grants as texts.
pub fn texts(grants: &Grants) -> Vec<String> {
    grants.iter().map(ToString::to_string).collect()
}

/// Whether they are everything.
pub fn is_everything(grants: &Grants) -> bool {
    grants.cover(&Grants::all())
}

/// What a form picked.
pub fn picked(fields: &Fields) -> Result<Grants, OperationError> {
    let mut picked = fields.all("grants");
    picked.extend(words(&fields.text("others")));
    Grants::parse(&picked).map_err(|e| OperationError::invalid("grants", e))
}

/// What stands between commas and white space.
pub fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c == ',' || c.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use factotum_model::Action;

    use super::*;

    #[test]
    fn every_action_is_explained_once() {
        let mut explained: Vec<&str> = VOCABULARY.iter().flat_map(|(_, all)| *all).map(|(g, _)| *g).collect();
        let mut all: Vec<String> = Action::ALL.iter().map(ToString::to_string).collect();
        explained.sort_unstable();
        all.sort_unstable();
        assert_eq!(explained, all);
    }

    #[test]
    fn grants_may_be_parted_by_commas_lines_and_spaces() {
        assert_eq!(words(" kv:read, kv:write\nruns:read "), ["kv:read", "kv:write", "runs:read"]);
    }
}
