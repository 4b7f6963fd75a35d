//! Example: a webhook order intake
