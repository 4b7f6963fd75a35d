-- How people come in and stay: invitations, sessions, one-time links, second factors, log-ins at an identity provider.
-- Secrets that are only compared are stored as SHA-256; a TOTP secret, which has to be read, is sealed.

-- A session is one member account's: the composite key keeps service accounts out (I11). The table is made anew: it held
-- nothing before.
DROP TABLE sessions;
CREATE TABLE sessions (
    id UUID NOT NULL PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    org_id UUID NOT NULL,
    account_id UUID NOT NULL,
    kind TEXT NOT NULL DEFAULT 'member' CHECK (kind = 'member'),
    person_id UUID NOT NULL REFERENCES people (id),
    method TEXT NOT NULL CHECK (method IN ('password', 'oidc', 'invitation', 'setup')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    last_seen_from TEXT,
    user_agent TEXT,
    FOREIGN KEY (org_id, account_id, kind) REFERENCES accounts (org_id, id, kind)
);
CREATE INDEX sessions_of_person ON sessions (person_id);
CREATE INDEX sessions_of_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- The account's row is held, so that a removal that goes on at the same time finds the session, or the session finds it removed.
CREATE FUNCTION sessions_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.account_id AND kind = 'member'
        AND person_id = NEW.person_id AND deleted_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'guard: only a member who is there has a session' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sessions_guard_insert BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION sessions_guard_insert();
CREATE TRIGGER sessions_guard_update BEFORE UPDATE ON sessions FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.token_hash IS DISTINCT FROM OLD.token_hash OR NEW.org_id IS DISTINCT FROM OLD.org_id
        OR NEW.account_id IS DISTINCT FROM OLD.account_id OR NEW.kind IS DISTINCT FROM OLD.kind
        OR NEW.person_id IS DISTINCT FROM OLD.person_id OR NEW.method IS DISTINCT FROM OLD.method
        OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.expires_at > OLD.expires_at)
    EXECUTE FUNCTION guard_refuses('a session is made and ended, never changed or prolonged');

-- Who is removed is logged out, and has no role any more.
CREATE FUNCTION accounts_end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sessions WHERE account_id = NEW.id;
    DELETE FROM role_members WHERE org_id = NEW.org_id AND account_id = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_end_sessions AFTER UPDATE OF deleted_at ON accounts FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION accounts_end_sessions();

-- `roles` holds role ids. The inviter's rights are looked at once more when the invitation is taken up.
CREATE TABLE invitations (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL CHECK (email = lower(email)),
    roles TEXT NOT NULL,
    token_hash BYTEA UNIQUE CHECK (token_hash IS NULL OR length(token_hash) = 32),
    invited_by UUID NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    accepted_by UUID,
    revoked_at BIGINT,
    CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CHECK (accepted_at IS NULL OR revoked_at IS NULL),
    CHECK ((token_hash IS NULL) = (accepted_at IS NOT NULL OR revoked_at IS NOT NULL))
);
CREATE UNIQUE INDEX invitations_one_open ON invitations (org_id, email) WHERE token_hash IS NOT NULL;
CREATE FUNCTION invitations_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.token_hash IS NULL THEN
        RAISE EXCEPTION 'guard: an invitation is made open' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.invited_by) THEN
        RAISE EXCEPTION 'guard: only an account of the organization invites to it' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invitations_guard_insert BEFORE INSERT ON invitations FOR EACH ROW EXECUTE FUNCTION invitations_guard_insert();
CREATE TRIGGER invitations_guard_update BEFORE UPDATE ON invitations FOR EACH ROW
    WHEN (OLD.token_hash IS NULL OR NEW.token_hash IS NOT NULL OR NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id
        OR NEW.email IS DISTINCT FROM OLD.email OR NEW.roles IS DISTINCT FROM OLD.roles
        OR NEW.invited_by IS DISTINCT FROM OLD.invited_by OR NEW.created_at IS DISTINCT FROM OLD.created_at
        OR NEW.expires_at IS DISTINCT FROM OLD.expires_at)
    EXECUTE FUNCTION guard_refuses('an invitation can only be taken up or withdrawn, once');
CREATE FUNCTION invitations_guard_taken_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.accepted_by AND kind = 'member') THEN
        RAISE EXCEPTION 'guard: an invitation is taken up by a member of its organization' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invitations_guard_taken_up BEFORE UPDATE ON invitations FOR EACH ROW
    WHEN (NEW.accepted_by IS NOT NULL) EXECUTE FUNCTION invitations_guard_taken_up();
