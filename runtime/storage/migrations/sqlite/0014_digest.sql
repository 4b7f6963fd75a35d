-- What is told of runs at a glance, made beside the audit trail in the order in which it is sealed. All of it but the saved views can be made again.

-- How far each organization's trail is digested.
CREATE TABLE audit_digests (
    org_id BLOB NOT NULL PRIMARY KEY,
    next_index INTEGER NOT NULL CHECK (next_index >= 0)
) STRICT, WITHOUT ROWID;

-- How many runs ended in a stretch of time, `span` seconds long from `at` on, by how they ended and how long they took: `took` is the number of a
-- step of a scale. Under a workflow of zeros stand all together.
CREATE TABLE audit_digest_runs (
    org_id BLOB NOT NULL,
    span INTEGER NOT NULL,
    at INTEGER NOT NULL,
    workflow_id BLOB NOT NULL CHECK (length(workflow_id) = 16),
    state TEXT NOT NULL,
    took INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (org_id, span, workflow_id, at, state, took)
) STRICT, WITHOUT ROWID;

-- How many runs of a trigger failed, one after another, up to now.
CREATE TABLE audit_digest_triggers (
    org_id BLOB NOT NULL,
    trigger_id BLOB NOT NULL CHECK (length(trigger_id) = 16),
    failures INTEGER NOT NULL,
    last_run BLOB NOT NULL CHECK (length(last_run) = 16),
    PRIMARY KEY (org_id, trigger_id)
) STRICT, WITHOUT ROWID;

-- Intents whose outcome is not on the record.
CREATE TABLE audit_digest_intents (
    org_id BLOB NOT NULL,
    noun TEXT NOT NULL,
    target_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (org_id, noun, target_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_digest_intents_by_time ON audit_digest_intents (org_id, at);

-- Views of the audit trail that somebody saved: the filters under a name.
CREATE TABLE saved_views (
    org_id BLOB NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, account_id, name)
) STRICT, WITHOUT ROWID;
