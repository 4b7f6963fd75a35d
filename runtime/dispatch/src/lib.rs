//! Factotum's dispatcher: claim, run, finish, retry, recover, retain
