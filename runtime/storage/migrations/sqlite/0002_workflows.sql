-- Plugins, workflows and their immutable versions, triggers, schedules, key-value stores.

-- Large bytes by SHA-256: components, and payloads too large for their event's row.
CREATE TABLE blobs (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    bytes BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The same bytes again are skipped, as ON CONFLICT DO NOTHING does; other bytes never take their place.
CREATE TRIGGER blobs_guard_insert BEFORE INSERT ON blobs BEGIN
    SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM blobs WHERE digest = NEW.digest);
END;
CREATE TRIGGER blobs_guard_update BEFORE UPDATE ON blobs BEGIN
    SELECT RAISE(ABORT, 'guard: bytes are named by their digest and never change');
END;

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

CREATE TRIGGER plugins_guard_insert BEFORE INSERT ON plugins BEGIN
    SELECT RAISE(ABORT, 'guard: this plugin id exists') WHERE EXISTS (SELECT 1 FROM plugins WHERE id = NEW.id);
    SELECT RAISE(ABORT, 'guard: this plugin version exists') WHERE EXISTS
        (SELECT 1 FROM plugins WHERE org_id = NEW.org_id AND name = NEW.name AND version = NEW.version);
END;
CREATE TRIGGER plugins_guard_update BEFORE UPDATE ON plugins BEGIN
    SELECT RAISE(ABORT, 'guard: a plugin version is immutable');
END;
CREATE TRIGGER plugins_guard_delete BEFORE DELETE ON plugins BEGIN
    SELECT RAISE(ABORT, 'guard: a plugin version that a workflow has or had is not deleted')
        WHERE EXISTS (SELECT 1 FROM workflow_versions WHERE plugin_id = OLD.id);
END;

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

CREATE TRIGGER workflows_guard_insert BEFORE INSERT ON workflows BEGIN
    SELECT RAISE(ABORT, 'guard: this workflow exists') WHERE EXISTS (SELECT 1 FROM workflows
        WHERE id = NEW.id OR (org_id = NEW.org_id AND name = NEW.name AND deleted_at IS NULL));
END;
CREATE TRIGGER workflows_guard_update BEFORE UPDATE ON workflows BEGIN
    SELECT RAISE(ABORT, 'guard: a workflow''s id, organization and name are final')
        WHERE NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.name IS NOT OLD.name;
    SELECT RAISE(ABORT, 'guard: a workflow once deleted stays so') WHERE OLD.deleted_at IS NOT NULL;
END;
CREATE TRIGGER workflows_guard_delete BEFORE DELETE ON workflows BEGIN
    SELECT RAISE(ABORT, 'guard: a workflow is never deleted, only marked');
END;

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
CREATE TRIGGER workflow_versions_guard_insert BEFORE INSERT ON workflow_versions BEGIN
    SELECT RAISE(ABORT, 'guard: this workflow version exists')
        WHERE EXISTS (SELECT 1 FROM workflow_versions WHERE workflow_id = NEW.workflow_id AND version = NEW.version);
    SELECT RAISE(ABORT, 'guard: a workflow''s plugin is of its own organization') WHERE NOT EXISTS
        (SELECT 1 FROM workflows w JOIN plugins p ON p.org_id = w.org_id WHERE w.id = NEW.workflow_id AND p.id = NEW.plugin_id);
END;
CREATE TRIGGER workflow_versions_guard_update BEFORE UPDATE ON workflow_versions BEGIN
    SELECT RAISE(ABORT, 'guard: a workflow version is immutable');
END;
CREATE TRIGGER workflow_versions_guard_delete BEFORE DELETE ON workflow_versions BEGIN
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

CREATE TRIGGER triggers_guard_insert BEFORE INSERT ON triggers BEGIN
    SELECT RAISE(ABORT, 'guard: this trigger exists')
        WHERE EXISTS (SELECT 1 FROM triggers WHERE id = NEW.id OR token_hash = NEW.token_hash);
    SELECT RAISE(ABORT, 'guard: a trigger''s workflow is of its own organization')
        WHERE NOT EXISTS (SELECT 1 FROM workflows WHERE id = NEW.workflow_id AND org_id = NEW.org_id);
END;
CREATE TRIGGER triggers_guard_update BEFORE UPDATE ON triggers BEGIN
    SELECT RAISE(ABORT, 'guard: a trigger''s id, organization, workflow and kind are final')
        WHERE NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.workflow_id IS NOT OLD.workflow_id OR NEW.kind IS NOT OLD.kind;
    SELECT RAISE(ABORT, 'guard: another trigger has this token')
        WHERE EXISTS (SELECT 1 FROM triggers WHERE token_hash = NEW.token_hash AND id IS NOT OLD.id);
END;

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
