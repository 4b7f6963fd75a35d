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

-- Beginnings of logs that were removed: the entries of all leaves below `size`. The leaves stay, so that what was proved stays proved. A
-- row is written by the transaction that removes; it is what lets the guards of the entries give way, and it must be true: all of it was
-- sealed, is there to the last entry, was older than `older_than`, and that is at least 30 days ago; the newest leaf always stays.
CREATE TABLE audit_retention (
    org_id BLOB NOT NULL,
    size INTEGER NOT NULL CHECK (size > 0),
    older_than INTEGER NOT NULL,
    checkpoint_size INTEGER NOT NULL,
    checkpoint_root BLOB NOT NULL CHECK (length(checkpoint_root) = 32),
    at INTEGER NOT NULL,
    PRIMARY KEY (org_id, size)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_retention_guard_insert BEFORE INSERT ON audit_retention BEGIN
    SELECT RAISE(ABORT, 'guard: what was removed of the audit trail only grows')
        WHERE NEW.size <= (SELECT coalesce(max(size), 0) FROM audit_retention WHERE org_id = NEW.org_id);
    SELECT RAISE(ABORT, 'guard: no audit entry is removed that is not 30 days old')
        WHERE NEW.older_than > unixepoch('subsec') * 1000000 - 2592000000000;
    SELECT RAISE(ABORT, 'guard: only what the newest checkpoint covers is removed of the audit trail, and never all of it')
        WHERE NOT EXISTS (SELECT 1 FROM audit_checkpoints c WHERE c.org_id = NEW.org_id AND c.size = NEW.checkpoint_size
            AND c.root = NEW.checkpoint_root AND NEW.size < c.size AND c.checkpoint_index =
            (SELECT max(checkpoint_index) FROM audit_checkpoints WHERE org_id = NEW.org_id));
    SELECT RAISE(ABORT, 'guard: a beginning of the audit trail is removed whole, and when all of it is past its time')
        WHERE NEW.size - (SELECT coalesce(max(size), 0) FROM audit_retention WHERE org_id = NEW.org_id) <>
        (SELECT count(*) FROM audit_leaves l JOIN audit_entries e ON e.org_id = l.org_id AND e.id = l.entry_id
            WHERE l.org_id = NEW.org_id AND l.leaf_index < NEW.size AND e.at < NEW.older_than
            AND l.leaf_index >= (SELECT coalesce(max(size), 0) FROM audit_retention WHERE org_id = NEW.org_id));
END;
CREATE TRIGGER audit_retention_guard_update BEFORE UPDATE ON audit_retention BEGIN
    SELECT RAISE(ABORT, 'guard: what was removed of the audit trail stays on the record');
END;
CREATE TRIGGER audit_retention_guard_delete BEFORE DELETE ON audit_retention BEGIN
    SELECT RAISE(ABORT, 'guard: what was removed of the audit trail stays on the record');
END;

DROP TRIGGER audit_entries_guard_delete;
CREATE TRIGGER audit_entries_guard_delete BEFORE DELETE ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'guard: the audit trail is append-only, but for a sealed beginning that is past its time')
        WHERE NOT EXISTS (SELECT 1 FROM audit_leaves l JOIN audit_retention r ON r.org_id = l.org_id AND r.size > l.leaf_index
            WHERE l.entry_id = OLD.id AND l.org_id = OLD.org_id);
END;
CREATE TRIGGER audit_personal_guard_delete BEFORE DELETE ON audit_personal BEGIN
    SELECT RAISE(ABORT, 'guard: a personal value can only be erased, or go with its entry')
        WHERE NOT EXISTS (SELECT 1 FROM audit_leaves l JOIN audit_retention r ON r.org_id = l.org_id AND r.size > l.leaf_index
            WHERE l.entry_id = OLD.entry_id AND l.org_id = OLD.org_id);
END;

-- How much of what a workflow's runs do is on the record: with `data_access`, each call of the host.
ALTER TABLE workflow_versions ADD COLUMN audit TEXT NOT NULL DEFAULT 'activity' CHECK (audit IN ('activity', 'data_access'));
