//! Audit entries in the forms that leave the server: JSON Lines as the model has them, CSV, and OCSF. What must hold: an entry is one line
//! whatever is in it; a cell never becomes a formula; nothing in a line moves a terminal.

use factotum_model::audit::AuditEntry;

use super::{harmless, ocsf};

/// A form of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditForm {
    /// One entry per line, as `GET /audit` shows it.
    JsonLines,
    /// RFC 4180, with a head.
    Csv,
    /// One OCSF event per line.
    Ocsf,
}

impl AuditForm {
    /// Its name in queries and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::JsonLines, Self::Csv, Self::Ocsf].into_iter().find(|form| form.as_str() == word)
    }

    /// How it is announced over HTTP.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::JsonLines | Self::Ocsf => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// What stands before the first entry.
    pub const fn head(self) -> &'static str {
        match self {
            Self::JsonLines | Self::Ocsf => "",
            Self::Csv => CSV_HEAD,
        }
    }

    /// An entry with the end of its line.
    pub fn line(self, entry: &AuditEntry) -> String {
        match self {
            Self::JsonLines => harmless::json(entry) + "\n",
            Self::Ocsf => harmless::json(&ocsf::event(entry)) + "\n",
            Self::Csv => csv_line(entry),
        }
    }
}

/// The columns of the CSV form.
const CSV_HEAD: &str = "id,at,action,outcome,reason,actor_id,actor_kind,actor_name,key_id,initiator,trigger_id,run_id,workflow,permission,targets,ip,user_agent,request_id,key_prefix,session_id,external_ref,chain,attempt,plugin_digest,change\r\n";

/// One entry as a line of CSV (RFC 4180).
fn csv_line(entry: &AuditEntry) -> String {
    fn text<T: ToString>(value: Option<&T>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    let targets: Vec<String> = entry.targets.iter().map(|t| format!("{}:{}", t.kind, t.id)).collect();
    let chain: Vec<String> = entry.chain.iter().map(ToString::to_string).collect();
    let credential = entry.credential.as_ref();
    let cells = [
        entry.id.to_string(),
        entry.at.to_string(),
        entry.action.clone(),
        entry.outcome.as_str().to_owned(),
        text(entry.reason.as_ref()),
        entry.actor.id.to_string(),
        entry.actor.kind.as_str().to_owned(),
        entry.actor.name.clone(),
        text(credential.map(|c| &c.key_id)),
        entry.initiator.kind.as_str().to_owned(),
        text(entry.initiator.trigger_id.as_ref()),
        text(entry.run_id.as_ref()),
        text(entry.workflow.as_ref()),
        text(entry.permission.as_ref()),
        targets.join(" "),
        text(entry.ip.as_ref()),
        text(entry.user_agent.as_ref()),
        text(entry.request_id.as_ref()),
        text(credential.map(|c| &c.prefix)),
        text(entry.session_id.as_ref()),
        text(entry.initiator.external_ref.as_ref()),
        chain.join(" "),
        text(entry.attempt.as_ref()),
        text(entry.plugin_digest.as_ref()),
        text(entry.change.as_ref()),
    ];
    cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell that no spreadsheet takes for a formula, and that stays on its line. The apostrophe before what could be one is what spreadsheets
/// themselves mark a text with; the full-width signs count where East Asian settings read them as the others.
fn csv_cell(text: &str) -> String {
    let flat = harmless::shown(text);
    let formula = |c: char| "=+-@\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".contains(c);
    let guard = if flat.trim_start().starts_with(formula) { "'" } else { "" };
    format!("\"{guard}{}\"", flat.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_nor_two_lines() {
        assert_eq!(csv_cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(csv_cell(" @SUM(1)"), "\"' @SUM(1)\"");
        assert_eq!(csv_cell("a\"b\r\nc\td"), "\"a\"\"b\\r\\nc\\td\"");
        assert_eq!(csv_cell("\t=1+1"), "\"\\t=1+1\"", "it begins with a backslash now");
        assert_eq!(csv_cell("\u{3000}＝1"), "\"'\u{3000}＝1\"");
        for plain in ["plain", "a=b", "x@example.com"] {
            assert_eq!(csv_cell(plain), format!("\"{plain}\""));
        }
    }
}
