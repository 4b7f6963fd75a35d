//! `factotum member`: see who is in the organization, invite people, give them roles, remove them.

use http::Method;
use serde_json::{Value, json};

use super::exit::CommandError;
use super::output::{Column, Output};
use super::remote::{Remote, segment};

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("KIND", "/kind"), ("NAME", "/name"), ("BADGE", "/badge"), ("ROLES", "/roles")];
const INVITATION_COLUMNS: &[Column] =
    &[("ID", "/id"), ("EMAIL", "/email"), ("ROLES", "/roles"), ("EXPIRES", "/expires_at")];
const ROLE_COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("BUILT IN", "/built_in"),
    ("MEMBERS", "/members"),
    ("GRANTS", "/grants"),
];

/// What to do with members.
#[derive(Debug, clap::Subcommand)]
pub enum MemberCommand {
    /// List members
    List {
        /// Show service members too
        #[arg(long)]
        service: bool,
        /// Show open invitations instead
        #[arg(long, conflicts_with = "service")]
        invited: bool,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Invite a person; the link to accept by is shown once, and mailed where the server sends mail
    Invite {
        /// Their e-mail address
        email: String,
        /// A role that they get, by name or id; may be repeated
        #[arg(long = "role", required = true, value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Remove a member, or withdraw an invitation
    Remove {
        /// The member's id, acc_…, or the invitation's, inv_…
        id: String,
    },
    /// Erase the name and addresses of a former member, in the audit trail too; what they did stays on the record
    Erase {
        /// The id of the account that was removed, acc_…
        id: String,
    },
    /// Set a member's roles; or list, make, change and delete roles
    #[command(subcommand)]
    Role(RoleCommand),
}

/// What to do with roles.
#[derive(Debug, clap::Subcommand)]
pub enum RoleCommand {
    /// Give a member these roles instead of those they have
    Set {
        /// The member's id
        id: String,
        /// The roles, by name or id; without any, the member may do nothing
        roles: Vec<String>,
    },
    /// List roles
    List {
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Make a role
    Create {
        /// Its name
        name: String,
        /// What it allows, such as workflows:read; may be repeated
        #[arg(long = "grant", required = true, value_name = "GRANT")]
        grants: Vec<String>,
    },
    /// Change a role for all who have it
    Change {
        /// Its id
        id: String,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// What it allows from now on; may be repeated
        #[arg(long = "grant", value_name = "GRANT")]
        grants: Vec<String>,
    },
    /// Delete a role that nobody has
    Delete {
        /// Its id
        id: String,
    },
}

/// Does it.
pub async fn run(command: MemberCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    match command {
        MemberCommand::List { invited: true, limit, .. } => {
            output.list(&remote.list("/members/invitations", &[], limit).await?, INVITATION_COLUMNS)
        }
        MemberCommand::List { service, limit, .. } => {
            let filter = [("service", service.then_some("true"))];
            output.list(&remote.list("/members", &filter, limit).await?, COLUMNS)
        }
        MemberCommand::Invite { email, roles } => {
            let new = json!({"email": email, "roles": roles});
            output.thing(&remote.json(Method::POST, "/members/invitations", Some(&new)).await?)
        }
        MemberCommand::Remove { id } => {
            let folder = if id.starts_with("inv_") { "/members/invitations" } else { "/members" };
            remote.json(Method::DELETE, &format!("{folder}/{}", segment(&id)), None).await?;
            output.thing(&json!({"removed": id}))
        }
        MemberCommand::Erase { id } => {
            let path = format!("/members/{}/erase", segment(&id));
            output.thing(&remote.json(Method::POST, &path, None).await?)
        }
        MemberCommand::Role(command) => role(command, remote, output).await,
    }
}

async fn role(command: RoleCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let path = |id: &str| format!("/roles/{}", segment(id));
    match command {
        RoleCommand::Set { id, roles } => {
            let change = json!({"roles": roles});
            let path = format!("/members/{}", segment(&id));
            output.thing(&remote.json(Method::PATCH, &path, Some(&change)).await?)
        }
        RoleCommand::List { limit } => output.list(&remote.list("/roles", &[], limit).await?, ROLE_COLUMNS),
        RoleCommand::Create { name, grants } => {
            let new = json!({"name": name, "grants": grants});
            output.thing(&remote.json(Method::POST, "/roles", Some(&new)).await?)
        }
        RoleCommand::Change { id, name, grants } => {
            let mut change = json!({});
            if let Some(name) = name {
                change["name"] = name.into();
            }
            if !grants.is_empty() {
                change["grants"] = Value::from(grants);
            }
            output.thing(&remote.json(Method::PATCH, &path(&id), Some(&change)).await?)
        }
        RoleCommand::Delete { id } => {
            remote.json(Method::DELETE, &path(&id), None).await?;
            output.thing(&json!({"deleted": id}))
        }
    }
}
