-- What audit entries say about people, out of the entries: an entry only commits to each value, by SHA-256 of salt and value, so that
-- erasing a person leaves all entries, and what is proved of them, as they are.

-- `field` is a JSON pointer into the entry; `subject` the account, person or invitation that the value is about. Erased, a row has
-- neither salt nor value.
CREATE TABLE audit_personal (
    entry_id UUID NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    org_id UUID NOT NULL,
    subject UUID,
    salt BYTEA CHECK (length(salt) = 16),
    value TEXT,
    PRIMARY KEY (entry_id, field),
    CHECK ((salt IS NULL) = (value IS NULL))
);
CREATE INDEX audit_personal_of_subject ON audit_personal (org_id, subject) WHERE value IS NOT NULL;

CREATE TRIGGER audit_personal_guard_insert BEFORE INSERT ON audit_personal FOR EACH ROW
    WHEN (NEW.value IS NULL) EXECUTE FUNCTION guard_refuses('a personal value is written with its entry, and erased later');
CREATE TRIGGER audit_personal_guard_update BEFORE UPDATE ON audit_personal FOR EACH ROW
    WHEN (NEW.value IS NOT NULL OR NEW.salt IS NOT NULL OR NEW.entry_id IS DISTINCT FROM OLD.entry_id OR NEW.field IS DISTINCT FROM OLD.field
        OR NEW.org_id IS DISTINCT FROM OLD.org_id OR NEW.subject IS DISTINCT FROM OLD.subject)
    EXECUTE FUNCTION guard_refuses('a personal value can only be erased');
CREATE TRIGGER audit_personal_guard_truncate BEFORE TRUNCATE ON audit_personal
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('a personal value can only be erased');

-- A removed member may be erased: the tombstone stays, without the name.
ALTER TABLE accounts ADD COLUMN erased_at BIGINT
    CHECK (erased_at IS NULL OR (kind = 'member' AND deleted_at IS NOT NULL AND name = '(erased)'));
CREATE OR REPLACE FUNCTION accounts_guard_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.kind = 'base' THEN
        RAISE EXCEPTION 'guard: the base account is immutable' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id OR NEW.kind IS DISTINCT FROM OLD.kind
        OR NEW.person_id IS DISTINCT FROM OLD.person_id THEN
        RAISE EXCEPTION 'guard: an account''s id, organization, kind and person are final' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.deleted_at IS NOT NULL AND (OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at
        OR NEW.created_at IS DISTINCT FROM OLD.created_at) THEN
        RAISE EXCEPTION 'guard: an account once deleted stays so, but for the name of an erased member'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.deleted_at IS NULL AND NEW.erased_at IS NOT NULL THEN
        RAISE EXCEPTION 'guard: only a member who was removed is erased' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.kind = 'api_key' AND NEW.name IS DISTINCT FROM OLD.name THEN
        RAISE EXCEPTION 'guard: a key account keeps its nickname' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.kind = 'api_key' AND NEW.deleted_at IS NOT NULL
        AND EXISTS (SELECT 1 FROM api_keys WHERE account_id = OLD.id AND revoked_at IS NULL) THEN
        RAISE EXCEPTION 'guard: a key account goes with its key' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- The address of an invitation that was taken up or withdrawn may be erased.
DROP TRIGGER invitations_guard_update ON invitations;
CREATE TRIGGER invitations_guard_update BEFORE UPDATE ON invitations FOR EACH ROW
    WHEN (NEW.token_hash IS NOT NULL OR NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id
        OR NEW.roles IS DISTINCT FROM OLD.roles OR NEW.invited_by IS DISTINCT FROM OLD.invited_by
        OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.expires_at IS DISTINCT FROM OLD.expires_at
        OR (OLD.token_hash IS NOT NULL AND NEW.email IS DISTINCT FROM OLD.email)
        OR (OLD.token_hash IS NULL AND (NEW.email IS DISTINCT FROM '(erased)' OR NEW.accepted_at IS DISTINCT FROM OLD.accepted_at
            OR NEW.accepted_by IS DISTINCT FROM OLD.accepted_by OR NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)))
    EXECUTE FUNCTION guard_refuses('an invitation can only be taken up or withdrawn, once, and its address erased then');

