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
CREATE TRIGGER audit_personal_guard_delete BEFORE DELETE ON audit_personal
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a personal value can only be erased');
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
