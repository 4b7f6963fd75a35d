//! A trading partner, as the API takes it: who it is in envelopes, and what was agreed with it. What must hold: what is stored was checked, and a
//! refusal names its field; a field left out takes its default.

use serde::{Deserialize, Serialize};

use super::Standard;
use super::party::{is_set_id, is_version, party};
use crate::workflow::check_name;

/// The most ids of one partner in one standard.
pub const MAX_IDS: usize = 50;
/// The most document types or versions of one partner.
pub const MAX_LISTED: usize = 100;
/// For how many days control numbers are remembered unless it is said.
pub const DEFAULT_WINDOW_DAYS: u32 = 90;
/// The most of them.
pub const MAX_WINDOW_DAYS: u32 = 3_650;

/// Why a partner is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {problem}")]
pub struct PartnerError {
    /// The field's path.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

/// A trading partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerSpec {
    /// What it is called here.
    pub name: String,
    /// Who it is in ISA: `ZZ:ACME`, qualifier and id.
    #[serde(default)]
    pub x12: Vec<String>,
    /// Who it is in UNB: `4012345000009:14`, id and qualifier.
    #[serde(default)]
    pub edifact: Vec<String>,
    /// Who we are to it.
    #[serde(default, deserialize_with = "crate::object::read")]
    pub ours: Ours,
    /// What a group of documents is answered with.
    #[serde(default)]
    pub ack: Ack,
    /// X12: when the interchange itself is acknowledged.
    #[serde(default)]
    pub ta1: Ta1,
    /// How far documents are checked.
    #[serde(default)]
    pub validation: Validation,
    /// What becomes of numbers that came before with other bytes.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// For how many days numbers are remembered.
    #[serde(default = "default_window_days")]
    pub window_days: u32,
    /// Whether its interchanges are tests.
    #[serde(default)]
    pub usage: Usage,
    /// The document types that were agreed on; any if there is none.
    #[serde(default)]
    pub sets: Vec<String>,
    /// The versions that were agreed on, or what they begin with; any if there is none.
    #[serde(default)]
    pub versions: Vec<String>,
}

const fn default_window_days() -> u32 {
    DEFAULT_WINDOW_DAYS
}

/// Who we are to a partner; where it is not said, whoever an interchange is addressed to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ours {
    /// In ISA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x12: Option<String>,
    /// In UNB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edifact: Option<String>,
}

impl Ours {
    /// In this standard.
    pub fn of(&self, standard: Standard) -> Option<&str> {
        match standard {
            Standard::X12 => self.x12.as_deref(),
            Standard::Edifact => self.edifact.as_deref(),
        }
    }
}

/// What a group of documents is answered with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// X12: 999 where the group's version (GS08) is an implementation guide's, else 997. EDIFACT: CONTRL.
    #[default]
    Auto,
    /// X12: always 997.
    #[serde(rename = "997")]
    Functional,
    /// X12: always 999.
    #[serde(rename = "999")]
    Implementation,
    /// EDIFACT: CONTRL. X12 as with `auto`.
    Contrl,
    /// Nothing.
    None,
}

impl Ack {
    /// Each with its word.
    pub const ALL: [(Self, &str); 5] = [
        (Self::Auto, "auto"),
        (Self::Functional, "997"),
        (Self::Implementation, "999"),
        (Self::Contrl, "contrl"),
        (Self::None, "none"),
    ];
}

/// X12: when an interchange is acknowledged by a TA1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ta1 {
    /// Where it asks for it (ISA14), and where it is refused.
    #[default]
    Asked,
    /// Always.
    Always,
    /// Never, not even where it is refused.
    Never,
}

/// How far documents are checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validation {
    /// Envelopes, counts, control numbers and syntax; what is against the grammar of a set is noted.
    #[default]
    Envelope,
    /// Also the segments and loops of the sets whose grammar ships.
    Grammar,
}

/// What becomes of control numbers that came before with other bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// The interchange is refused.
    #[default]
    Reject,
    /// It is taken, and marked.
    Flag,
}

/// Which of a partner's interchanges are meant: ISA15, UNB 0035.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    /// Both; a document says which it is.
    #[default]
    Any,
    /// Only those in earnest.
    Production,
    /// Only tests.
    Test,
}

impl Usage {
    /// Whether a test is meant, or one in earnest.
    pub const fn covers(self, test: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Production => !test,
            Self::Test => test,
        }
    }

    /// The test flags that are meant.
    pub fn flags(self) -> impl Iterator<Item = bool> {
        [false, true].into_iter().filter(move |test| self.covers(*test))
    }
}

fn refuse<T>(field: impl Into<String>, problem: impl ToString) -> Result<T, PartnerError> {
    Err(PartnerError { field: field.into(), problem: problem.to_string() })
}

