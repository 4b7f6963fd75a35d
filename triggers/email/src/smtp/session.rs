//! A session: commands in their order (RFC 5321 §4.1.4). What must hold: each command has one answer, in order; nothing is taken before a greeting, or outside TLS where
//! it is required; a client that errs or idles too long is told goodbye.

use std::net::IpAddr;
use std::time::Duration;

use factotum_model::RequestId;
use factotum_storage::accept::Origin;

use super::command::{self, Command, Greeting, Mail};
use super::limits::MAX_IDLE_COMMANDS;
use super::listener::Shared;
use super::reply::Reply;
use super::transaction::Transaction;
use super::wire::{Broken, Line, Wire};
use crate::refusal::Refusal;

/// How long a client that errs waits for its answer, after the first error.
const FAULT_PAUSE: Duration = Duration::from_millis(50);

/// What a client said of itself.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    pub(super) greeting: Greeting,
    pub(super) name: String,
}

/// What follows an answer.
pub(super) enum Next {
    /// The next command.
    Go,
    /// A handshake.
    Secure,
    /// The end.
    Close,
}

/// A session.
pub(crate) struct Session<'s> {
    pub(super) shared: &'s Shared,
    pub(super) peer: IpAddr,
    pub(super) request: RequestId,
    pub(super) hello: Option<Hello>,
    pub(super) secure: bool,
    pub(super) transaction: Option<Box<Transaction>>,
    /// Commands that were refused.
    faults: u32,
    /// Commands since the last that did something for a message.
    pub(super) idle: u32,
}

impl<'s> Session<'s> {
    pub(crate) fn new(shared: &'s Shared, peer: IpAddr) -> Self {
        Self {
            shared,
            peer: peer.to_canonical(),
            request: RequestId::random(),
            hello: None,
            secure: false,
            transaction: None,
            faults: 0,
            idle: 0,
        }
    }

    /// From the greeting to the end.
    pub(crate) async fn run(mut self, mut wire: Wire) {
        let greeting = format!("{} ESMTP Factotum", self.shared.settings.hostname);
        wire.say(&Reply::plain(220, vec![greeting]));
        loop {
            match self.serve(&mut wire).await {
                Ok(Next::Go) => {}
                Ok(Next::Close) => return wire.close().await,
                Ok(Next::Secure) => {
                    let Some(acceptor) = &self.shared.settings.tls else { return };
                    if wire.flush().await.is_err() {
                        return;
                    }
                    let Ok(secured) = wire.secure(acceptor).await else {
                        return self.shared.observer.refused("handshake");
                    };
                    wire = secured;
                    // What the client said before it may be somebody else's words (RFC 3207 §4.2).
                    (self.secure, self.hello, self.transaction) = (true, None, None);
                }
                Err(Broken::Gone) => return,
                Err(Broken::Slow) => {
                    self.shared.observer.refused("timeout");
                    wire.say(&Reply::new(421, "4.4.2", "it took too long; goodbye"));
                    return wire.close().await;
                }
                Err(Broken::Stopping) => {
                    wire.say(&Reply::new(421, "4.3.2", "the server stops; come again in a moment"));
                    return wire.close().await;
                }
            }
        }
    }

    /// Commands, up to one that something else follows.
    async fn serve(&mut self, wire: &mut Wire) -> Result<Next, Broken> {
        let line = wire.line(self.shared.settings.limits.command, &self.shared.stop).await?;
        let command = match line {
            Line::Text(text) => command::parse(&text),
            Line::TooLong => {
                return self
                    .answer(wire, &Reply::new(500, "5.5.2", "the line is too long"), "line_too_long")
                    .await;
            }
            Line::Malformed => {
                wire.say(&Reply::new(500, "5.5.2", "a line ends with CR LF, both; goodbye"));
                self.shared.observer.refused("bare_line_end");
                return Ok(Next::Close);
            }
        };
        let command = match command {
            Ok(command) => command,
            Err(error) => return self.answer(wire, &error.reply(), "command").await,
        };
        self.idle += 1;
        let reply = match command {
            Command::Hello(greeting, name) => self.hello(greeting, name),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(to) => return self.rcpt(wire, to).await,
            // Apart, so that a connection that waits needs little memory.
            Command::Data => return Box::pin(self.data(wire)).await,
            Command::Bdat { bytes, last } => return Box::pin(self.bdat(wire, bytes, last)).await,
            Command::Rset => {
                self.transaction = None;
                Reply::new(250, "2.0.0", "reset")
            }
            Command::Noop => Reply::new(250, "2.0.0", "fine"),
            Command::Vrfy => Reply::new(252, "2.5.0", "whether an address takes mail is said at RCPT"),
            Command::Help => Reply::new(214, "2.0.0", "EHLO STARTTLS MAIL RCPT DATA BDAT RSET NOOP QUIT"),
            Command::StartTls => match self.start_tls() {
                Ok(reply) => {
                    wire.say(&reply);
                    return Ok(Next::Secure);
                }
                Err(reply) => reply,
            },
            Command::Quit => {
                wire.say(&Reply::new(221, "2.0.0", "goodbye"));
                return Ok(Next::Close);
            }
        };
        self.answer(wire, &reply, "sequence").await
    }

