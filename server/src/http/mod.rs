//! The HTTP server below the routes: sockets, TLS, connections. What must hold: connections are bounded, slow ones are closed, and a stop
//! lets what is going on come to its end, within a bound.

pub mod certificate;
pub mod listener;
pub mod tls;

pub use certificate::ClientCertificate;
pub use listener::{Listener, ServeError};
