-- Events and runs, and the narrow hot tables of what is due and what is leased.

CREATE TABLE events (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL,
    trigger_id BLOB,
    received_at INTEGER NOT NULL,
    input TEXT NOT NULL,
    payload BLOB,
    payload_digest BLOB REFERENCES blobs (digest)
) STRICT;

CREATE TABLE runs (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    workflow_version INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    principal_kind TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    initiator_kind TEXT NOT NULL,
    initiator_id TEXT,
    trigger_id BLOB,
    authority TEXT NOT NULL,
    missing_grants TEXT NOT NULL,
    replay_of BLOB,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    due_at INTEGER,
    output TEXT,
    error_code TEXT,
    error_message TEXT,
    usage TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_of_org ON runs (org_id, id);
CREATE INDEX runs_of_workflow ON runs (workflow_id, id);

-- Due runs. `parked` says why a run that is due is not to be claimed: 1 organization suspended, 2 account suspended,
-- 4 workflow paused, 8 workflow at its concurrency limit.
CREATE TABLE ready (
    run_id BLOB NOT NULL PRIMARY KEY,
    org_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    parked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ready_due ON ready (org_id, due_at, run_id) WHERE parked = 0;
CREATE INDEX ready_of_account ON ready (account_id);
CREATE INDEX ready_parked ON ready (workflow_id, due_at) WHERE parked <> 0;

-- Runs that a node is running. The epoch grows with each claim of the run and fences its finish; `limited` runs take a place
-- of their workflow's concurrency limit and give it back at their end.
CREATE TABLE leases (
    run_id BLOB NOT NULL PRIMARY KEY,
    org_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    limited INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX leases_limited ON leases (workflow_id) WHERE limited = 1;

CREATE TABLE nodes (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What other nodes must hear of within a second: revoked keys, cancelled runs. Swept after a minute.
CREATE TABLE signals (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX signals_recent ON signals (at);

-- Deliveries already seen.
CREATE TABLE dedup_keys (
    trigger_id BLOB NOT NULL,
    key TEXT NOT NULL,
    run_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (trigger_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX dedup_keys_expiry ON dedup_keys (expires_at);

CREATE TABLE run_logs (
    run_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (run_id, attempt)
) STRICT;
