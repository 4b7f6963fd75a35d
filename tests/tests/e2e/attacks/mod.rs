//! The attack list of the design's identity page: each line passes only if it is refused *and* stands on the record as denied. What is
//! attacked below the API stands in the storage's contract suite; log-in, its cookies and CSRF in `log_in.rs`, a provider that lies in
//! `oidc_attacks.rs`, revocation across nodes in `key_cache.rs`, hostile guests in `limits.rs`.

mod calls;
mod delegation;
mod keys;
mod people;
mod service_accounts;
mod tenancy;
