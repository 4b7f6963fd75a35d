-- Notices: how workflows do whose runs fail, who is told of it, and what is on its way to them.

-- A row only of workflows whose runs failed lately, written beside the audit trail, in the order in which it is sealed. `told`: whether recipients were told last
-- that it is failing.
CREATE TABLE workflow_failures (
    workflow_id BLOB NOT NULL PRIMARY KEY REFERENCES workflows (id),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    failing INTEGER NOT NULL CHECK (failing IN (0, 1)),
    streak INTEGER NOT NULL CHECK (streak >= 0),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    since INTEGER NOT NULL,
    first_run BLOB NOT NULL CHECK (length(first_run) = 16),
    last_at INTEGER NOT NULL,
    last_run BLOB NOT NULL CHECK (length(last_run) = 16),
    recovered_at INTEGER,
    recovered_run BLOB CHECK (recovered_run IS NULL OR length(recovered_run) = 16),
    changed_at INTEGER NOT NULL,
    told INTEGER NOT NULL CHECK (told IN (0, 1)),
    told_at INTEGER,
    untold INTEGER NOT NULL CHECK (untold >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX workflow_failures_of_org ON workflow_failures (org_id, workflow_id);
CREATE INDEX workflow_failures_untold ON workflow_failures (org_id) WHERE failing <> told;

-- What an organization set; none has the defaults.
CREATE TABLE notice_settings (
    org_id BLOB NOT NULL PRIMARY KEY REFERENCES organizations (id),
    admins INTEGER NOT NULL CHECK (admins IN (0, 1)),
    after_failures INTEGER NOT NULL CHECK (after_failures >= 1),
    gather_s INTEGER NOT NULL CHECK (gather_s >= 0),
    interval_s INTEGER NOT NULL CHECK (interval_s >= 0),
    reminder_h INTEGER NOT NULL CHECK (reminder_h >= 0),
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What differs for one workflow.
CREATE TABLE workflow_notices (
    workflow_id BLOB NOT NULL PRIMARY KEY REFERENCES workflows (id),
    muted INTEGER NOT NULL CHECK (muted IN (0, 1)),
    after_failures INTEGER CHECK (after_failures IS NULL OR after_failures >= 1)
) STRICT, WITHOUT ROWID;

-- Who is told, beside the Admins: an address, or a URL, which is sealed with the key that its messages are signed with; `shown` is what may be shown of it.
CREATE TABLE notice_recipients (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('mail', 'webhook')),
    shown TEXT NOT NULL,
    data_key_id BLOB REFERENCES data_keys (id),
    sealed BLOB,
    created_at INTEGER NOT NULL,
    CHECK ((kind = 'webhook') = (sealed IS NOT NULL AND data_key_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_recipients_of_org ON notice_recipients (org_id, id);

-- Messages: on their way, and those that have ended. `recipient` is one of notice_recipients or, where `kind` is 'admin', a member's account.
CREATE TABLE notices (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('admin', 'mail', 'webhook')),
    recipient BLOB NOT NULL CHECK (length(recipient) = 16),
    content TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    node_id BLOB CHECK (node_id IS NULL OR length(node_id) = 16),
    leased_until INTEGER NOT NULL,
    ended_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
    reason TEXT,
    CHECK ((state = 'waiting') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_of_org ON notices (org_id, id);
CREATE INDEX notices_waiting ON notices (due_at, id) WHERE ended_at IS NULL;

CREATE TRIGGER notices_guard_update BEFORE UPDATE ON notices
    WHEN OLD.ended_at IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.recipient IS NOT OLD.recipient
        OR NEW.content IS NOT OLD.content
BEGIN
    SELECT RAISE(ABORT, 'guard: a notice says what it says, and ends once');
END;