-- Beginnings of logs that were removed: the entries of all leaves below `size`. The leaves stay, so that what was proved stays proved. A
-- row is written by the transaction that removes; it is what lets the guards of the entries give way, and it must be true: all of it was
-- sealed, is there to the last entry, was older than `older_than`, and that is at least 30 days ago; the newest leaf always stays.
CREATE TABLE audit_retention (
    org_id UUID NOT NULL,
    size BIGINT NOT NULL CHECK (size > 0),
    older_than BIGINT NOT NULL,
    checkpoint_size BIGINT NOT NULL,
    checkpoint_root BYTEA NOT NULL CHECK (length(checkpoint_root) = 32),
    at BIGINT NOT NULL,
    PRIMARY KEY (org_id, size)
);
CREATE FUNCTION audit_retention_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    removed BIGINT := (SELECT coalesce(max(size), 0) FROM audit_retention WHERE org_id = NEW.org_id);
BEGIN
    IF NEW.size <= removed THEN
        RAISE EXCEPTION 'guard: what was removed of the audit trail only grows' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.older_than > extract(epoch FROM clock_timestamp()) * 1000000 - 2592000000000 THEN
        RAISE EXCEPTION 'guard: no audit entry is removed that is not 30 days old' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM audit_checkpoints c WHERE c.org_id = NEW.org_id AND c.size = NEW.checkpoint_size
        AND c.root = NEW.checkpoint_root AND NEW.size < c.size AND c.checkpoint_index =
        (SELECT max(checkpoint_index) FROM audit_checkpoints WHERE org_id = NEW.org_id)) THEN
        RAISE EXCEPTION 'guard: only what the newest checkpoint covers is removed of the audit trail, and never all of it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.size - removed <> (SELECT count(*) FROM audit_leaves l JOIN audit_entries e ON e.org_id = l.org_id AND e.id = l.entry_id
        WHERE l.org_id = NEW.org_id AND l.leaf_index >= removed AND l.leaf_index < NEW.size AND e.at < NEW.older_than) THEN
        RAISE EXCEPTION 'guard: a beginning of the audit trail is removed whole, and when all of it is past its time'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_retention_guard_insert BEFORE INSERT ON audit_retention
    FOR EACH ROW EXECUTE FUNCTION audit_retention_guard_insert();
CREATE TRIGGER audit_retention_guard_update BEFORE UPDATE ON audit_retention
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('what was removed of the audit trail stays on the record');
CREATE TRIGGER audit_retention_guard_delete BEFORE DELETE ON audit_retention
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('what was removed of the audit trail stays on the record');
CREATE TRIGGER audit_retention_guard_truncate BEFORE TRUNCATE ON audit_retention
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('what was removed of the audit trail stays on the record');

CREATE FUNCTION audit_entries_guard_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_leaves l JOIN audit_retention r ON r.org_id = l.org_id AND r.size > l.leaf_index
        WHERE l.entry_id = OLD.id AND l.org_id = OLD.org_id) THEN
        RAISE EXCEPTION 'guard: the audit trail is append-only, but for a sealed beginning that is past its time'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER audit_entries_guard_delete ON audit_entries;
CREATE TRIGGER audit_entries_guard_delete BEFORE DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_guard_delete();
CREATE FUNCTION audit_personal_guard_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_leaves l JOIN audit_retention r ON r.org_id = l.org_id AND r.size > l.leaf_index
        WHERE l.entry_id = OLD.entry_id AND l.org_id = OLD.org_id) THEN
        RAISE EXCEPTION 'guard: a personal value can only be erased, or go with its entry' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER audit_personal_guard_delete BEFORE DELETE ON audit_personal
    FOR EACH ROW EXECUTE FUNCTION audit_personal_guard_delete();

-- The one way to remove entries, as the owner of the tables whoever calls: the program's own role may neither delete entries nor write
-- into audit_retention, whose guard checks the boundary. It gives back how many entries went.
CREATE FUNCTION retain_audit(org UUID, upto BIGINT, age_bound BIGINT, now BIGINT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    removed BIGINT := (SELECT coalesce(max(r.size), 0) FROM audit_retention r WHERE r.org_id = org);
    gone BIGINT;
BEGIN
    INSERT INTO audit_retention (org_id, size, older_than, checkpoint_size, checkpoint_root, at)
        SELECT org, upto, age_bound, c.size, c.root, now FROM audit_checkpoints c WHERE c.org_id = org
        ORDER BY c.checkpoint_index DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'guard: there is no sealed audit trail of this organization' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    DELETE FROM audit_personal p USING audit_leaves l
        WHERE l.org_id = org AND l.leaf_index >= removed AND l.leaf_index < upto AND p.entry_id = l.entry_id AND p.org_id = org;
    DELETE FROM audit_entries e USING audit_leaves l
        WHERE l.org_id = org AND l.leaf_index >= removed AND l.leaf_index < upto AND e.id = l.entry_id AND e.org_id = org;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- Whoever may connect may not therefore remove: the program's role is given this where something is to be removed at all.
REVOKE ALL ON FUNCTION retain_audit(UUID, BIGINT, BIGINT, BIGINT) FROM PUBLIC;

-- No table of the caller's own, a temporary one say, stands in for those that are meant.
DO $do$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_retention_guard_insert()', 'audit_entries_guard_delete()', 'audit_personal_guard_delete()',
        'retain_audit(UUID, BIGINT, BIGINT, BIGINT)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END $do$;

-- How much of what a workflow's runs do is on the record: with `data_access`, each call of the host.
ALTER TABLE workflow_versions ADD COLUMN audit TEXT NOT NULL DEFAULT 'activity' CHECK (audit IN ('activity', 'data_access'));
