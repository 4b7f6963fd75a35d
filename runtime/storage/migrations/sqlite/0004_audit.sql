-- The audit trail: append-only. No foreign key leads from here to an account: an entry is complete in itself.

CREATE TABLE audit_entries (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
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
    detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_entries_of_org ON audit_entries (org_id, id);
CREATE INDEX audit_entries_of_run ON audit_entries (run_id, id) WHERE run_id IS NOT NULL;

CREATE TRIGGER audit_entries_guard_insert BEFORE INSERT ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'guard: this audit entry exists') WHERE EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id);
END;
CREATE TRIGGER audit_entries_guard_update BEFORE UPDATE ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'guard: the audit trail is append-only');
END;
CREATE TRIGGER audit_entries_guard_delete BEFORE DELETE ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'guard: the audit trail is append-only');
END;
