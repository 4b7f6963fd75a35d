//! Layers: flags > environment > `factotum.toml` > defaults, and for each value where it came from. What must hold: the same
//! setting resolves the same way everywhere, and an unknown key of the file is an error that names file and line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::keys::{Default, Form, KEYS, Key};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag: `--listen`.
    Flag(&'static str),
    /// An environment variable.
    Environment(String),
    /// A line of the file, counted from 1.
    File(PathBuf, usize),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The environment as the program was started with: read once, handed on.
pub type Environment = BTreeMap<String, String>;

/// One setting as found, not yet checked. A list is one item per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The value as text.
    pub text: String,
    /// Where it stood.
    pub origin: Origin,
}

/// One of several tables of a name, `[[audit.stream]]`, not yet checked. Such tables stand in the file alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTable {
    /// Where it begins.
    pub origin: Origin,
    /// Its values; a number as its digits.
    pub values: BTreeMap<String, Found>,
}

/// The names of such tables.
const TABLES: [&str; 1] = [super::audit_stream::TABLE];

/// All settings that somebody set, by name.
#[derive(Debug, Default)]
pub struct Layers {
    set: BTreeMap<&'static str, Found>,
    tables: Vec<FoundTable>,
}

impl Layers {
    /// Lays flags over the environment over the file. `flags` are pairs of a setting's name and its value.
    pub fn resolve(
        flags: &[(&'static str, Option<String>)],
        environment: &Environment,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let Self { set: mut found, tables } = file.map(read_file).transpose()?.unwrap_or_default();
        for key in KEYS {
            let variable = key.variable();
            if let Some(text) = environment.get(&variable) {
                let text = if key.form == Form::List { text.replace(',', "\n") } else { text.clone() };
                found.insert(key.name, Found { text, origin: Origin::Environment(variable) });
            }
        }
        for (name, value) in flags {
            if let (Some(key), Some(text)) = (Key::find(name), value) {
                let origin = Origin::Flag(key.flag.unwrap_or(key.name));
                found.insert(key.name, Found { text: text.clone(), origin });
            }
        }
        Ok(Self { set: found, tables })
    }

    /// The tables `[[audit.stream]]`, in their order.
    pub fn streams(&self) -> &[FoundTable] {
        &self.tables
    }

    /// What somebody set, if anybody did.
    pub fn get(&self, name: &str) -> Option<&Found> {
        self.set.get(name)
    }

    /// What holds: what somebody set, or the default; nothing where that is worked out from elsewhere.
    pub fn text(&self, name: &'static str) -> Option<(String, Origin)> {
        let set = self.set.get(name).map(|f| (f.text.clone(), f.origin.clone()));
        set.or_else(|| match Key::find(name)?.default {
            Default::Value(text) => Some((text.to_owned(), Origin::Default)),
            Default::Derived(_) => None,
        })
    }

    /// The value as a `T`; `Ok(None)` where nobody set it and there is no plain default.
    pub fn parse<T>(&self, name: &'static str) -> Result<Option<T>, ConfigError>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        let Some((text, origin)) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(source) => Err(ConfigError::Value { key: name, origin, reason: source.to_string() }),
        }
    }

    /// The value of a list setting, item by item.
    pub fn parse_list<T>(&self, name: &'static str) -> Result<Vec<T>, ConfigError>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        let Some((text, origin)) = self.text(name) else { return Ok(Vec::new()) };
        let items = text.lines().map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| {
                item.parse().map_err(|e: T::Err| ConfigError::Value {
                    key: name,
                    origin: origin.clone(),
                    reason: format!("`{item}`: {e}"),
                })
            })
            .collect()
    }
}

