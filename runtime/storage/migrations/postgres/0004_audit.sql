-- The audit trail: append-only. No foreign key leads from here to an account: an entry is complete in itself.

CREATE TABLE audit_entries (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'denied', 'error')),
    actor_id UUID NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('member', 'base', 'api_key')),
    actor_name TEXT NOT NULL,
    initiator_kind TEXT NOT NULL,
    trigger_id UUID,
    key_id UUID,
    run_id UUID,
    target_id TEXT,
    detail TEXT NOT NULL
);
CREATE INDEX audit_entries_of_org ON audit_entries (org_id, id);
CREATE INDEX audit_entries_of_run ON audit_entries (run_id, id) WHERE run_id IS NOT NULL;

CREATE TRIGGER audit_entries_guard_update BEFORE UPDATE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit trail is append-only');
CREATE TRIGGER audit_entries_guard_delete BEFORE DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the audit trail is append-only');
CREATE TRIGGER audit_entries_guard_truncate BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('the audit trail is append-only');
