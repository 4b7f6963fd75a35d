-- What audit entries say about people, out of the entries: an entry only commits to each value, by SHA-256 of salt and value, so that
-- erasing a person leaves all entries, and what is proved of them, as they are.

-- `field` is a JSON pointer into the entry; `subject` the account, person or invitation that the value is about. Erased, a row has
-- neither salt nor value.
CREATE TABLE audit_personal (
    entry_id BLOB NOT NULL CHECK (length(entry_id) = 16),
    field TEXT NOT NULL,
    org_id BLOB NOT NULL,
    subject BLOB,
    salt BLOB CHECK (length(salt) = 16),
    value TEXT,
    PRIMARY KEY (entry_id, field),
    CHECK ((salt IS NULL) = (value IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_personal_of_subject ON audit_personal (org_id, subject) WHERE value IS NOT NULL;

CREATE TRIGGER audit_personal_guard_insert BEFORE INSERT ON audit_personal BEGIN
    SELECT RAISE(ABORT, 'guard: this personal value exists')
        WHERE EXISTS (SELECT 1 FROM audit_personal WHERE entry_id = NEW.entry_id AND field = NEW.field);
    SELECT RAISE(ABORT, 'guard: a personal value is written with its entry, and erased later') WHERE NEW.value IS NULL;
END;
CREATE TRIGGER audit_personal_guard_update BEFORE UPDATE ON audit_personal BEGIN
    SELECT RAISE(ABORT, 'guard: a personal value can only be erased')
        WHERE NEW.value IS NOT NULL OR NEW.salt IS NOT NULL OR NEW.entry_id IS NOT OLD.entry_id OR NEW.field IS NOT OLD.field
        OR NEW.org_id IS NOT OLD.org_id OR NEW.subject IS NOT OLD.subject;
END;
CREATE TRIGGER audit_personal_guard_delete BEFORE DELETE ON audit_personal BEGIN
    SELECT RAISE(ABORT, 'guard: a personal value can only be erased');
END;

-- A removed member may be erased: the tombstone stays, without the name.
ALTER TABLE accounts ADD COLUMN erased_at INTEGER
    CHECK (erased_at IS NULL OR (kind = 'member' AND deleted_at IS NOT NULL AND name = '(erased)'));
DROP TRIGGER accounts_guard_update;
CREATE TRIGGER accounts_guard_update BEFORE UPDATE ON accounts BEGIN
    SELECT RAISE(ABORT, 'guard: the base account is immutable') WHERE OLD.kind = 'base';
    SELECT RAISE(ABORT, 'guard: an account''s id, organization, kind and person are final')
        WHERE NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.kind IS NOT OLD.kind OR NEW.person_id IS NOT OLD.person_id;
    SELECT RAISE(ABORT, 'guard: an account once deleted stays so, but for the name of an erased member') WHERE OLD.deleted_at IS NOT NULL
        AND (OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.created_at IS NOT OLD.created_at);
    SELECT RAISE(ABORT, 'guard: only a member who was removed is erased') WHERE OLD.deleted_at IS NULL AND NEW.erased_at IS NOT NULL;
    SELECT RAISE(ABORT, 'guard: a key account keeps its nickname') WHERE OLD.kind = 'api_key' AND NEW.name IS NOT OLD.name;
    SELECT RAISE(ABORT, 'guard: a key account goes with its key')
        WHERE OLD.kind = 'api_key' AND NEW.deleted_at IS NOT NULL AND EXISTS
        (SELECT 1 FROM api_keys WHERE account_id = OLD.id AND revoked_at IS NULL);
END;

-- The address of an invitation that was taken up or withdrawn may be erased.
DROP TRIGGER invitations_guard_update;
CREATE TRIGGER invitations_guard_update BEFORE UPDATE ON invitations BEGIN
    SELECT RAISE(ABORT, 'guard: an invitation can only be taken up or withdrawn, once, and its address erased then')
        WHERE NEW.token_hash IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.roles IS NOT OLD.roles
        OR NEW.invited_by IS NOT OLD.invited_by OR NEW.created_at IS NOT OLD.created_at OR NEW.expires_at IS NOT OLD.expires_at
        OR (OLD.token_hash IS NOT NULL AND NEW.email IS NOT OLD.email)
        OR (OLD.token_hash IS NULL AND (NEW.email IS NOT '(erased)' OR NEW.accepted_at IS NOT OLD.accepted_at
            OR NEW.accepted_by IS NOT OLD.accepted_by OR NEW.revoked_at IS NOT OLD.revoked_at));
    SELECT RAISE(ABORT, 'guard: an invitation is taken up by a member of its organization')
        WHERE NEW.accepted_by IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.accepted_by AND kind = 'member');
END;
