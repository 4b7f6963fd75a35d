//! Where a mail of the corpus is read otherwise than mail-parser reads it: mail, field, and why ours is taken.

pub const DIFFERENCES: &[(&str, &str, &str)] = &[];