fn read_file(path: &Path) -> Result<Layers, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let table = DeTable::parse(&text).map_err(|e| ConfigError::Syntax {
        path: path.to_owned(),
        line: e.span().map_or(1, |s| line_of(&text, s.start)),
        reason: e.message().to_owned(),
    })?;
    let file = File { path, text: &text };
    let mut found = Layers::default();
    file.walk("", table.get_ref(), &mut found)?;
    Ok(found)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn walk(&self, section: &str, table: &DeTable<'_>, found: &mut Layers) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = if section.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{section}.{}", key.get_ref())
            };
            let line = line_of(self.text, key.span().start);
            if let Some(known) = Key::find(&name) {
                let text = self.text_of(known, value, line)?;
                found
                    .set
                    .insert(known.name, Found { text, origin: Origin::File(self.path.to_owned(), line) });
            } else if TABLES.contains(&name.as_str()) {
                self.tables(&name, value, found)?;
            } else if let (true, DeValue::Table(inner)) = (is_section(&name), value.get_ref()) {
                self.walk(&name, inner, found)?;
            } else {
                let path = self.path.to_owned();
                return Err(ConfigError::UnknownKey {
                    key: name.clone(),
                    path,
                    line,
                    known: neighbours(&name),
                });
            }
        }
        Ok(())
    }

    fn tables(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        found: &mut Layers,
    ) -> Result<(), ConfigError> {
        let here =
            |span: std::ops::Range<usize>| Origin::File(self.path.to_owned(), line_of(self.text, span.start));
        let wrong = |span, reason: &str| ConfigError::Value {
            key: super::audit_stream::TABLE,
            origin: here(span),
            reason: reason.to_owned(),
        };
        let DeValue::Array(items) = value.get_ref() else {
            return Err(wrong(value.span(), &format!("write it as `[[{name}]]`, once for each")));
        };
        for item in items {
            let DeValue::Table(table) = item.get_ref() else {
                return Err(wrong(item.span(), &format!("write it as `[[{name}]]`, once for each")));
            };
            let mut values = BTreeMap::new();
            for (key, value) in table {
                let text = match value.get_ref() {
                    DeValue::String(text) => text.to_string(),
                    DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', ""),
                    _ => {
                        let reason = format!("`{}` must be a string or a whole number", key.get_ref());
                        return Err(wrong(value.span(), &reason));
                    }
                };
                values.insert(key.get_ref().to_string(), Found { text, origin: here(key.span()) });
            }
            found.tables.push(FoundTable { origin: here(item.span()), values });
        }
        Ok(())
    }

    fn text_of(&self, key: &Key, value: &Spanned<DeValue<'_>>, line: usize) -> Result<String, ConfigError> {
        let wrong = |expected| ConfigError::Value {
            key: key.name,
            origin: Origin::File(self.path.to_owned(), line),
            reason: format!("expected {expected}, found a value of type {}", value.get_ref().type_str()),
        };
        match (key.form, value.get_ref()) {
            (Form::Text | Form::Secret, DeValue::String(text)) => Ok(text.to_string()),
            (Form::Number, DeValue::Integer(number)) if number.radix() == 10 => {
                Ok(number.as_str().replace('_', ""))
            }
            (Form::Flag, DeValue::Boolean(flag)) => Ok(flag.to_string()),
            (Form::List, DeValue::Array(items)) => {
                let texts = items
                    .iter()
                    .map(|item| item.get_ref().as_str().ok_or_else(|| wrong("a list of strings")));
                Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
            }
            (Form::Text | Form::Secret, _) => Err(wrong("a string")),
            (Form::Number, _) => Err(wrong("a whole number in decimal")),
            (Form::Flag, _) => Err(wrong("true or false")),
            (Form::List, _) => Err(wrong("a list of strings")),
        }
    }
}

fn is_section(name: &str) -> bool {
    let names = KEYS.iter().map(|k| k.name).chain(TABLES);
    names.filter_map(|own| own.split_once('.')).any(|(section, _)| section == name)
}

/// The names that stand where the unknown one stood, to choose from.
fn neighbours(name: &str) -> String {
    let section = name.rsplit_once('.').map_or("", |(section, _)| section);
    let siblings = KEYS.iter().map(|k| k.name).chain(TABLES).filter_map(|own| match own.split_once('.') {
        Some((s, key)) if s == section => Some(key.to_owned()),
        Some((s, _)) if section.is_empty() => Some(format!("[{s}]")),
        None if section.is_empty() => Some(own.to_owned()),
        _ => None,
    });
    let mut names: Vec<_> = siblings.collect();
    names.dedup();
    names.join(", ")
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let file = written(
            "listen = \"127.0.0.1:1\"\n[limits]\nwall_ms = 1_000\n[egress]\nallow = [\"a\", \"b\"]\n",
        );
        let environment = Environment::from([("FACTOTUM_LISTEN".to_owned(), "127.0.0.1:2".to_owned())]);
        let flags = [("listen", Some("127.0.0.1:3".to_owned()))];
        let all = Layers::resolve(&flags, &environment, Some(file.path())).unwrap();
        assert_eq!(all.text("listen"), Some(("127.0.0.1:3".into(), Origin::Flag("--listen"))));
        let two = Layers::resolve(&[("listen", None)], &environment, Some(file.path())).unwrap();
        assert_eq!(
            two.text("listen"),
            Some(("127.0.0.1:2".into(), Origin::Environment("FACTOTUM_LISTEN".into())))
        );
        let one = Layers::resolve(&[], &Environment::new(), Some(file.path())).unwrap();
        assert_eq!(one.text("listen"), Some(("127.0.0.1:1".into(), Origin::File(file.path().into(), 1))));
        assert_eq!(one.parse::<u64>("limits.wall_ms").unwrap(), Some(1_000));
        assert_eq!(one.parse_list::<String>("egress.allow").unwrap(), ["a", "b"]);
        let none = Layers::resolve(&[], &Environment::new(), None).unwrap();
        assert_eq!(none.text("listen"), Some(("127.0.0.1:7070".into(), Origin::Default)));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_file_and_line() {
        let file = written("data = \"x\"\n\n[limits]\nwall = 5\n");
        let error = Layers::resolve(&[], &Environment::new(), Some(file.path())).unwrap_err().to_string();
        assert!(error.contains(&format!("{}:4: `limits.wall`", file.path().display())), "{error}");
        assert!(error.contains("wall_ms"), "{error}");
        for later in ["[smtp]\nx = 1", "[nothing]", "nonsense = 1"] {
            let file = written(later);
            assert!(Layers::resolve(&[], &Environment::new(), Some(file.path())).is_err(), "{later}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named() {
        let file = written("[limits]\nwall_ms = \"5\"\n");
        let error = Layers::resolve(&[], &Environment::new(), Some(file.path())).unwrap_err().to_string();
        assert!(error.contains(":2") && error.contains("a whole number"), "{error}");
    }
}
