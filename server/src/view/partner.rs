//! A trading partner as the world sees it.

use factotum_model::edi::{DEFAULT_WINDOW_DAYS, MAX_IDS, MAX_LISTED, MAX_WINDOW_DAYS};
use factotum_storage::edi::partners::Partner;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::schema;

/// A trading partner.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Partner")]
pub struct PartnerView {
    /// Its id.
    pub id: String,
    /// What it is called here.
    pub name: String,
    /// Who it is in X12's ISA: qualifier and id.
    pub x12: Vec<String>,
    /// Who it is in EDIFACT's UNB: id and qualifier.
    pub edifact: Vec<String>,
    /// Who we are to it.
    pub ours: OursView,
    /// auto, 997, 999, contrl or none: what its documents are answered with.
    pub ack: String,
    /// asked, always or never: when an X12 interchange is answered by a TA1.
    pub ta1: String,
    /// envelope or grammar: how far its documents are checked.
    pub validation: String,
    /// reject or flag: what becomes of control numbers that came before with other bytes.
    pub duplicates: String,
    /// For how many days its control numbers are remembered.
    pub window_days: u32,
    /// any, production or test: which of its interchanges are meant.
    pub usage: String,
    /// The document types that were agreed on; any if there is none.
    pub sets: Vec<String>,
    /// The versions that were agreed on, or what they begin with; any if there is none.
    pub versions: Vec<String>,
    /// The account that made it.
    pub created_by: String,
    /// When.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

/// Who we are to a partner.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PartnerOurs")]
pub struct OursView {
    /// In ISA; none: whoever an interchange is addressed to.
    pub x12: Option<String>,
    /// In UNB; none: whoever an interchange is addressed to.
    pub edifact: Option<String>,
}

/// A word of the model.
pub fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

impl From<&Partner> for PartnerView {
    fn from(partner: &Partner) -> Self {
        let spec = partner.spec.clone();
        Self {
            id: partner.id.to_string(),
            name: spec.name,
            x12: spec.x12,
            edifact: spec.edifact,
            ours: OursView { x12: spec.ours.x12, edifact: spec.ours.edifact },
            ack: word(spec.ack),
            ta1: word(spec.ta1),
            validation: word(spec.validation),
            duplicates: word(spec.duplicates),
            window_days: spec.window_days,
            usage: word(spec.usage),
            sets: spec.sets,
            versions: spec.versions,
            created_by: partner.created_by.to_string(),
            created_at: partner.created_at.to_string(),
            updated_at: partner.updated_at.to_string(),
        }
    }
}

fn ids(of: &str) -> Schema {
    json_schema!({"type": "array", "maxItems": MAX_IDS, "uniqueItems": true, "items": {"type": "string", "maxLength": 60, "description": of}})
}

fn x12(_: &mut SchemaGenerator) -> Schema {
    ids("qualifier and id: ZZ:ACME")
}

fn edifact(_: &mut SchemaGenerator) -> Schema {
    ids("id and qualifier: 4012345000009:14")
}

fn ours(_: &mut SchemaGenerator) -> Schema {
    let id = || json_schema!({"type": "string", "maxLength": 60});
    json_schema!({"type": "object", "additionalProperties": false, "properties": {"x12": id(), "edifact": id()}})
}

fn ack(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["auto", "997", "999", "contrl", "none"], "default": "auto"})
}

fn ta1(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["asked", "always", "never"], "default": "asked"})
}

fn validation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["envelope", "grammar"], "default": "envelope"})
}

fn duplicates(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["reject", "flag"], "default": "reject"})
}

fn usage(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["any", "production", "test"], "default": "any"})
}

fn window(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 1, "maximum": MAX_WINDOW_DAYS, "default": DEFAULT_WINDOW_DAYS})
}

fn sets(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "maxItems": MAX_LISTED, "uniqueItems": true, "items": {"type": "string", "pattern": "^[A-Z0-9]{1,6}$"}})
}

fn versions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "maxItems": MAX_LISTED, "uniqueItems": true, "items": {"type": "string", "pattern": "^[A-Za-z0-9.: ]{1,20}$"}})
}

macro_rules! forms {
    ($(#[$doc:meta])* $name:ident, $($required:meta)?) => {
        $(#[$doc])*
        #[derive(JsonSchema)]
        #[schemars(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its schema is used; the model, which knows no OpenAPI, reads the value")]
        pub struct $name {
            /// What it is called here.
            #[schemars(schema_with = "schema::name" $(, $required)?)]
            name: String,
            /// Who it is in X12's ISA: qualifier and id.
            #[schemars(schema_with = "x12", default)]
            x12: Vec<String>,
            /// Who it is in EDIFACT's UNB: id and qualifier.
            #[schemars(schema_with = "edifact", default)]
            edifact: Vec<String>,
            /// Who we are to it; left out: whoever an interchange is addressed to.
            #[schemars(schema_with = "ours", default)]
            ours: String,
            /// What its documents are answered with. auto: 997, 999 where GS08 names an implementation guide, CONTRL in EDIFACT.
            #[schemars(schema_with = "ack", default)]
            ack: String,
            /// When an X12 interchange is answered by a TA1.
            #[schemars(schema_with = "ta1", default)]
            ta1: String,
            /// How far its documents are checked: grammar refuses what is against the segments and loops of the sets whose grammar ships.
            #[schemars(schema_with = "validation", default)]
            validation: String,
            /// What becomes of control numbers that came before with other bytes.
            #[schemars(schema_with = "duplicates", default)]
            duplicates: String,
            /// For how many days its control numbers are remembered.
            #[schemars(schema_with = "window", default)]
            window_days: u32,
            /// Which of its interchanges are meant.
            #[schemars(schema_with = "usage", default)]
            usage: String,
            /// The document types that were agreed on; any if there is none.
            #[schemars(schema_with = "sets", default)]
            sets: Vec<String>,
            /// The versions that were agreed on, or what they begin with; any if there is none.
            #[schemars(schema_with = "versions", default)]
            versions: Vec<String>,
        }
    };
}

forms!(
    /// What `POST /edi/partners` takes; an id in `x12` or `edifact` is needed.
    NewPartner,
);
forms!(
    /// What `PATCH /edi/partners/{id}` takes: the fields that change.
    PartnerChange,
    default
);
