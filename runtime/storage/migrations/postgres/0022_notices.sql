-- Notices: how workflows do whose runs fail, who is told of it, and what is on its way to them.

-- A row only of workflows whose runs failed lately, written beside the audit trail, in the order in which it is sealed. `told`: whether recipients were told last
-- that it is failing.
CREATE TABLE workflow_failures (
    workflow_id UUID NOT NULL PRIMARY KEY REFERENCES workflows (id),
    org_id UUID NOT NULL REFERENCES organizations (id),
    failing BIGINT NOT NULL CHECK (failing IN (0, 1)),
    streak BIGINT NOT NULL CHECK (streak >= 0),
    failures BIGINT NOT NULL CHECK (failures >= 0),
    since BIGINT NOT NULL,
    first_run UUID NOT NULL,
    last_at BIGINT NOT NULL,
    last_run UUID NOT NULL,
    recovered_at BIGINT,
    recovered_run UUID,
    changed_at BIGINT NOT NULL,
    told BIGINT NOT NULL CHECK (told IN (0, 1)),
    told_at BIGINT,
    untold BIGINT NOT NULL CHECK (untold >= 0)
);
CREATE INDEX workflow_failures_of_org ON workflow_failures (org_id, workflow_id);
CREATE INDEX workflow_failures_untold ON workflow_failures (org_id) WHERE failing <> told;

-- What an organization set; none has the defaults.
CREATE TABLE notice_settings (
    org_id UUID NOT NULL PRIMARY KEY REFERENCES organizations (id),
    admins BIGINT NOT NULL CHECK (admins IN (0, 1)),
    after_failures BIGINT NOT NULL CHECK (after_failures >= 1),
    gather_s BIGINT NOT NULL CHECK (gather_s >= 0),
    interval_s BIGINT NOT NULL CHECK (interval_s >= 0),
    reminder_h BIGINT NOT NULL CHECK (reminder_h >= 0),
    updated_at BIGINT NOT NULL
);

-- What differs for one workflow.
CREATE TABLE workflow_notices (
    workflow_id UUID NOT NULL PRIMARY KEY REFERENCES workflows (id),
    muted BIGINT NOT NULL CHECK (muted IN (0, 1)),
    after_failures BIGINT CHECK (after_failures IS NULL OR after_failures >= 1)
);

-- Who is told, beside the Admins: an address, or a URL, which is sealed with the key that its messages are signed with; `shown` is what may be shown of it.
CREATE TABLE notice_recipients (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('mail', 'webhook')),
    shown TEXT NOT NULL,
    data_key_id UUID REFERENCES data_keys (id),
    sealed BYTEA,
    created_at BIGINT NOT NULL,
    CHECK ((kind = 'webhook') = (sealed IS NOT NULL AND data_key_id IS NOT NULL))
);
CREATE INDEX notice_recipients_of_org ON notice_recipients (org_id, id);

-- Messages: on their way, and those that have ended. `recipient` is one of notice_recipients or, where `kind` is 'admin', a member's account.
CREATE TABLE notices (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('admin', 'mail', 'webhook')),
    recipient UUID NOT NULL,
    content TEXT NOT NULL,
    test BIGINT NOT NULL CHECK (test IN (0, 1)),
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    node_id UUID,
    leased_until BIGINT NOT NULL,
    ended_at BIGINT,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
    reason TEXT,
    CHECK ((state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX notices_of_org ON notices (org_id, id);
CREATE INDEX notices_waiting ON notices (due_at, id) WHERE ended_at IS NULL;

CREATE TRIGGER notices_guard_update BEFORE UPDATE ON notices FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL OR NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id
        OR NEW.recipient IS DISTINCT FROM OLD.recipient OR NEW.content IS DISTINCT FROM OLD.content)
    EXECUTE FUNCTION guard_refuses('a notice says what it says, and ends once');
