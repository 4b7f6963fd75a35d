//! What one version of a plugin has that another has not. What must hold: it is made of what the components themselves say, not of what anybody says of them.

use std::cmp::Ordering;

use factotum_model::{Action, capability};
use factotum_storage::plugins::Plugin;

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// `factotum:workflow`, `wasi:http` or `wasi:cli`.
    pub world: String,
    /// What it imports, sorted.
    pub imports: Vec<String>,
    /// What it exports, sorted; empty where that is not known.
    pub exports: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// `sha256:` and the digits of its bytes.
    pub digest: String,
}

impl From<&Plugin> for Shape {
    fn from(plugin: &Plugin) -> Self {
        Self {
            world: plugin.world.clone(),
            imports: plugin.imports.clone(),
            exports: plugin.exports.clone(),
            size: plugin.size,
            digest: plugin.digest.to_string(),
        }
    }
}

impl Shape {
    /// The grants that its imports may ask for.
    pub fn needs(&self) -> Vec<Action> {
        capability::all_needs(&self.imports)
    }
}

/// How a version differs from the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The version before.
    pub before: String,
    /// The world that it had, where that is another now.
    pub world: Option<String>,
    /// Imports that are new.
    pub imports_added: Vec<String>,
    /// Imports that are gone.
    pub imports_removed: Vec<String>,
    /// Exports that are new.
    pub exports_added: Vec<String>,
    /// Exports that are gone.
    pub exports_removed: Vec<String>,
    /// Grants that it may ask for now.
    pub needs_added: Vec<Action>,
    /// Grants that it asks for no more.
    pub needs_removed: Vec<Action>,
    /// By how much it grew, in bytes.
    pub growth: i64,
    /// Whether the bytes are the same.
    pub same: bool,
}

impl Difference {
    /// The difference of a shape of this version to the version before among these, if there is one: that with the highest lower number.
    pub fn to_the_one_before(version: &str, shape: &Shape, versions: &[Plugin]) -> Option<Self> {
        let lower = versions.iter().filter(|other| by_number(&other.version, version) == Ordering::Less);
        let before = lower.max_by(|a, b| by_number(&a.version, &b.version))?;
        Some(Self::between(&before.version, &Shape::from(before), shape))
    }

    fn between(version: &str, before: &Shape, after: &Shape) -> Self {
        let known = !before.exports.is_empty() && !after.exports.is_empty();
        let exports = |a: &Shape, b: &Shape| if known { minus(&a.exports, &b.exports) } else { Vec::new() };
        Self {
            before: version.to_owned(),
            world: (before.world != after.world).then(|| before.world.clone()),
            imports_added: minus(&after.imports, &before.imports),
            imports_removed: minus(&before.imports, &after.imports),
            exports_added: exports(after, before),
            exports_removed: exports(before, after),
            needs_added: minus(&after.needs(), &before.needs()),
            needs_removed: minus(&before.needs(), &after.needs()),
            growth: after.size.cast_signed() - before.size.cast_signed(),
            same: before.digest == after.digest,
        }
    }

    /// Whether nothing changed that is seen from outside.
    pub fn is_inside_only(&self) -> bool {
        self.world.is_none()
            && self.imports_added.is_empty()
            && self.imports_removed.is_empty()
            && self.exports_added.is_empty()
            && self.exports_removed.is_empty()
    }
}

fn minus<T: Clone + PartialEq>(all: &[T], without: &[T]) -> Vec<T> {
    all.iter().filter(|one| !without.contains(one)).cloned().collect()
}

/// Semantic Versioning 2.0.0 §11; what is no version, which is not stored, stands in no order.
fn by_number(a: &str, b: &str) -> Ordering {
    match (semver::Version::parse(a), semver::Version::parse(b)) {
        (Ok(a), Ok(b)) => a.cmp_precedence(&b),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::{AccountId, Digest, PluginId, Timestamp};

    fn plugin(version: &str, imports: &[&str]) -> Plugin {
        Plugin {
            id: PluginId::random(),
            name: "p".into(),
            version: version.into(),
            digest: Digest::of(version.as_bytes()),
            world: "factotum:workflow".into(),
            imports: imports.iter().map(ToString::to_string).collect(),
            exports: vec!["handle".into()],
            size: 10,
            created_by: AccountId::random(),
            created_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn the_version_before_is_the_highest_lower_number_whenever_it_came() {
        let kv = "factotum:workflow/kv@0.1.0";
        let http = "wasi:http/outgoing-handler@0.2.0";
        let stored = [plugin("1.9.0", &[kv]), plugin("1.10.0-rc.1", &[http]), plugin("2.0.0", &[])];
        let shape = |imports: &[&str]| Shape::from(&plugin("x", imports));
        let found = Difference::to_the_one_before("1.10.0", &shape(&[http, kv]), &stored).unwrap();
        assert_eq!(found.before, "1.10.0-rc.1");
        assert_eq!((found.imports_added, found.imports_removed), (vec![kv.to_owned()], vec![]));
        assert_eq!(found.needs_added, [Action::KV_READ, Action::KV_WRITE]);
        let older = Difference::to_the_one_before("1.9.1", &shape(&[kv]), &stored).unwrap();
        assert!(older.before == "1.9.0" && older.is_inside_only() && !older.same);
        assert_eq!(Difference::to_the_one_before("1.0.0", &shape(&[]), &stored), None);
    }
}
