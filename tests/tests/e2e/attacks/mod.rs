//! The attack list of the design's identity page: each line passes only if it is refused *and* stands on the record as denied. What is
//! attacked below the API stands in the storage's contract suite; log-in and members in the files of their own.

mod delegation;
mod keys;
mod service_accounts;
mod tenancy;
