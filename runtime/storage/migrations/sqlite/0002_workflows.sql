-- Plugins, workflows and their immutable versions, triggers, schedules, key-value stores.

-- Large bytes by SHA-256: components, and payloads too large for their event's row.
CREATE TABLE blobs (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    bytes BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE plugins (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest BLOB NOT NULL REFERENCES blobs (digest),
    world TEXT NOT NULL,
    imports TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (org_id, name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflows (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    paused_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX workflows_one_name ON workflows (org_id, name) WHERE deleted_at IS NULL;

CREATE TABLE workflow_versions (
    workflow_id BLOB NOT NULL REFERENCES workflows (id),
    version INTEGER NOT NULL,
    plugin_id BLOB NOT NULL REFERENCES plugins (id),
    grants TEXT NOT NULL,
    config TEXT NOT NULL,
    limits TEXT NOT NULL,
    retry TEXT NOT NULL,
    concurrency INTEGER,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (workflow_id, version)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER workflow_versions_guard_update BEFORE UPDATE ON workflow_versions BEGIN
    SELECT RAISE(ABORT, 'guard: a workflow version is immutable');
END;

CREATE TABLE triggers (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    workflow_id BLOB NOT NULL REFERENCES workflows (id),
    kind TEXT NOT NULL CHECK (kind IN ('webhook', 'email', 'schedule', 'edi')),
    config TEXT NOT NULL,
    token_hash BLOB UNIQUE CHECK (token_hash IS NULL OR length(token_hash) = 32),
    data_key_id BLOB REFERENCES data_keys (id),
    sealed BLOB,
    paused_at INTEGER,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX triggers_of_org ON triggers (org_id, id) WHERE deleted_at IS NULL;
CREATE INDEX triggers_of_workflow ON triggers (workflow_id) WHERE deleted_at IS NULL;

-- What each trigger took and refused; added to in batches, off the accept path.
CREATE TABLE trigger_counts (
    trigger_id BLOB NOT NULL PRIMARY KEY REFERENCES triggers (id),
    accepted INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- When each live schedule is due next.
CREATE TABLE schedules (
    trigger_id BLOB NOT NULL PRIMARY KEY REFERENCES triggers (id),
    org_id BLOB NOT NULL,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at);

CREATE TABLE kv (
    workflow_id BLOB NOT NULL REFERENCES workflows (id),
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (workflow_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kv_expiry ON kv (expires_at) WHERE expires_at IS NOT NULL;