impl PartnerSpec {
    /// Checks it, and brings every id into the text that it always has.
    pub fn checked(mut self) -> Result<Self, PartnerError> {
        if let Err(error) = check_name(&self.name) {
            return refuse("name", error);
        }
        for (field, standard, ids) in
            [("x12", Standard::X12, &mut self.x12), ("edifact", Standard::Edifact, &mut self.edifact)]
        {
            if ids.len() > MAX_IDS {
                return refuse(field, format!("at most {MAX_IDS} ids"));
            }
            for at in 0..ids.len() {
                let path = format!("{field}[{at}]");
                let text = party(standard, &ids[at]).or_else(|e| refuse(path.as_str(), e))?;
                if ids[..at].contains(&text) {
                    return refuse(path, format!("`{text}` is named twice"));
                }
                ids[at] = text;
            }
        }
        if self.x12.is_empty() && self.edifact.is_empty() {
            return refuse(
                "x12",
                "give at least one id, in `x12` or `edifact`, by which its interchanges are known",
            );
        }
        for (field, standard, id) in [
            ("ours.x12", Standard::X12, &mut self.ours.x12),
            ("ours.edifact", Standard::Edifact, &mut self.ours.edifact),
        ] {
            if let Some(text) = id {
                *text = party(standard, text).or_else(|e| refuse(field, e))?;
            }
        }
        if !(1..=MAX_WINDOW_DAYS).contains(&self.window_days) {
            return refuse("window_days", format!("between 1 and {MAX_WINDOW_DAYS} days"));
        }
        check_lists(&self.sets, &self.versions)
            .map_err(|(field, problem)| PartnerError { field, problem })?;
        Ok(self)
    }

    /// Its ids in a standard.
    pub fn ids(&self, standard: Standard) -> &[String] {
        match standard {
            Standard::X12 => &self.x12,
            Standard::Edifact => &self.edifact,
        }
    }
}

/// Checks lists of document types and of versions; the field and what is wrong with it.
pub fn check_lists(sets: &[String], versions: &[String]) -> Result<(), (String, String)> {
    for (field, listed) in [("sets", sets), ("versions", versions)] {
        if listed.len() > MAX_LISTED {
            return Err((field.to_owned(), format!("at most {MAX_LISTED}")));
        }
        for (at, text) in listed.iter().enumerate() {
            if listed[..at].contains(text) {
                return Err((format!("{field}[{at}]"), "it is named twice".to_owned()));
            }
        }
    }
    if let Some(at) = sets.iter().position(|text| !is_set_id(text)) {
        let words = "a document type is expected, such as `850` or `ORDERS`";
        return Err((format!("sets[{at}]"), words.to_owned()));
    }
    if let Some(at) = versions.iter().position(|text| !is_version(text)) {
        let words = "a version is expected, such as `004010`, `005010X222A1` or `D96A`";
        return Err((format!("versions[{at}]"), words.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(json: Value) -> Result<PartnerSpec, PartnerError> {
        serde_json::from_value::<PartnerSpec>(json).unwrap().checked()
    }

    #[test]
    fn the_published_body_is_read() {
        let acme = spec(json!({"name": "acme", "x12": ["ZZ:ACME  "], "edifact": ["4012345000009:14"],
            "ours": {"x12": "ZZ:ME"}, "ack": "997", "duplicates": "flag"}))
        .unwrap();
        assert_eq!(
            (acme.x12[0].as_str(), acme.ack, acme.duplicates),
            ("ZZ:ACME", Ack::Functional, Duplicates::Flag)
        );
        assert_eq!((acme.window_days, acme.ta1, acme.usage), (90, Ta1::Asked, Usage::Any));
        for (ack, word) in Ack::ALL {
            assert_eq!(serde_json::to_value(ack).unwrap(), word);
        }
    }

    #[test]
    fn a_refusal_names_its_field() {
        let field = |json| spec(json).unwrap_err().field;
        assert_eq!(field(json!({"name": "Acme", "x12": ["ZZ:A"]})), "name");
        assert_eq!(field(json!({"name": "acme"})), "x12");
        assert_eq!(field(json!({"name": "acme", "x12": ["ZZ:A", "ACME"]})), "x12[1]");
        assert_eq!(field(json!({"name": "acme", "x12": ["ZZ:A", "ZZ:A "]})), "x12[1]");
        assert_eq!(field(json!({"name": "acme", "x12": ["ZZ:A"], "ours": {"edifact": ""}})), "ours.edifact");
        assert_eq!(field(json!({"name": "acme", "x12": ["ZZ:A"], "window_days": 0})), "window_days");
        assert_eq!(field(json!({"name": "acme", "x12": ["ZZ:A"], "sets": ["orders"]})), "sets[0]");
    }
}
