//! The migrations of the two databases go side by side. What must hold: the folders have files of equal names, and each name
//! starts with a number that no other has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Where they are, from the root.
const FOLDER: &str = "runtime/storage/migrations";
/// Its two folders.
const BACKENDS: [&str; 2] = ["sqlite", "postgres"];

/// What breaks the rule.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let [one, other] = BACKENDS.map(|backend| names(&root.join(FOLDER).join(backend)));
    Ok(compare(&one?, &other?))
}

fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no migrations in {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn compare(sqlite: &BTreeSet<String>, postgres: &BTreeSet<String>) -> Vec<String> {
    let lacks = |own: &BTreeSet<String>, other: &BTreeSet<String>, place: &str| -> Vec<String> {
        own.difference(other)
            .map(|name| format!("{FOLDER}/{place}: lacks {name}, which the other database has: add it"))
            .collect()
    };
    let mut found = lacks(sqlite, postgres, BACKENDS[1]);
    found.extend(lacks(postgres, sqlite, BACKENDS[0]));
    let mut numbers = BTreeSet::new();
    for name in sqlite {
        let number = name.split('_').next().unwrap_or_default();
        let is_sql = Path::new(name).extension().is_some_and(|end| end == "sql");
        if !is_sql || number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            found.push(format!("{FOLDER}/*/{name}: is not of the form 0001_what.sql"));
        } else if !numbers.insert(number) {
            found.push(format!("{FOLDER}/*/{name}: its number {number} is taken"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sqlite: &[&str], postgres: &[&str]) -> usize {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        compare(&set(sqlite), &set(postgres)).len()
    }

    #[test]
    fn folders_must_match() {
        assert_eq!(found(&["0001_a.sql", "0002_b.sql"], &["0001_a.sql", "0002_b.sql"]), 0);
        assert_eq!(found(&["0001_a.sql", "0002_b.sql"], &["0001_a.sql"]), 1);
        assert_eq!(found(&["0001_a.sql"], &["0001_b.sql"]), 2);
        assert_eq!(found(&["0001_a.sql", "0001_b.sql"], &["0001_a.sql", "0001_b.sql"]), 1);
        assert_eq!(found(&["first.sql"], &["first.sql"]), 1);
    }
}
