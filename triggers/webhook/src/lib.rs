//! Factotum's webhook trigger: verifies a delivery and turns it into an event
