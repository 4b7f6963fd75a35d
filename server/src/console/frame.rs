//! What stands around every page: its title, the menu, and who is logged in where.

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
pub struct Entry {
    /// Where it leads.
    pub path: &'static str,
    /// What it says.
    pub label: &'static str,
}

/// The menu, in its order.
const MENU: [Entry; 3] = [
    Entry { path: "/", label: "Overview" },
    Entry { path: "/settings/members", label: "Members" },
    Entry { path: "/settings/api-keys", label: "API keys" },
];

impl Frame {
    /// The frame of a page that needs no log-in.
    pub fn bare(title: impl Into<String>) -> Self {
        Self { title: title.into(), here: "", member: None }
    }

    /// The menu.
    pub fn menu(&self) -> &'static [Entry] {
        &MENU
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
