-- The audit trail as a transparency log: leaves, tree, checkpoints, signing keys. All of it is append-only, but for the private halves of
-- keys, which a rotation removes, and for the place up to which entries are sealed.

-- Entries get the number of their transaction: what is new is found by it, however late it commits.
ALTER TABLE audit_entries ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_pkey;
DROP INDEX audit_entries_of_org;
ALTER TABLE audit_entries ADD PRIMARY KEY (org_id, id);
CREATE INDEX audit_entries_by_xid ON audit_entries (xid);

-- Which entry is which leaf: from 0, without gaps.
CREATE TABLE audit_leaves (
    org_id UUID NOT NULL,
    leaf_index BIGINT NOT NULL CHECK (leaf_index >= 0),
    entry_id UUID NOT NULL,
    leaf_hash BYTEA NOT NULL CHECK (length(leaf_hash) = 32),
    PRIMARY KEY (org_id, leaf_index),
    UNIQUE (entry_id, org_id)
);

-- Complete subtrees of 256, 256², … leaves: what a proof needs beside a few leaves.
CREATE TABLE audit_nodes (
    org_id UUID NOT NULL,
    level BIGINT NOT NULL CHECK (level > 0),
    node_index BIGINT NOT NULL CHECK (node_index >= 0),
    hash BYTEA NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (org_id, level, node_index)
);

-- A log that was begun again after a restore, and why. The first epoch begins with the first leaf.
CREATE TABLE audit_epochs (
    org_id UUID NOT NULL,
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (org_id, epoch)
);

-- What was signed: one for each time that leaves were added, or the epoch or the key changed.
CREATE TABLE audit_checkpoints (
    org_id UUID NOT NULL,
    checkpoint_index BIGINT NOT NULL CHECK (checkpoint_index >= 0),
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    root BYTEA NOT NULL CHECK (length(root) = 32),
    at BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (org_id, checkpoint_index)
);
CREATE INDEX audit_checkpoints_by_size ON audit_checkpoints (org_id, size);

-- The public halves, in the order of their use; each but the first with the word of the one before it.
CREATE TABLE audit_signing_keys (
    org_id UUID NOT NULL,
    key_index BIGINT NOT NULL CHECK (key_index >= 0),
    public_key BYTEA NOT NULL CHECK (length(public_key) = 32),
    endorsement TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, key_index)
);

-- The private half of the newest, sealed by a data key.
CREATE TABLE audit_signing_secrets (
    org_id UUID NOT NULL PRIMARY KEY,
    key_index BIGINT NOT NULL,
    data_key_id UUID NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL
);

-- How far entries are sealed, in the terms of the database; `rounds` tells who came first.
CREATE TABLE audit_sealing (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    bound TEXT NOT NULL,
    rounds BIGINT NOT NULL
);
INSERT INTO audit_sealing (one, bound, rounds) VALUES (1, '1:1:', 0);

CREATE TRIGGER audit_leaves_guard_update BEFORE UPDATE ON audit_leaves
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_leaves_guard_delete BEFORE DELETE ON audit_leaves
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_leaves_guard_truncate BEFORE TRUNCATE ON audit_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_nodes_guard_update BEFORE UPDATE ON audit_nodes
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_nodes_guard_delete BEFORE DELETE ON audit_nodes
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_nodes_guard_truncate BEFORE TRUNCATE ON audit_nodes
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_epochs_guard_update BEFORE UPDATE ON audit_epochs
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_epochs_guard_delete BEFORE DELETE ON audit_epochs
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_epochs_guard_truncate BEFORE TRUNCATE ON audit_epochs
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_checkpoints_guard_update BEFORE UPDATE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_checkpoints_guard_delete BEFORE DELETE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_checkpoints_guard_truncate BEFORE TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_signing_keys_guard_update BEFORE UPDATE ON audit_signing_keys
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_signing_keys_guard_delete BEFORE DELETE ON audit_signing_keys
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit log is append-only');
CREATE TRIGGER audit_signing_keys_guard_truncate BEFORE TRUNCATE ON audit_signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('the audit log is append-only');
