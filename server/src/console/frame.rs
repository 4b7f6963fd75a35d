//! What stands around every page: its title, the menu, and who is logged in where.

use factotum_model::Action;

use super::assets;

/// The frame of a page.
#[derive(Debug)]
pub struct Frame {
    /// The page's title.
    pub title: String,
    /// The entry of the menu that the page belongs to, by its path.
    pub here: &'static str,
    /// Who is logged in.
    pub member: Option<Member>,
    /// The entries of the menus that are offered.
    pub menu: Vec<&'static Entry>,
}

/// Who is logged in.
#[derive(Debug)]
pub struct Member {
    /// Their name in this organization.
    pub name: String,
    /// The organization's name.
    pub org: String,
    /// The other organizations they could go over to, by id and name.
    pub others: Vec<(String, String)>,
}

/// An entry of the menu.
#[derive(Debug)]
pub struct Entry {
    /// Where it leads.
    pub path: &'static str,
    /// What it says.
    pub label: &'static str,
    /// Which menu it stands in.
    pub section: Section,
    /// Without this nobody gets further than a refusal: it is not offered.
    pub needs: Option<Action>,
}

/// Which menu an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The one above every page.
    Main,
    /// The one of the settings.
    Settings,
}

impl Frame {
    /// The frame of a page that needs no log-in.
    pub fn bare(title: impl Into<String>) -> Self {
        Self { title: title.into(), here: "", member: None, menu: Vec::new() }
    }

    /// The entries of the menu above every page that are offered.
    pub fn main(&self) -> impl Iterator<Item = &&'static Entry> {
        self.menu.iter().filter(|entry| entry.section == Section::Main)
    }

    /// Those of the settings.
    pub fn settings(&self) -> impl Iterator<Item = &&'static Entry> {
        self.menu.iter().filter(|entry| entry.section == Section::Settings)
    }

    /// Whether the page is one of the settings.
    pub fn in_settings(&self) -> bool {
        self.settings().any(|entry| entry.path == self.here)
    }

    /// Where htmx is.
    pub fn htmx(&self) -> String {
        assets::path("htmx.js")
    }

    /// Where the style sheet is.
    pub fn style(&self) -> String {
        assets::path("console.css")
    }

    /// Where the script is.
    pub fn script(&self) -> String {
        assets::path("console.js")
    }

    /// Where the icon is.
    pub fn icon(&self) -> String {
        assets::path("icon.svg")
    }
}