    /// Says it, and counts it if it refuses; too many of those end the session.
    pub(super) async fn answer(
        &mut self,
        wire: &mut Wire,
        reply: &Reply,
        reason: &'static str,
    ) -> Result<Next, Broken> {
        wire.say(reply);
        if reply.is_refusal() {
            self.shared.observer.refused(reason);
        }
        // What may be tried again is no fault.
        if reply.code() >= 500 {
            self.faults += 1;
            if self.faults > 1 {
                wire.flush().await?;
                tokio::time::sleep(FAULT_PAUSE).await;
            }
        }
        let idle = self.idle > MAX_IDLE_COMMANDS;
        if self.faults >= self.shared.settings.limits.faults || idle {
            wire.say(&Reply::new(421, "4.7.0", "too many commands were refused or did nothing; goodbye"));
            self.shared.observer.refused("faults");
            return Ok(Next::Close);
        }
        Ok(Next::Go)
    }

    fn hello(&mut self, greeting: Greeting, name: String) -> Reply {
        self.transaction = None;
        self.hello = Some(Hello { greeting, name });
        let settings = &self.shared.settings;
        let mut lines = vec![settings.hostname.clone()];
        if greeting != Greeting::Helo {
            lines.push("PIPELINING".to_owned());
            lines.push(format!("SIZE {}", settings.limits.message_bytes));
            lines.extend(["8BITMIME", "BINARYMIME", "SMTPUTF8", "CHUNKING"].map(str::to_owned));
            if settings.tls.is_some() && !self.secure {
                lines.push("STARTTLS".to_owned());
            }
            lines.push("ENHANCEDSTATUSCODES".to_owned());
        }
        Reply::plain(250, lines)
    }

    fn start_tls(&self) -> Result<Reply, Reply> {
        if self.shared.settings.tls.is_none() {
            return Err(Reply::new(502, "5.5.1", "TLS is not set up on this server"));
        }
        if self.secure {
            return Err(Reply::new(503, "5.5.1", "TLS is on already"));
        }
        Ok(Reply::new(220, "2.0.0", "begin the handshake"))
    }

    fn mail(&mut self, mail: Mail) -> Reply {
        let settings = &self.shared.settings;
        if settings.require_tls && !self.secure {
            return Reply::new(530, "5.7.0", "say STARTTLS first");
        }
        if self.hello.is_none() {
            return Reply::new(503, "5.5.1", "say EHLO first");
        }
        if self.transaction.is_some() {
            return Reply::new(503, "5.5.1", "a message has begun already; RSET ends it");
        }
        let most = settings.limits.message_bytes;
        if mail.size.is_some_and(|size| size > most) {
            return Reply::new(552, "5.3.4", format!("a message has at most {most} bytes here"));
        }
        self.transaction = Some(Box::new(Transaction::begin(mail, most, &self.shared.budget)));
        self.request = RequestId::random();
        self.idle = 0;
        Reply::new(250, "2.1.0", "from whom is noted")
    }

    async fn rcpt(&mut self, wire: &mut Wire, to: String) -> Result<Next, Broken> {
        let origin = self.origin();
        let Some(transaction) = &mut self.transaction else {
            return self.answer(wire, &Reply::new(503, "5.5.1", "say MAIL first"), "sequence").await;
        };
        if transaction.chunked {
            return self
                .answer(wire, &Reply::new(503, "5.5.1", "the message has begun already"), "sequence")
                .await;
        }
        if !to.is_ascii() && !transaction.mail.utf8 {
            let reply = Reply::new(553, "5.6.7", "an address that is not ASCII needs the parameter SMTPUTF8");
            return self.answer(wire, &reply, "command").await;
        }
        let limit = self.shared.settings.limits.recipients;
        let found = self.shared.mailboxes.find(&to, transaction.mail.size, &origin).await;
        match found.and_then(|recipient| transaction.add(recipient, limit)) {
            Ok(()) => {
                self.idle = 0;
                wire.say(&Reply::new(250, "2.1.5", "to whom is noted"));
                Ok(Next::Go)
            }
            // These are no fault of the client's.
            Err(refusal @ (Refusal::OtherPolicy | Refusal::TooManyRecipients(_))) => {
                self.shared.observer.refused(refusal.row().2);
                wire.say(&refusal.reply());
                Ok(Next::Go)
            }
            Err(refusal) => self.answer(wire, &refusal.reply(), refusal.row().2).await,
        }
    }

    /// Where its messages come from, for the audit trail.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            ip: Some(self.peer),
            user_agent: self.hello.as_ref().map(|hello| hello.name.clone()),
            request_id: Some(self.request),
        }
    }
}
