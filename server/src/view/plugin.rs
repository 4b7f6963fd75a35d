//! A plugin version as the world sees it.

use factotum_model::capability;
use factotum_storage::plugins::Plugin;
use schemars::JsonSchema;
use serde::Serialize;

/// One version of a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plugin")]
pub struct PluginView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version; immutable.
    pub version: String,
    /// `sha256:` and the digits of its bytes as uploaded.
    pub digest: String,
    /// What kind of component it is.
    pub world: String,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// What it exports; empty where it was uploaded before this was kept.
    pub exports: Vec<String>,
    /// The grants that what it imports may ask for: what a workflow of it is likely to need.
    pub needs: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// The account that uploaded it.
    pub created_by: String,
    /// When.
    pub created_at: String,
}

impl From<&Plugin> for PluginView {
    fn from(plugin: &Plugin) -> Self {
        Self {
            id: plugin.id.to_string(),
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            digest: plugin.digest.to_string(),
            world: plugin.world.clone(),
            imports: plugin.imports.clone(),
            exports: plugin.exports.clone(),
            needs: capability::all_needs(&plugin.imports).iter().map(ToString::to_string).collect(),
            size: plugin.size,
            created_by: plugin.created_by.to_string(),
            created_at: plugin.created_at.to_string(),
        }
    }
}
