//! `cargo xtask mail`: installs what mail is tested with: swaks, msmtp, Postfix with its load generator, Python. What must hold: what is there is taken; only root on a Debian
//! system installs something; Postfix's own service is not left running by it.

use anyhow::{Context as _, bail};

use crate::command::{self, Interrupt, is_there};

/// What has to be there, how it is asked, and the Debian packages that it is in.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("swaks", &["--version"]),
    ("perl", &["-MNet::SSLeay", "-e", "1"]),
    ("msmtp", &["--version"]),
    ("/usr/sbin/postconf", &["mail_version"]),
    ("python3", &["-c", "import smtplib, ssl"]),
];
const PACKAGES: [&str; 5] = ["swaks", "libnet-ssleay-perl", "msmtp", "postfix", "python3"];

/// Installs them, unless they are there.
pub fn install(interrupt: &Interrupt) -> anyhow::Result<()> {
    let missing = || PROGRAMS.into_iter().find(|(program, asked)| !is_there(program, asked));
    let Some((program, _)) = missing() else { return Ok(()) };
    if !command::install(interrupt, &PACKAGES).context("cannot install mail programs")? {
        bail!("{program} is missing: the tests of e-mail need {}", PACKAGES.join(", "));
    }
    match missing() {
        Some((program, _)) => bail!("installed {}, and yet {program} cannot be run", PACKAGES.join(", ")),
        None => Ok(()),
    }
}
