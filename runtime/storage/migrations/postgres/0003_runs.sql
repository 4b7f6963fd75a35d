-- Events and runs, and the narrow hot tables of what is due and what is leased.

CREATE TABLE events (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL,
    trigger_id UUID,
    received_at BIGINT NOT NULL,
    input TEXT NOT NULL,
    payload BYTEA,
    payload_digest BYTEA REFERENCES blobs (digest)
);

CREATE TABLE runs (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    workflow_version BIGINT NOT NULL,
    event_id UUID NOT NULL,
    account_id UUID NOT NULL,
    principal_kind TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    initiator_kind TEXT NOT NULL,
    initiator_id TEXT,
    trigger_id UUID,
    authority TEXT NOT NULL,
    missing_grants TEXT NOT NULL,
    replay_of UUID,
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    lost BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    due_at BIGINT,
    output TEXT,
    error_code TEXT,
    error_message TEXT,
    usage TEXT
);
CREATE INDEX runs_of_org ON runs (org_id, id);
CREATE INDEX runs_of_workflow ON runs (workflow_id, id);

-- Due runs. `parked` says why a run that is due is not to be claimed: 1 organization suspended, 2 account suspended,
-- 4 workflow paused, 8 workflow at its concurrency limit.
CREATE TABLE ready (
    run_id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    account_id UUID NOT NULL,
    due_at BIGINT NOT NULL,
    parked BIGINT NOT NULL
);
CREATE INDEX ready_due ON ready (org_id, due_at, run_id) WHERE parked = 0;
CREATE INDEX ready_of_account ON ready (account_id);
CREATE INDEX ready_parked ON ready (workflow_id, due_at) WHERE parked <> 0;

-- Runs that a node is running. The epoch grows with each claim of the run and fences its finish; `limited` runs take a place
-- of their workflow's concurrency limit and give it back at their end.
CREATE TABLE leases (
    run_id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    account_id UUID NOT NULL,
    node_id UUID NOT NULL,
    epoch BIGINT NOT NULL,
    limited BIGINT NOT NULL
);

CREATE INDEX leases_limited ON leases (workflow_id) WHERE limited = 1;

CREATE TABLE nodes (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL
);

-- What other nodes must hear of within a second: revoked keys, cancelled runs. Swept after a minute.
CREATE TABLE signals (
    id UUID NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject UUID NOT NULL
);
CREATE INDEX signals_recent ON signals (at);

-- Deliveries already seen.
CREATE TABLE dedup_keys (
    trigger_id UUID NOT NULL,
    key TEXT NOT NULL,
    run_id UUID NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (trigger_id, key)
);
CREATE INDEX dedup_keys_expiry ON dedup_keys (expires_at);

CREATE TABLE run_logs (
    run_id UUID NOT NULL,
    attempt BIGINT NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (run_id, attempt)
);
