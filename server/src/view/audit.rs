//! Audit entries in their forms: JSON as the model has it, and CSV. What must hold: a cell never becomes a formula, nor a line two.

use factotum_model::audit::AuditEntry;

/// The columns of the CSV form.
pub const CSV_HEAD: &str = "id,at,action,outcome,reason,actor_id,actor_kind,actor_name,key_id,initiator,trigger_id,run_id,workflow,permission,targets,ip,user_agent,request_id\r\n";

/// One entry as a line of CSV (RFC 4180).
pub fn csv_line(entry: &AuditEntry) -> String {
    let targets: Vec<String> = entry.targets.iter().map(|t| format!("{}:{}", t.kind, t.id)).collect();
    let cells = [
        entry.id.to_string(),
        entry.at.to_string(),
        entry.action.clone(),
        entry.outcome.as_str().to_owned(),
        entry.reason.clone().unwrap_or_default(),
        entry.actor.id.to_string(),
        entry.actor.kind.as_str().to_owned(),
        entry.actor.name.clone(),
        entry.credential.as_ref().map(|c| c.key_id.to_string()).unwrap_or_default(),
        entry.initiator.kind.as_str().to_owned(),
        entry.initiator.trigger_id.map(|id| id.to_string()).unwrap_or_default(),
        entry.run_id.map(|id| id.to_string()).unwrap_or_default(),
        entry.workflow.clone().unwrap_or_default(),
        entry.permission.clone().unwrap_or_default(),
        targets.join(" "),
        entry.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        entry.user_agent.clone().unwrap_or_default(),
        entry.request_id.map(|id| id.to_string()).unwrap_or_default(),
    ];
    cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell that no spreadsheet takes for a formula, and that stays on its line.
fn csv_cell(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let guard = if flat.trim_start().starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{guard}{}\"", flat.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_nor_two_lines() {
        assert_eq!(csv_cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(csv_cell(" @SUM(1)"), "\"' @SUM(1)\"");
        assert_eq!(csv_cell("a\"b\r\nc\td"), "\"a\"\"b  c d\"");
        assert_eq!(csv_cell("plain"), "\"plain\"");
    }
}
