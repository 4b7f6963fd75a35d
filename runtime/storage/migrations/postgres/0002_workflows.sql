-- Plugins, workflows and their immutable versions, triggers, schedules, key-value stores.

-- Large bytes by SHA-256: components, and payloads too large for their event's row.
CREATE TABLE blobs (
    digest BYTEA NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    bytes BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE plugins (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest BYTEA NOT NULL REFERENCES blobs (digest),
    world TEXT NOT NULL,
    imports TEXT NOT NULL,
    size BIGINT NOT NULL,
    created_by UUID NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (org_id, name, version)
);

CREATE TABLE workflows (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    paused_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX workflows_one_name ON workflows (org_id, name) WHERE deleted_at IS NULL;

CREATE TABLE workflow_versions (
    workflow_id UUID NOT NULL REFERENCES workflows (id),
    version BIGINT NOT NULL,
    plugin_id UUID NOT NULL REFERENCES plugins (id),
    grants TEXT NOT NULL,
    config TEXT NOT NULL,
    limits TEXT NOT NULL,
    retry TEXT NOT NULL,
    concurrency BIGINT,
    created_by UUID NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workflow_id, version)
);

CREATE TABLE triggers (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    workflow_id UUID NOT NULL REFERENCES workflows (id),
    kind TEXT NOT NULL CHECK (kind IN ('webhook', 'email', 'schedule', 'edi')),
    config TEXT NOT NULL,
    token_hash BYTEA UNIQUE CHECK (token_hash IS NULL OR length(token_hash) = 32),
    data_key_id UUID REFERENCES data_keys (id),
    sealed BYTEA,
    paused_at BIGINT,
    created_by UUID NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX triggers_of_org ON triggers (org_id, id) WHERE deleted_at IS NULL;
CREATE INDEX triggers_of_workflow ON triggers (workflow_id) WHERE deleted_at IS NULL;

-- What each trigger took and refused; added to in batches, off the accept path.
CREATE TABLE trigger_counts (
    trigger_id UUID NOT NULL PRIMARY KEY REFERENCES triggers (id),
    accepted BIGINT NOT NULL DEFAULT 0,
    rejected BIGINT NOT NULL DEFAULT 0,
    duplicates BIGINT NOT NULL DEFAULT 0
);

-- When each live schedule is due next.
CREATE TABLE schedules (
    trigger_id UUID NOT NULL PRIMARY KEY REFERENCES triggers (id),
    org_id UUID NOT NULL,
    next_at BIGINT NOT NULL
);
CREATE INDEX schedules_due ON schedules (next_at);

CREATE TABLE kv (
    workflow_id UUID NOT NULL REFERENCES workflows (id),
    key TEXT COLLATE "C" NOT NULL,
    value BYTEA NOT NULL,
    version BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (workflow_id, key)
);
CREATE INDEX kv_expiry ON kv (expires_at) WHERE expires_at IS NOT NULL;

CREATE TRIGGER workflow_versions_guard_update BEFORE UPDATE ON workflow_versions
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a workflow version is immutable');
CREATE TRIGGER workflow_versions_guard_delete BEFORE DELETE ON workflow_versions
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a workflow version is immutable');
CREATE TRIGGER workflow_versions_guard_truncate BEFORE TRUNCATE ON workflow_versions
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('a workflow version is immutable');

CREATE FUNCTION workflow_versions_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM workflows w JOIN plugins p ON p.org_id = w.org_id
        WHERE w.id = NEW.workflow_id AND p.id = NEW.plugin_id) THEN
        RAISE EXCEPTION 'guard: a workflow''s plugin is of its own organization' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER workflow_versions_guard_insert BEFORE INSERT ON workflow_versions
    FOR EACH ROW EXECUTE FUNCTION workflow_versions_guard_insert();

CREATE TRIGGER blobs_guard_update BEFORE UPDATE ON blobs
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('bytes are named by their digest and never change');
CREATE TRIGGER blobs_guard_truncate BEFORE TRUNCATE ON blobs
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('what names these bytes would be left without them');
CREATE TRIGGER plugins_guard_update BEFORE UPDATE ON plugins
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a plugin version is immutable');
CREATE TRIGGER plugins_guard_truncate BEFORE TRUNCATE ON plugins
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('a plugin version that a workflow has or had is not deleted');
CREATE TRIGGER workflows_guard_update BEFORE UPDATE ON workflows FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id OR NEW.name IS DISTINCT FROM OLD.name)
    EXECUTE FUNCTION guard_refuses('a workflow''s id, organization and name are final');
CREATE TRIGGER workflows_guard_deleted BEFORE UPDATE ON workflows FOR EACH ROW
    WHEN (OLD.deleted_at IS NOT NULL) EXECUTE FUNCTION guard_refuses('a workflow once deleted stays so');
CREATE TRIGGER workflows_guard_delete BEFORE DELETE ON workflows
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a workflow is never deleted, only marked');
CREATE TRIGGER workflows_guard_truncate BEFORE TRUNCATE ON workflows
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('a workflow is never deleted, only marked');

CREATE FUNCTION triggers_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM workflows WHERE id = NEW.workflow_id AND org_id = NEW.org_id) THEN
        RAISE EXCEPTION 'guard: a trigger''s workflow is of its own organization' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER triggers_guard_insert BEFORE INSERT ON triggers FOR EACH ROW EXECUTE FUNCTION triggers_guard_insert();
CREATE TRIGGER triggers_guard_update BEFORE UPDATE ON triggers FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id
        OR NEW.workflow_id IS DISTINCT FROM OLD.workflow_id OR NEW.kind IS DISTINCT FROM OLD.kind)
    EXECUTE FUNCTION guard_refuses('a trigger''s id, organization, workflow and kind are final');
