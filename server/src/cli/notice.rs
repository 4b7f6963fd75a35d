//! `factotum notice`: who is told that workflows fail and that they work again, how often, and what was sent. What must hold: a webhook's URL may hold a secret, so it comes
//! on stdin.

use http::Method;
use serde_json::{Value, json};

use super::exit::CommandError;
use super::input;
use super::output::{Column, Output};
use super::remote::{Remote, segment};

const NOTICES: &[Column] = &[
    ("MADE", "/created_at"),
    ("STATE", "/state"),
    ("FAILING", "/failing"),
    ("RECOVERED", "/recovered"),
    ("TO", "/recipient"),
    ("REASON", "/reason"),
];
const RECIPIENTS: &[Column] = &[("ID", "/id"), ("KIND", "/kind"), ("TO", "/to"), ("ADDED", "/created_at")];

/// What to do with notices.
#[derive(Debug, clap::Subcommand)]
pub enum NoticeCommand {
    /// List what was sent, and what waits
    List {
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show when notices go out
    Settings,
    /// Change when notices go out; what is left out stays
    Set {
        /// Whether the Admins are told by mail
        #[arg(long)]
        admins: Option<bool>,
        /// How many runs of a workflow fail in a row before it counts as failing
        #[arg(long, value_name = "RUNS")]
        after_failures: Option<u32>,
        /// How many seconds what happens is gathered into one message
        #[arg(long, value_name = "SECONDS")]
        gather: Option<u32>,
        /// How many seconds lie between two notices that the same workflow fails anew
        #[arg(long, value_name = "SECONDS")]
        interval: Option<u32>,
        /// After how many hours one is reminded of a workflow that goes on failing; 0 for never
        #[arg(long, value_name = "HOURS")]
        reminder: Option<u32>,
    },
    /// List who is told, beside the Admins
    Recipients,
    /// Tell one more: a mail address, or a webhook whose URL comes on stdin
    Add {
        /// The address
        #[arg(long, value_name = "ADDRESS", required_unless_present = "webhook")]
        mail: Option<String>,
        /// Take the URL of a webhook from stdin, and print its secret
        #[arg(long, conflicts_with = "mail")]
        webhook: bool,
    },
    /// Tell one no more
    Remove {
        /// The recipient's id
        id: String,
    },
    /// Send a recipient a message, once, to see whether it arrives
    Test {
        /// The recipient's id
        id: String,
    },
    /// Show whether a workflow is failing, and its own settings
    Workflow {
        /// Its name
        name: String,
    },
    /// Tell nobody of a workflow
    Mute {
        /// Its name
        name: String,
    },
    /// Tell of a workflow again
    Unmute {
        /// Its name
        name: String,
    },
}

/// Does it.
pub async fn run(command: NoticeCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let recipient = |id: &str| format!("/notices/recipients/{}", segment(id));
    let of_workflow = |name: &str| format!("/workflows/{}/notices", segment(name));
    match command {
        NoticeCommand::List { limit } => output.list(&remote.list("/notices", &[], limit).await?, NOTICES),
        NoticeCommand::Settings => output.thing(&remote.get("/notices/settings").await?),
        NoticeCommand::Set { admins, after_failures, gather, interval, reminder } => {
            let all = [
                ("admins", admins.map(Value::from)),
                ("after_failures", after_failures.map(Value::from)),
                ("gather_s", gather.map(Value::from)),
                ("interval_s", interval.map(Value::from)),
                ("reminder_h", reminder.map(Value::from)),
            ];
            let named = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            let change = Value::Object(named.collect());
            output.thing(&remote.json(Method::PATCH, "/notices/settings", Some(&change)).await?)
        }
        NoticeCommand::Recipients => output.list(&remote.get("/notices/recipients").await?, RECIPIENTS),
        NoticeCommand::Add { mail, .. } => {
            let new = match mail {
                Some(address) => json!({"kind": "mail", "address": address}),
                None => json!({"kind": "webhook", "url": input::stdin()?.trim()}),
            };
            output.thing(&remote.json(Method::POST, "/notices/recipients", Some(&new)).await?)
        }
        NoticeCommand::Remove { id } => {
            remote.json(Method::DELETE, &recipient(&id), None).await?;
            output.thing(&json!({"removed": id}))
        }
        NoticeCommand::Test { id } => {
            output.thing(&remote.json(Method::POST, &format!("{}/test", recipient(&id)), None).await?)
        }
        NoticeCommand::Workflow { name } => output.thing(&remote.get(&of_workflow(&name)).await?),
        NoticeCommand::Mute { name } => mute(remote, &of_workflow(&name), true, output).await,
        NoticeCommand::Unmute { name } => mute(remote, &of_workflow(&name), false, output).await,
    }
}

/// Mutes or not, and leaves the workflow's own number of failures.
async fn mute(remote: &Remote, path: &str, muted: bool, output: Output) -> Result<(), CommandError> {
    let now = remote.get(path).await?;
    let change = json!({"muted": muted, "after_failures": now["after_failures"]});
    output.thing(&remote.json(Method::PUT, path, Some(&change)).await?)
}
