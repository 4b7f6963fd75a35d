//! Settings that stand in the server's configuration: what holds, where it was set, and what to write to change it. What must hold: nothing is changed here, and
//! no secret is shown.

use std::sync::Arc;

use askama::Template;
use factotum_model::Action;
use http::StatusCode;

use super::frame::{Entry, Frame, Section};
use super::page::page;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::config::Setting;
use crate::oidc::CALLBACK;
use crate::operations::{Services, settings};

/// Settings → Single sign-on.
pub const SSO: Pages = Pages { routes: sso_routes, menu: Some(entry("/settings/sso", "Single sign-on")) };
/// Settings → Mail.
pub const MAIL: Pages = Pages { routes: mail_routes, menu: Some(entry("/settings/mail", "Mail")) };
/// Settings → Retention.
pub const RETENTION: Pages =
    Pages { routes: retention_routes, menu: Some(entry("/settings/retention", "Retention")) };
/// Settings → Egress.
pub const EGRESS: Pages = Pages { routes: egress_routes, menu: Some(entry("/settings/egress", "Egress")) };

const fn entry(path: &'static str, label: &'static str) -> Entry {
    Entry { path, label, section: Section::Settings, needs: Some(Action::SETTINGS_READ) }
}

const fn endpoint(path: &'static str, id: &'static str, summary: &'static str) -> Endpoint {
    Endpoint::get(path, id, summary)
}

fn sso_routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let endpoint = endpoint("/settings/sso", "page.settings.sso", "Single sign-on");
    routes.add(endpoint.grant(Action::SETTINGS_READ), sso)
}

fn mail_routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let endpoint = endpoint("/settings/mail", "page.settings.mail", "Mail");
    routes.add(endpoint.grant(Action::SETTINGS_READ), mail)
}

fn retention_routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let endpoint = endpoint("/settings/retention", "page.settings.retention", "Retention");
    routes.add(endpoint.grant(Action::SETTINGS_READ), retention)
}

fn egress_routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let endpoint = endpoint("/settings/egress", "page.settings.egress", "Egress");
    routes.add(endpoint.grant(Action::SETTINGS_READ), egress)
}

/// What one of these pages says.
struct Words {
    title: &'static str,
    here: &'static str,
    /// The settings whose names begin so.
    beginnings: &'static [&'static str],
    /// What they are about.
    about: &'static str,
    /// What to write.
    example: &'static str,
}

#[derive(Template)]
#[template(path = "settings/page.html")]
struct SettingsPage {
    frame: Frame,
    about: &'static str,
    /// How it is at the moment.
    state: String,
    settings: Vec<Setting>,
    example: &'static str,
}

/// The page; `state` says how it is, from what is set.
async fn shown(
    services: &Services,
    viewer: &Viewer,
    words: Words,
    state: impl Fn(&[Setting]) -> String,
) -> Shown {
    let found = settings::read(services, &viewer.caller, words.beginnings).await?;
    let found: Vec<Setting> = found.into_iter().cloned().collect();
    let shown = SettingsPage {
        frame: viewer.frame(words.title, words.here),
        about: words.about,
        state: state(&found),
        settings: found,
        example: words.example,
    };
    Ok(page(StatusCode::OK, &shown))
}

/// A setting's value without its quotes, if it has one.
fn value<'a>(settings: &'a [Setting], name: &str) -> Option<&'a str> {
    let found = settings.iter().find(|setting| setting.name == name)?;
    found.value.as_deref().map(|value| value.trim_matches('"'))
}

async fn sso(services: State, viewer: Viewer) -> Shown {
    let callback = format!("{}{CALLBACK}", services.public_url);
    let words = Words {
        title: "Single sign-on",
        here: "/settings/sso",
        beginnings: &["oidc."],
        about: "People may log in at an identity provider, by OpenID Connect. Who logs in there is known by the provider's own id, never by an e-mail address alone.",
        example: "[oidc]\nissuer = \"https://id.example.com\"\nclient_id = \"factotum\"\nclient_secret_file = \"/etc/factotum/oidc-secret\"\n# Whose addresses may join by logging in, and as what.\nallowed_domains = [\"example.com\"]\ndefault_role = \"Viewer\"",
    };
    shown(&services, &viewer, words, |settings| match value(settings, "oidc.issuer") {
        None => format!("It is off: people log in with their password. When you set it up, register {callback} as redirect URI at the provider."),
        Some(issuer) => format!("It is on: people may log in at {issuer}. The redirect URI registered there must be {callback}."),
    })
    .await
}

async fn mail(services: State, viewer: Viewer) -> Shown {
    let words = Words {
        title: "Mail",
        here: "/settings/mail",
        beginnings: &["mail.", "mail_domain", "smtp_listen", "smtp."],
        about: "Letters to people: invitations, links to reset a password, notices that workflows fail; and the server that takes mail for triggers.",
        example: "[mail]\nrelay = \"smtps://user:password@mail.example.com\"\nfrom = \"Factotum <factotum@example.com>\"",
    };
    shown(&services, &viewer, words, |settings| match value(settings, "mail.relay") {
        None | Some("off") => {
            "No letter is sent: whoever invites somebody is shown the link, and hands it over.".to_owned()
        }
        Some("stdout") => "Letters go to the server's terminal: for development.".to_owned(),
        Some(relay) => format!("Letters go through {relay}."),
    })
    .await
}

async fn retention(services: State, viewer: Viewer) -> Shown {
    let words = Words {
        title: "Retention",
        here: "/settings/retention",
        beginnings: &["retention."],
        about: "How long records are kept. The audit trail loses only a beginning that is sealed and signed; that it did, and up to where, stays on the record.",
        example: "[retention]\n# 0: for ever; else 30 days or more.\naudit_days = 730",
    };
    shown(&services, &viewer, words, |settings| match value(settings, "retention.audit_days") {
        None | Some("0") => "The audit trail is kept for ever.".to_owned(),
        Some(days) => format!("Entries of the audit trail are removed once they are {days} days old."),
    })
    .await
}

async fn egress(services: State, viewer: Viewer) -> Shown {
    let words = Words {
        title: "Egress",
        here: "/settings/egress",
        beginnings: &["egress.", "proxy."],
        about: "Where workflows may send requests. The public internet is open to those that hold http:request for the host; private, loopback and link-local addresses are closed to all, unless they are listed here.",
        example: "[egress]\n# Hosts, with a port or without, addresses, networks.\nallow = [\"db.internal\", \"10.1.0.0/16\"]",
    };
    shown(&services, &viewer, words, |settings| match value(settings, "egress.allow") {
        None | Some("[]") => "Nothing beyond the public internet is open.".to_owned(),
        Some(open) => {
            format!("Open beside the public internet: {}.", open.trim_matches(['[', ']']).replace('"', ""))
        }
    })
    .await
}
