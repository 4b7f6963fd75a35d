//! Factotum's schedule trigger: when a workflow is due, exactly once
