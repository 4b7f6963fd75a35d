-- What is told of runs at a glance, made beside the audit trail in the order in which it is sealed. All of it but the saved views can be made again.

-- How far each organization's trail is digested.
CREATE TABLE audit_digests (
    org_id UUID NOT NULL PRIMARY KEY,
    next_index BIGINT NOT NULL CHECK (next_index >= 0)
);

-- How many runs ended in a stretch of time, `span` seconds long from `at` on, by how they ended and how long they took: `took` is the number of a
-- step of a scale. Under a workflow of zeros stand all together.
CREATE TABLE audit_digest_runs (
    org_id UUID NOT NULL,
    span BIGINT NOT NULL,
    at BIGINT NOT NULL,
    workflow_id UUID NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    took BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    PRIMARY KEY (org_id, span, workflow_id, at, state, took)
);

-- How many runs of a trigger failed, one after another, up to now.
CREATE TABLE audit_digest_triggers (
    org_id UUID NOT NULL,
    trigger_id UUID NOT NULL,
    failures BIGINT NOT NULL,
    last_run UUID NOT NULL,
    PRIMARY KEY (org_id, trigger_id)
);

-- Intents whose outcome is not on the record.
CREATE TABLE audit_digest_intents (
    org_id UUID NOT NULL,
    noun TEXT COLLATE "C" NOT NULL,
    target_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (org_id, noun, target_id)
);
CREATE INDEX audit_digest_intents_by_time ON audit_digest_intents (org_id, at);

-- Views of the audit trail that somebody saved: the filters under a name.
CREATE TABLE saved_views (
    org_id UUID NOT NULL,
    account_id UUID NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    query TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, account_id, name)
);
