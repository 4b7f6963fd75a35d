//! Where data lives: the data folder and the database. What must hold: without a database URL everything is in one folder.

use std::path::PathBuf;

use super::source::Layers;
use super::{ConfigError, Origin};

/// The name of the SQLite file in the data folder.
pub const DATABASE_FILE: &str = "factotum.db";

/// Where data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataConfig {
    /// The data folder: SQLite file, blobs, keys, AOT cache.
    pub folder: PathBuf,
    /// `sqlite:…` or `postgres://…`.
    pub database: String,
    /// Which database URL migrations run with: another role, maybe.
    pub migrate_database: String,
}

impl DataConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let (folder, origin) = layers.text("data").unwrap_or_else(|| ("./data".into(), Origin::Default));
        if folder.is_empty() {
            let reason = "the folder's name is empty; give a path such as `./data`".to_owned();
            return Err(ConfigError::Value { key: "data", origin, reason });
        }
        let folder = PathBuf::from(folder);
        let database = match layers.text("database") {
            Some((url, origin)) => checked("database", url, origin)?,
            None => format!("sqlite:{}", folder.join(DATABASE_FILE).display()),
        };
        let migrate_database = match layers.text("migrate_database") {
            Some((url, origin)) => checked("migrate_database", url, origin)?,
            None => database.clone(),
        };
        Ok(Self { folder, database, migrate_database })
    }
}

fn checked(key: &'static str, url: String, origin: Origin) -> Result<String, ConfigError> {
    if ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        Ok(url)
    } else {
        // The URL itself may hold a password: it is not repeated.
        let reason = "not a database URL: it starts with `sqlite:` or `postgres://`".to_owned();
        Err(ConfigError::Value { key, origin, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_database_is_a_file_in_the_data_folder_unless_named() {
        let flags = [("data", Some("/srv/f".to_owned()))];
        let layers = Layers::resolve(&flags, &Environment::new(), None).unwrap();
        let data = DataConfig::from_layers(&layers).unwrap();
        assert_eq!(data.database, "sqlite:/srv/f/factotum.db");
        assert_eq!(data.migrate_database, data.database);
    }

    #[test]
    fn a_wrong_url_is_refused_without_repeating_it() {
        let flags = [("database", Some("mysql://root:hunter2@db".to_owned()))];
        let layers = Layers::resolve(&flags, &Environment::new(), None).unwrap();
        let error = DataConfig::from_layers(&layers).unwrap_err().to_string();
        assert!(error.contains("--database") && !error.contains("hunter2"), "{error}");
    }
}
