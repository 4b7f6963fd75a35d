//! `factotum key`: make, revoke and report on API keys.

use http::Method;
use serde_json::json;

use super::exit::CommandError;
use super::output::{Column, Output};
use super::remote::{Remote, segment};

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("NICKNAME", "/nickname"),
    ("PREFIX", "/prefix"),
    ("GRANTS", "/grants"),
    ("LAST USED", "/last_used_at"),
    ("EXPIRES", "/expires_at"),
    ("MADE BY", "/created_by/name"),
    ("LEFT", "/created_by/left"),
];

/// What to do with API keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeyCommand {
    /// Make a key; its secret is shown once
    Create {
        /// The name of its service account
        nickname: String,
        /// What it may do, such as workflows:run:echo; may be repeated
        #[arg(long = "grant", required_unless_present = "workflows", value_name = "GRANT")]
        grants: Vec<String>,
        /// A workflow that it is to run, with every grant that the workflow declares; may be repeated
        #[arg(long = "for-workflow", value_name = "NAME")]
        workflows: Vec<String>,
        /// When it ends, such as 2027-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// From which networks it may be used, such as 10.0.0.0/8; may be repeated
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<String>,
    },
    /// List keys
    List {
        /// Only those not used since this time
        #[arg(long, value_name = "TIME")]
        unused_since: Option<String>,
        /// Only those whose maker is gone
        #[arg(long)]
        creator_left: bool,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Replace a key by a new one of the same nickname; both work for the overlap
    Rotate {
        /// Its id
        id: String,
        /// How long the old key goes on working, in seconds
        #[arg(long, default_value_t = 0)]
        overlap_s: u64,
        /// What the new key may do; as the old one unless given
        #[arg(long = "grant", value_name = "GRANT")]
        grants: Vec<String>,
    },
    /// Show all that a key did, from where and since when; also of a key that was revoked
    Report {
        /// Its id
        id: String,
    },
    /// Revoke a key at once: its runs stop
    Revoke {
        /// Its id
        id: String,
    },
}

/// Does it.
pub async fn run(command: KeyCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    match command {
        KeyCommand::Create { nickname, mut grants, workflows, expires_at, networks } => {
            for name in &workflows {
                bundle(remote, name, &mut grants).await?;
            }
            let mut key = json!({"nickname": nickname, "grants": grants});
            if let Some(at) = expires_at {
                key["expires_at"] = at.into();
            }
            if !networks.is_empty() {
                key["allowed_networks"] = networks.into();
            }
            output.thing(&remote.json(Method::POST, "/api-keys", Some(&key)).await?)
        }
        KeyCommand::List { unused_since, creator_left, limit } => {
            let left = creator_left.then_some("true");
            let filter = [("unused_since", unused_since.as_deref()), ("creator_left", left)];
            output.list(&remote.list("/api-keys", &filter, limit).await?, COLUMNS)
        }
        KeyCommand::Rotate { id, overlap_s, grants } => {
            let mut change = json!({"overlap_s": overlap_s});
            if !grants.is_empty() {
                change["grants"] = grants.into();
            }
            let path = format!("/api-keys/{}/rotate", segment(&id));
            output.thing(&remote.json(Method::POST, &path, Some(&change)).await?)
        }
        KeyCommand::Report { id } => {
            let path = format!("/api-keys/{}/report", segment(&id));
            super::key_report::show(&remote.get(&path).await?, output)
        }
        KeyCommand::Revoke { id } => {
            remote.json(Method::DELETE, &format!("/api-keys/{}", segment(&id)), None).await?;
            output.thing(&json!({"revoked": id}))
        }
    }
}

/// Adds what a key needs so that this workflow does its work when the key starts it: else the run lacks what its account lacks.
async fn bundle(remote: &Remote, name: &str, grants: &mut Vec<String>) -> Result<(), CommandError> {
    let workflow = remote.json(Method::GET, &format!("/workflows/{}", segment(name)), None).await?;
    let declared = workflow["grants"].as_array().into_iter().flatten();
    let declared = declared.filter_map(|grant| grant.as_str().map(ToOwned::to_owned));
    for grant in std::iter::once(format!("workflows:run:{name}")).chain(declared) {
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    Ok(())
}
