-- How people come in and stay: invitations, sessions, one-time links, second factors, log-ins at an identity provider.
-- Secrets that are only compared are stored as SHA-256; a TOTP secret, which has to be read, is sealed.

-- A session is one member account's: the composite key and its guard keep service accounts out (I11). The table is made anew:
-- it held nothing before.
DROP TABLE sessions;
CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    org_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    kind TEXT NOT NULL DEFAULT 'member' CHECK (kind = 'member'),
    person_id BLOB NOT NULL REFERENCES people (id),
    method TEXT NOT NULL CHECK (method IN ('password', 'oidc', 'invitation', 'setup')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    last_seen_from TEXT,
    user_agent TEXT,
    FOREIGN KEY (org_id, account_id, kind) REFERENCES accounts (org_id, id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_person ON sessions (person_id);
CREATE INDEX sessions_of_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TRIGGER sessions_guard_insert BEFORE INSERT ON sessions BEGIN
    SELECT RAISE(ABORT, 'guard: this session exists')
        WHERE EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id OR token_hash = NEW.token_hash);
    SELECT RAISE(ABORT, 'guard: only a member who is there has a session') WHERE NOT EXISTS
        (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.account_id AND kind = 'member' AND kind = NEW.kind
            AND person_id = NEW.person_id AND deleted_at IS NULL);
END;
CREATE TRIGGER sessions_guard_update BEFORE UPDATE ON sessions
WHEN NEW.id IS NOT OLD.id OR NEW.token_hash IS NOT OLD.token_hash OR NEW.org_id IS NOT OLD.org_id OR NEW.account_id IS NOT OLD.account_id
    OR NEW.kind IS NOT OLD.kind OR NEW.person_id IS NOT OLD.person_id OR NEW.method IS NOT OLD.method
    OR NEW.created_at IS NOT OLD.created_at OR NEW.expires_at > OLD.expires_at BEGIN
    SELECT RAISE(ABORT, 'guard: a session is made and ended, never changed or prolonged');
END;

-- Who is removed is logged out, and has no role any more.
CREATE TRIGGER accounts_end_sessions AFTER UPDATE OF deleted_at ON accounts
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL BEGIN
    DELETE FROM sessions WHERE account_id = NEW.id;
    DELETE FROM role_members WHERE org_id = NEW.org_id AND account_id = NEW.id;
END;

-- `roles` holds role ids. The inviter's rights are looked at once more when the invitation is taken up.
CREATE TABLE invitations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL CHECK (email = lower(email)),
    roles TEXT NOT NULL,
    token_hash BLOB UNIQUE CHECK (token_hash IS NULL OR length(token_hash) = 32),
    invited_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    accepted_at INTEGER,
    accepted_by BLOB,
    revoked_at INTEGER,
    CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CHECK (accepted_at IS NULL OR revoked_at IS NULL),
    CHECK ((token_hash IS NULL) = (accepted_at IS NOT NULL OR revoked_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX invitations_one_open ON invitations (org_id, email) WHERE token_hash IS NOT NULL;
CREATE TRIGGER invitations_guard_insert BEFORE INSERT ON invitations BEGIN
    SELECT RAISE(ABORT, 'guard: this invitation exists') WHERE EXISTS (SELECT 1 FROM invitations
        WHERE id = NEW.id OR token_hash = NEW.token_hash OR (org_id = NEW.org_id AND email = NEW.email AND token_hash IS NOT NULL));
    SELECT RAISE(ABORT, 'guard: no such organization') WHERE NOT EXISTS (SELECT 1 FROM organizations WHERE id = NEW.org_id);
    SELECT RAISE(ABORT, 'guard: an invitation is made open') WHERE NEW.token_hash IS NULL;
    SELECT RAISE(ABORT, 'guard: only an account of the organization invites to it')
        WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.invited_by);
END;
CREATE TRIGGER invitations_guard_update BEFORE UPDATE ON invitations BEGIN
    SELECT RAISE(ABORT, 'guard: an invitation can only be taken up or withdrawn, once')
        WHERE OLD.token_hash IS NULL OR NEW.token_hash IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id
        OR NEW.email IS NOT OLD.email OR NEW.roles IS NOT OLD.roles OR NEW.invited_by IS NOT OLD.invited_by
        OR NEW.created_at IS NOT OLD.created_at OR NEW.expires_at IS NOT OLD.expires_at;
    SELECT RAISE(ABORT, 'guard: an invitation is taken up by a member of its organization')
        WHERE NEW.accepted_by IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.accepted_by AND kind = 'member');
END;
CREATE TRIGGER invitations_guard_delete BEFORE DELETE ON invitations BEGIN
    SELECT RAISE(ABORT, 'guard: an invitation is withdrawn, never deleted');
END;

-- Links that work once: to set a new password, to make the first organization.
CREATE TABLE one_time_links (
    token_hash BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    purpose TEXT NOT NULL CHECK (purpose IN ('password_reset', 'setup')),
    person_id BLOB REFERENCES people (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    CHECK ((purpose = 'setup') = (person_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_links_expiry ON one_time_links (expires_at);
-- Nodes that start together make one link to the first organization, not one each.
CREATE UNIQUE INDEX one_time_links_one_setup ON one_time_links (purpose) WHERE purpose = 'setup' AND used_at IS NULL;
CREATE TRIGGER one_time_links_guard_insert BEFORE INSERT ON one_time_links BEGIN
    SELECT RAISE(ABORT, 'guard: this link exists') WHERE EXISTS (SELECT 1 FROM one_time_links WHERE token_hash = NEW.token_hash);
    SELECT RAISE(ABORT, 'guard: no such person')
        WHERE NEW.person_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM people WHERE id = NEW.person_id);
END;
CREATE TRIGGER one_time_links_guard_update BEFORE UPDATE ON one_time_links BEGIN
    SELECT RAISE(ABORT, 'guard: a link works once') WHERE OLD.used_at IS NOT NULL OR NEW.token_hash IS NOT OLD.token_hash
        OR NEW.purpose IS NOT OLD.purpose OR NEW.person_id IS NOT OLD.person_id OR NEW.expires_at IS NOT OLD.expires_at;
END;

-- The second factor. `last_step` is the newest time step whose code was taken: a code counts once (RFC 6238 §5.2).
CREATE TABLE totp (
    person_id BLOB NOT NULL PRIMARY KEY REFERENCES people (id),
    data_key_id BLOB NOT NULL REFERENCES data_keys (id),
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER totp_guard_insert BEFORE INSERT ON totp BEGIN
    SELECT RAISE(ABORT, 'guard: no such person') WHERE NOT EXISTS (SELECT 1 FROM people WHERE id = NEW.person_id);
END;
CREATE TRIGGER totp_guard_update BEFORE UPDATE ON totp WHEN NEW.person_id IS NOT OLD.person_id BEGIN
    SELECT RAISE(ABORT, 'guard: a second factor''s person is final');
END;

CREATE TABLE recovery_codes (
    person_id BLOB NOT NULL REFERENCES people (id),
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (person_id, code_hash)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER recovery_codes_guard_insert BEFORE INSERT ON recovery_codes BEGIN
    SELECT RAISE(ABORT, 'guard: no such person') WHERE NOT EXISTS (SELECT 1 FROM people WHERE id = NEW.person_id);
END;
CREATE TRIGGER recovery_codes_guard_update BEFORE UPDATE ON recovery_codes BEGIN
    SELECT RAISE(ABORT, 'guard: a recovery code is made and used, never changed');
END;

-- A log-in that went to the identity provider and has not come back: found by `state`, bound to the browser by its cookie.
CREATE TABLE oidc_flows (
    state_hash BLOB NOT NULL PRIMARY KEY CHECK (length(state_hash) = 32),
    browser_hash BLOB NOT NULL CHECK (length(browser_hash) = 32),
    data_key_id BLOB NOT NULL REFERENCES data_keys (id),
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oidc_flows_expiry ON oidc_flows (expires_at);
CREATE TRIGGER oidc_flows_guard_insert BEFORE INSERT ON oidc_flows BEGIN
    SELECT RAISE(ABORT, 'guard: this log-in exists') WHERE EXISTS (SELECT 1 FROM oidc_flows WHERE state_hash = NEW.state_hash);
END;
CREATE TRIGGER oidc_flows_guard_update BEFORE UPDATE ON oidc_flows BEGIN
    SELECT RAISE(ABORT, 'guard: a log-in under way is begun and taken out, never changed');
END;

-- An identity is linked and unlinked; it is never handed from one person to another, nor turned into another identity.
CREATE TRIGGER identities_guard_final BEFORE INSERT ON identities BEGIN
    SELECT RAISE(ABORT, 'guard: this identity exists')
        WHERE EXISTS (SELECT 1 FROM identities WHERE issuer = NEW.issuer AND subject = NEW.subject);
END;
CREATE TRIGGER identities_guard_change BEFORE UPDATE ON identities BEGIN
    SELECT RAISE(ABORT, 'guard: an identity is linked and unlinked, never changed');
END;
CREATE INDEX identities_of_person ON identities (person_id);

-- Counts each revocation, so that caches of keys on other nodes know when they are behind; and what each node has seen of it.
CREATE TABLE revocations (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO revocations (one, seq) VALUES (1, 0);
-- `INSERT OR REPLACE` would set the count back without an update.
CREATE TRIGGER revocations_guard_insert BEFORE INSERT ON revocations BEGIN
    SELECT RAISE(ABORT, 'guard: the count of revocations only grows');
END;
CREATE TRIGGER revocations_guard_update BEFORE UPDATE ON revocations WHEN NEW.seq <= OLD.seq BEGIN
    SELECT RAISE(ABORT, 'guard: the count of revocations only grows');
END;
CREATE TRIGGER revocations_guard_delete BEFORE DELETE ON revocations BEGIN
    SELECT RAISE(ABORT, 'guard: the count of revocations only grows');
END;
CREATE TRIGGER api_keys_count_revocation AFTER UPDATE ON api_keys
WHEN NEW.revoked_at IS NOT OLD.revoked_at OR NEW.expires_at IS NOT OLD.expires_at BEGIN
    UPDATE revocations SET seq = seq + 1 WHERE one = 1;
END;
ALTER TABLE nodes ADD COLUMN revocations_seen INTEGER NOT NULL DEFAULT 0;
