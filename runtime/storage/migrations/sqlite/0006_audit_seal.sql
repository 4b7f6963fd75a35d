-- The audit trail as a transparency log: leaves, tree, checkpoints, signing keys. All of it is append-only, but for the private halves of
-- keys, which a rotation removes, and for the place up to which entries are sealed.

-- Entries get a number that grows with each commit, since there is one writer: what is new is found by it. No number is given twice.
CREATE TABLE audit_entries_numbered (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL CHECK (length(id) = 16),
    org_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'denied', 'error')),
    actor_id BLOB NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('member', 'base', 'api_key')),
    actor_name TEXT NOT NULL,
    initiator_kind TEXT NOT NULL,
    trigger_id BLOB,
    key_id BLOB,
    run_id BLOB,
    target_id TEXT,
    detail TEXT NOT NULL,
    UNIQUE (org_id, id)
) STRICT;
INSERT INTO audit_entries_numbered
    (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, trigger_id, key_id, run_id, target_id, detail)
    SELECT id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, trigger_id, key_id, run_id, target_id, detail
    FROM audit_entries ORDER BY id;
DROP TABLE audit_entries;
ALTER TABLE audit_entries_numbered RENAME TO audit_entries;
CREATE INDEX audit_entries_of_run ON audit_entries (run_id, id) WHERE run_id IS NOT NULL;

CREATE TRIGGER audit_entries_guard_insert BEFORE INSERT ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'guard: this audit entry exists')
    WHERE EXISTS (SELECT 1 FROM audit_entries WHERE org_id = NEW.org_id AND id = NEW.id)
        OR EXISTS (SELECT 1 FROM audit_entries WHERE seq = NEW.seq);
END;
CREATE TRIGGER audit_entries_guard_update BEFORE UPDATE ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'guard: the audit trail is append-only');
END;
CREATE TRIGGER audit_entries_guard_delete BEFORE DELETE ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'guard: the audit trail is append-only');
END;

-- Which entry is which leaf: from 0, without gaps.
CREATE TABLE audit_leaves (
    org_id BLOB NOT NULL,
    leaf_index INTEGER NOT NULL CHECK (leaf_index >= 0),
    entry_id BLOB NOT NULL CHECK (length(entry_id) = 16),
    leaf_hash BLOB NOT NULL CHECK (length(leaf_hash) = 32),
    PRIMARY KEY (org_id, leaf_index),
    UNIQUE (entry_id, org_id)
) STRICT, WITHOUT ROWID;

-- Complete subtrees of 256, 256², … leaves: what a proof needs beside a few leaves.
CREATE TABLE audit_nodes (
    org_id BLOB NOT NULL,
    level INTEGER NOT NULL CHECK (level > 0),
    node_index INTEGER NOT NULL CHECK (node_index >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (org_id, level, node_index)
) STRICT, WITHOUT ROWID;

-- A log that was begun again after a restore, and why. The first epoch begins with the first leaf.
CREATE TABLE audit_epochs (
    org_id BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (org_id, epoch)
) STRICT, WITHOUT ROWID;

-- What was signed: one for each time that leaves were added, or the epoch or the key changed.
CREATE TABLE audit_checkpoints (
    org_id BLOB NOT NULL,
    checkpoint_index INTEGER NOT NULL CHECK (checkpoint_index >= 0),
    epoch INTEGER NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    at INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (org_id, checkpoint_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_checkpoints_by_size ON audit_checkpoints (org_id, size);

-- The public halves, in the order of their use; each but the first with the word of the one before it.
CREATE TABLE audit_signing_keys (
    org_id BLOB NOT NULL,
    key_index INTEGER NOT NULL CHECK (key_index >= 0),
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    endorsement TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, key_index)
) STRICT, WITHOUT ROWID;

-- The private half of the newest, sealed by a data key.
CREATE TABLE audit_signing_secrets (
    org_id BLOB NOT NULL PRIMARY KEY,
    key_index INTEGER NOT NULL,
    data_key_id BLOB NOT NULL REFERENCES data_keys (id),
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- How far entries are sealed, in the terms of the database; `rounds` tells who came first.
CREATE TABLE audit_sealing (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    bound TEXT NOT NULL,
    rounds INTEGER NOT NULL
) STRICT;
INSERT INTO audit_sealing (one, bound, rounds) VALUES (1, '0', 0);

CREATE TRIGGER audit_leaves_guard_insert BEFORE INSERT ON audit_leaves BEGIN
    SELECT RAISE(ABORT, 'guard: this leaf exists')
    WHERE EXISTS (SELECT 1 FROM audit_leaves WHERE org_id = NEW.org_id AND leaf_index = NEW.leaf_index)
        OR EXISTS (SELECT 1 FROM audit_leaves WHERE entry_id = NEW.entry_id AND org_id = NEW.org_id);
END;
CREATE TRIGGER audit_leaves_guard_update BEFORE UPDATE ON audit_leaves BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_leaves_guard_delete BEFORE DELETE ON audit_leaves BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_nodes_guard_insert BEFORE INSERT ON audit_nodes BEGIN
    SELECT RAISE(ABORT, 'guard: this node exists')
    WHERE EXISTS (SELECT 1 FROM audit_nodes WHERE org_id = NEW.org_id AND level = NEW.level AND node_index = NEW.node_index);
END;
CREATE TRIGGER audit_nodes_guard_update BEFORE UPDATE ON audit_nodes BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_nodes_guard_delete BEFORE DELETE ON audit_nodes BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_epochs_guard_insert BEFORE INSERT ON audit_epochs BEGIN
    SELECT RAISE(ABORT, 'guard: this epoch exists')
    WHERE EXISTS (SELECT 1 FROM audit_epochs WHERE org_id = NEW.org_id AND epoch = NEW.epoch);
END;
CREATE TRIGGER audit_epochs_guard_update BEFORE UPDATE ON audit_epochs BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_epochs_guard_delete BEFORE DELETE ON audit_epochs BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_checkpoints_guard_insert BEFORE INSERT ON audit_checkpoints BEGIN
    SELECT RAISE(ABORT, 'guard: this checkpoint exists')
    WHERE EXISTS (SELECT 1 FROM audit_checkpoints WHERE org_id = NEW.org_id AND checkpoint_index = NEW.checkpoint_index);
END;
CREATE TRIGGER audit_checkpoints_guard_update BEFORE UPDATE ON audit_checkpoints BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_checkpoints_guard_delete BEFORE DELETE ON audit_checkpoints BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_signing_keys_guard_insert BEFORE INSERT ON audit_signing_keys BEGIN
    SELECT RAISE(ABORT, 'guard: this signing key exists')
    WHERE EXISTS (SELECT 1 FROM audit_signing_keys WHERE org_id = NEW.org_id AND key_index = NEW.key_index);
END;
CREATE TRIGGER audit_signing_keys_guard_update BEFORE UPDATE ON audit_signing_keys BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
CREATE TRIGGER audit_signing_keys_guard_delete BEFORE DELETE ON audit_signing_keys BEGIN
    SELECT RAISE(ABORT, 'guard: the audit log is append-only');
END;