CREATE TRIGGER invitations_guard_delete BEFORE DELETE ON invitations
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('an invitation is withdrawn, never deleted');
CREATE TRIGGER invitations_guard_truncate BEFORE TRUNCATE ON invitations
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('an invitation is withdrawn, never deleted');

-- Links that work once: to set a new password, to make the first organization.
CREATE TABLE one_time_links (
    token_hash BYTEA NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    purpose TEXT NOT NULL CHECK (purpose IN ('password_reset', 'setup')),
    person_id UUID REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    CHECK ((purpose = 'setup') = (person_id IS NULL))
);
CREATE INDEX one_time_links_expiry ON one_time_links (expires_at);
-- Nodes that start together make one link to the first organization, not one each.
CREATE UNIQUE INDEX one_time_links_one_setup ON one_time_links (purpose) WHERE purpose = 'setup' AND used_at IS NULL;
CREATE TRIGGER one_time_links_guard_update BEFORE UPDATE ON one_time_links FOR EACH ROW
    WHEN (OLD.used_at IS NOT NULL OR NEW.token_hash IS DISTINCT FROM OLD.token_hash OR NEW.purpose IS DISTINCT FROM OLD.purpose
        OR NEW.person_id IS DISTINCT FROM OLD.person_id OR NEW.expires_at IS DISTINCT FROM OLD.expires_at)
    EXECUTE FUNCTION guard_refuses('a link works once');

-- The second factor. `last_step` is the newest time step whose code was taken: a code counts once (RFC 6238 §5.2).
CREATE TABLE totp (
    person_id UUID NOT NULL PRIMARY KEY REFERENCES people (id),
    data_key_id UUID NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL DEFAULT 0
);
CREATE TRIGGER totp_guard_update BEFORE UPDATE ON totp FOR EACH ROW
    WHEN (NEW.person_id IS DISTINCT FROM OLD.person_id) EXECUTE FUNCTION guard_refuses('a second factor''s person is final');

CREATE TABLE recovery_codes (
    person_id UUID NOT NULL REFERENCES people (id),
    code_hash BYTEA NOT NULL CHECK (length(code_hash) = 32),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, code_hash)
);
CREATE TRIGGER recovery_codes_guard_update BEFORE UPDATE ON recovery_codes
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a recovery code is made and used, never changed');

-- A log-in that went to the identity provider and has not come back: found by `state`, bound to the browser by its cookie.
CREATE TABLE oidc_flows (
    state_hash BYTEA NOT NULL PRIMARY KEY CHECK (length(state_hash) = 32),
    browser_hash BYTEA NOT NULL CHECK (length(browser_hash) = 32),
    data_key_id UUID NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX oidc_flows_expiry ON oidc_flows (expires_at);
CREATE TRIGGER oidc_flows_guard_update BEFORE UPDATE ON oidc_flows
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a log-in under way is begun and taken out, never changed');

-- An identity is linked and unlinked; it is never handed from one person to another, nor turned into another identity.
CREATE TRIGGER identities_guard_change BEFORE UPDATE ON identities
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('an identity is linked and unlinked, never changed');
CREATE INDEX identities_of_person ON identities (person_id);

-- Counts each revocation, so that caches of keys on other nodes know when they are behind; and what each node has seen of it.
-- One row, taken by each revocation: the count grows in the order of commits, which a sequence would not.
CREATE TABLE revocations (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL
);
INSERT INTO revocations (one, seq) VALUES (1, 0);
CREATE TRIGGER revocations_guard_update BEFORE UPDATE ON revocations FOR EACH ROW
    WHEN (NEW.seq <= OLD.seq) EXECUTE FUNCTION guard_refuses('the count of revocations only grows');
CREATE TRIGGER revocations_guard_delete BEFORE DELETE ON revocations
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('the count of revocations only grows');
CREATE TRIGGER revocations_guard_truncate BEFORE TRUNCATE ON revocations
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('the count of revocations only grows');
CREATE FUNCTION api_keys_count_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE revocations SET seq = seq + 1 WHERE one = 1;
    RETURN NEW;
END $$;
CREATE TRIGGER api_keys_count_revocation AFTER UPDATE ON api_keys FOR EACH ROW
    WHEN (NEW.revoked_at IS DISTINCT FROM OLD.revoked_at OR NEW.expires_at IS DISTINCT FROM OLD.expires_at)
    EXECUTE FUNCTION api_keys_count_revocation();
ALTER TABLE nodes ADD COLUMN revocations_seen BIGINT NOT NULL DEFAULT 0;
