//! Where guests may connect to.

/// Where guests may connect to beside the public internet: `[egress] allow`, each entry a host, `host:port`, IP address
/// or CIDR block.
#[derive(Debug, Clone, Default)]
pub struct EgressPolicy {
    allow: Vec<String>,
}

/// An entry of `[egress] allow` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`egress.allow`: `{entry}` is no host, `host:port`, IP address or CIDR block ({reason})")]
pub struct EgressPolicyError {
    /// The entry.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

impl EgressPolicy {
    /// Reads `[egress] allow`.
    pub fn parse<S: AsRef<str>>(allow: &[S]) -> Result<Self, EgressPolicyError> {
        Ok(Self { allow: allow.iter().map(|s| s.as_ref().to_owned()).collect() })
    }
}
