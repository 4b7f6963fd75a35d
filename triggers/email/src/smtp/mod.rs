//! The SMTP server (RFC 5321) with PIPELINING (2920), SIZE (1870), 8BITMIME (6152), CHUNKING and BINARYMIME (3030), SMTPUTF8 (6531), STARTTLS (3207) and
//! ENHANCEDSTATUSCODES (2034), and LMTP (2033). What must hold: only CRLF.CRLF ends data; nothing that came before a TLS handshake counts after it; whatever a client sends
//! or leaves out, memory, connections and time are bounded.

pub mod budget;
pub mod command;
pub mod data;
pub mod fuzz;
mod limits;
mod listener;
pub mod path;
mod receive;
mod reply;
mod session;
mod stream;
mod transaction;
mod wire;

pub use limits::Limits;
pub use listener::{ListenError, Listener, Settings};
pub use reply::Reply;
