//! `send = "checkpoints"`: where the newest checkpoint goes, and how often. What must hold: it is kept where whoever owns the database cannot change it, so
//! each target is a place of its own.

use std::path::PathBuf;
use std::time::Duration;

use super::{CheckpointTarget, Sends, Table, WEBHOOK_KEYS};
use crate::config::ConfigError;
use crate::mail::check_address;

/// How long a stream waits after a checkpoint before it sends the next, in seconds.
pub const EVERY: &str = "every_s";
const DEFAULT_EVERY: Duration = Duration::from_hours(1);
const MAX_EVERY: Duration = Duration::from_hours(24 * 30);

impl Table<'_> {
    pub(super) fn checkpoints(&self) -> Result<Sends, ConfigError> {
        let kind = self.needed("kind", "`file`, `webhook` or `email`")?;
        let (target, own): (_, &[&str]) = match kind {
            "file" => (CheckpointTarget::Folder(self.folder()?), &[]),
            "webhook" => (CheckpointTarget::Webhook(self.webhook()?), WEBHOOK_KEYS),
            "email" => (CheckpointTarget::Email(self.address()?), &[]),
            _ => {
                return Err(
                    self.wrong("kind", "write `file`, `webhook` or `email`: a checkpoint is no log line")
                );
            }
        };
        self.only(&format!("a {kind} stream of checkpoints"), &[own, &[EVERY]].concat())?;
        let every = self.text(EVERY).map(|text| text.parse().map(Duration::from_secs)).transpose();
        let every = every.ok().map(|set| set.unwrap_or(DEFAULT_EVERY));
        let every = every.filter(|every| (Duration::from_secs(1)..=MAX_EVERY).contains(every));
        let every = every.ok_or_else(|| {
            self.wrong(EVERY, &format!("write a number of seconds from 1 to {}", MAX_EVERY.as_secs()))
        })?;
        Ok(Sends::Checkpoints { target, every })
    }

    fn folder(&self) -> Result<PathBuf, ConfigError> {
        let path = PathBuf::from(self.needed("target", "an absolute path, `/mnt/elsewhere/checkpoints`")?);
        let reason = "write the absolute path of a folder, `/mnt/elsewhere/checkpoints`: each checkpoint becomes a file in it";
        if path.is_absolute() { Ok(path) } else { Err(self.wrong("target", reason)) }
    }

    fn address(&self) -> Result<String, ConfigError> {
        let address = self.needed("target", "an address, `auditor@example.com`")?;
        if !self.has_relay {
            return Err(self.wrong("kind", "no mail is sent: `mail.relay` is off; set it as well"));
        }
        check_address(address).map_err(|e| self.wrong("target", &e.to_string()))?;
        Ok(address.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;
    use super::*;

    fn table(kind: &str, target: &str, more: &str) -> String {
        format!(
            "[[audit.stream]]\nname = \"witness\"\nsend = \"checkpoints\"\nkind = \"{kind}\"\ntarget = \"{target}\"\n{more}"
        )
    }

    #[test]
    fn each_kind_is_read() {
        let secret = "secret = \"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\"\n";
        let hour = Duration::from_hours(1);
        let sent = |text: &str| match load(text).unwrap().remove(0).sends {
            Sends::Checkpoints { target, every } => (target, every),
            Sends::Entries { .. } => panic!("{text}"),
        };
        let folder = sent(&table("file", "/mnt/worm", "every_s = 60\n"));
        assert_eq!(folder, (CheckpointTarget::Folder("/mnt/worm".into()), Duration::from_mins(1)));
        let email =
            sent(&format!("[mail]\nrelay = \"stdout\"\n{}", table("email", "auditor@example.com", "")));
        assert_eq!(email, (CheckpointTarget::Email("auditor@example.com".into()), hour));
        let (hook, _) = sent(&table("webhook", "https://witness.example.com/in", secret));
        assert!(
            matches!(hook, CheckpointTarget::Webhook(hook) if hook.url == "https://witness.example.com/in")
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, word) in [
            (table("syslog", "logs.example.com", ""), 4, "no log line"),
            (table("file", "worm", ""), 5, "absolute"),
            (table("email", "auditor@example.com", ""), 4, "`mail.relay`"),
            (table("email", "auditor", "[mail]\nrelay = \"stdout\"\n"), 5, "`target`"),
            (table("email", "a@example.com, b@example.com", "[mail]\nrelay = \"stdout\"\n"), 5, "`target`"),
            (table("webhook", "https://witness.example.com", ""), 1, "`secret`"),
            (table("file", "/mnt/worm", "format = \"ocsf\"\n"), 6, "of checkpoints"),
            (table("file", "/mnt/worm", "every_s = 0\n"), 6, "from 1"),
            (table("file", "/mnt/worm", "every_s = \"1h\"\n"), 6, "seconds"),
        ] {
            let error = load(&text).unwrap_err();
            assert!(error.contains(&format!(":{line}")) && error.contains(word), "{text}: {error}");
        }
    }
}
