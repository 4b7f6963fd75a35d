-- Organizations, people, accounts, roles, API keys. Ids are 16-byte UUIDs, times microseconds since the epoch, UTC.
-- What the code promises is repeated here as constraints and guard triggers: a connection may have foreign keys off, and
-- INSERT OR REPLACE fires no delete trigger, so each composite key stands a second time as a BEFORE trigger.

CREATE TABLE organizations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    base_account_id BLOB NOT NULL UNIQUE CHECK (length(base_account_id) = 16),
    created_at INTEGER NOT NULL,
    suspended_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A person is never replaced by another with the same id or address: an insert that collides is skipped, as ON CONFLICT DO
-- NOTHING does.
CREATE TRIGGER people_guard_insert BEFORE INSERT ON people BEGIN
    SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM people WHERE id = NEW.id OR email = NEW.email);
END;
CREATE TRIGGER people_guard_update BEFORE UPDATE ON people BEGIN
    SELECT RAISE(ABORT, 'guard: a person''s id is final') WHERE NEW.id IS NOT OLD.id;
    SELECT RAISE(ABORT, 'guard: another person has this address')
        WHERE EXISTS (SELECT 1 FROM people WHERE email = NEW.email AND id IS NOT OLD.id);
END;
CREATE TRIGGER people_guard_delete BEFORE DELETE ON people BEGIN
    SELECT RAISE(ABORT, 'guard: a person who is or was a member is not deleted')
        WHERE EXISTS (SELECT 1 FROM accounts WHERE person_id = OLD.id);
END;

CREATE TABLE accounts (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('member', 'base', 'api_key')),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    person_id BLOB REFERENCES people (id),
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CHECK ((kind = 'member') = (person_id IS NOT NULL)),
    CHECK (kind <> 'base' OR (name = 'Service Account' AND deleted_at IS NULL)),
    UNIQUE (org_id, id, kind)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX accounts_one_base ON accounts (org_id) WHERE kind = 'base';
CREATE UNIQUE INDEX accounts_one_membership ON accounts (org_id, person_id) WHERE deleted_at IS NULL AND person_id IS NOT NULL;

CREATE TRIGGER organizations_make_base AFTER INSERT ON organizations BEGIN
    INSERT INTO accounts (id, org_id, kind, name, created_at)
    VALUES (NEW.base_account_id, NEW.id, 'base', 'Service Account', NEW.created_at);
END;
CREATE TRIGGER organizations_guard_insert BEFORE INSERT ON organizations BEGIN
    SELECT RAISE(ABORT, 'guard: this organization id exists') WHERE EXISTS (SELECT 1 FROM organizations WHERE id = NEW.id);
    SELECT RAISE(ABORT, 'guard: this base account belongs to another organization')
        WHERE EXISTS (SELECT 1 FROM organizations WHERE base_account_id = NEW.base_account_id)
        OR EXISTS (SELECT 1 FROM accounts WHERE id = NEW.base_account_id);
END;
CREATE TRIGGER organizations_guard_update BEFORE UPDATE ON organizations
WHEN NEW.id IS NOT OLD.id OR NEW.base_account_id IS NOT OLD.base_account_id OR NEW.created_at IS NOT OLD.created_at BEGIN
    SELECT RAISE(ABORT, 'guard: an organization''s id and base account are final');
END;
CREATE TRIGGER organizations_guard_delete BEFORE DELETE ON organizations BEGIN
    SELECT RAISE(ABORT, 'guard: an organization is never deleted');
END;

CREATE TRIGGER accounts_guard_insert BEFORE INSERT ON accounts BEGIN
    SELECT RAISE(ABORT, 'guard: this account id exists') WHERE EXISTS (SELECT 1 FROM accounts WHERE id = NEW.id);
    SELECT RAISE(ABORT, 'guard: no such organization') WHERE NOT EXISTS (SELECT 1 FROM organizations WHERE id = NEW.org_id);
    SELECT RAISE(ABORT, 'guard: only an organization''s own base account may be base')
        WHERE NEW.kind = 'base' AND NOT EXISTS (SELECT 1 FROM organizations WHERE id = NEW.org_id AND base_account_id = NEW.id);
    SELECT RAISE(ABORT, 'guard: an organization has one base account')
        WHERE NEW.kind = 'base' AND EXISTS (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND kind = 'base');
    SELECT RAISE(ABORT, 'guard: no such person')
        WHERE NEW.person_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM people WHERE id = NEW.person_id);
    SELECT RAISE(ABORT, 'guard: this person is a member already')
        WHERE NEW.person_id IS NOT NULL AND NEW.deleted_at IS NULL AND EXISTS
        (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND person_id = NEW.person_id AND deleted_at IS NULL);
END;
CREATE TRIGGER accounts_guard_update BEFORE UPDATE ON accounts BEGIN
    SELECT RAISE(ABORT, 'guard: the base account is immutable') WHERE OLD.kind = 'base';
    SELECT RAISE(ABORT, 'guard: an account''s id, organization, kind and person are final')
        WHERE NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.kind IS NOT OLD.kind OR NEW.person_id IS NOT OLD.person_id;
    SELECT RAISE(ABORT, 'guard: an account once deleted stays so') WHERE OLD.deleted_at IS NOT NULL;
    SELECT RAISE(ABORT, 'guard: a key account keeps its nickname') WHERE OLD.kind = 'api_key' AND NEW.name IS NOT OLD.name;
    SELECT RAISE(ABORT, 'guard: a key account goes with its key')
        WHERE OLD.kind = 'api_key' AND NEW.deleted_at IS NOT NULL AND EXISTS
        (SELECT 1 FROM api_keys WHERE account_id = OLD.id AND revoked_at IS NULL);
END;
CREATE TRIGGER accounts_guard_delete BEFORE DELETE ON accounts BEGIN
    SELECT RAISE(ABORT, 'guard: an account is never deleted, only marked');
END;

-- The kill switch of one account; beside `accounts`, because the base account's row is immutable.
CREATE TABLE suspensions (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES accounts (id),
    org_id BLOB NOT NULL,
    suspended_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    person_id BLOB NOT NULL PRIMARY KEY REFERENCES people (id),
    password_hash TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    person_id BLOB NOT NULL REFERENCES people (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    person_id BLOB NOT NULL REFERENCES people (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    last_seen_from TEXT,
    user_agent TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_person ON sessions (person_id);

CREATE TRIGGER credentials_guard_insert BEFORE INSERT ON credentials BEGIN
    SELECT RAISE(ABORT, 'guard: no such person') WHERE NOT EXISTS (SELECT 1 FROM people WHERE id = NEW.person_id);
END;
CREATE TRIGGER credentials_guard_update BEFORE UPDATE OF person_id ON credentials BEGIN
    SELECT RAISE(ABORT, 'guard: a credential''s person is final') WHERE NEW.person_id IS NOT OLD.person_id;
END;
CREATE TRIGGER identities_guard_insert BEFORE INSERT ON identities BEGIN
    SELECT RAISE(ABORT, 'guard: no such person') WHERE NOT EXISTS (SELECT 1 FROM people WHERE id = NEW.person_id);
END;
CREATE TRIGGER identities_guard_update BEFORE UPDATE OF person_id ON identities BEGIN
    SELECT RAISE(ABORT, 'guard: an identity''s person is final') WHERE NEW.person_id IS NOT OLD.person_id;
END;
CREATE TRIGGER sessions_guard_insert BEFORE INSERT ON sessions BEGIN
    SELECT RAISE(ABORT, 'guard: no such person') WHERE NOT EXISTS (SELECT 1 FROM people WHERE id = NEW.person_id);
END;
CREATE TRIGGER sessions_guard_update BEFORE UPDATE OF person_id ON sessions BEGIN
    SELECT RAISE(ABORT, 'guard: a session''s person is final') WHERE NEW.person_id IS NOT OLD.person_id;
END;

CREATE TABLE roles (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    grants TEXT NOT NULL,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1)),
    created_at INTEGER NOT NULL,
    UNIQUE (org_id, name),
    UNIQUE (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER roles_guard_insert BEFORE INSERT ON roles BEGIN
    SELECT RAISE(ABORT, 'guard: this role exists')
        WHERE EXISTS (SELECT 1 FROM roles WHERE id = NEW.id OR (org_id = NEW.org_id AND name = NEW.name));
    SELECT RAISE(ABORT, 'guard: no such organization') WHERE NOT EXISTS (SELECT 1 FROM organizations WHERE id = NEW.org_id);
END;
CREATE TRIGGER roles_guard_update BEFORE UPDATE ON roles BEGIN
    SELECT RAISE(ABORT, 'guard: a built-in role is immutable') WHERE OLD.built_in = 1 OR NEW.built_in = 1;
    SELECT RAISE(ABORT, 'guard: a role''s id and organization are final') WHERE NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id;
    SELECT RAISE(ABORT, 'guard: this role exists')
        WHERE EXISTS (SELECT 1 FROM roles WHERE org_id = NEW.org_id AND name = NEW.name AND id IS NOT OLD.id);
END;
CREATE TRIGGER roles_guard_delete BEFORE DELETE ON roles BEGIN
    SELECT RAISE(ABORT, 'guard: a built-in role is not deleted') WHERE OLD.built_in = 1;
    SELECT RAISE(ABORT, 'guard: a role that somebody has is not deleted')
        WHERE EXISTS (SELECT 1 FROM role_members WHERE org_id = OLD.org_id AND role_id = OLD.id);
END;

CREATE TABLE role_members (
    org_id BLOB NOT NULL,
    role_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    kind TEXT NOT NULL DEFAULT 'member' CHECK (kind = 'member'),
    PRIMARY KEY (org_id, account_id, role_id),
    FOREIGN KEY (org_id, account_id, kind) REFERENCES accounts (org_id, id, kind),
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER role_members_guard_insert BEFORE INSERT ON role_members BEGIN
    SELECT RAISE(ABORT, 'guard: only a member of the organization can have a role') WHERE NOT EXISTS
        (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.account_id AND kind = 'member' AND kind = NEW.kind);
    SELECT RAISE(ABORT, 'guard: no such role in the organization') WHERE NOT EXISTS
        (SELECT 1 FROM roles WHERE org_id = NEW.org_id AND id = NEW.role_id);
END;
CREATE TRIGGER role_members_guard_update BEFORE UPDATE ON role_members BEGIN
    SELECT RAISE(ABORT, 'guard: a role''s membership is made and removed, never changed');
END;

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL,
    account_id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL DEFAULT 'api_key' CHECK (kind = 'api_key'),
    secret_hash BLOB UNIQUE CHECK (secret_hash IS NULL OR length(secret_hash) = 32),
    prefix TEXT NOT NULL,
    nickname TEXT NOT NULL,
    skeleton TEXT NOT NULL,
    grants TEXT NOT NULL CHECK (grants <> '[]'),
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    allowed_networks TEXT NOT NULL DEFAULT '[]',
    rotated_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    last_used_from TEXT,
    CHECK ((revoked_at IS NULL) = (secret_hash IS NOT NULL)),
    FOREIGN KEY (org_id, account_id, kind) REFERENCES accounts (org_id, id, kind)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX api_keys_one_nickname ON api_keys (org_id, skeleton) WHERE revoked_at IS NULL AND rotated_at IS NULL;

CREATE TRIGGER api_keys_guard_insert BEFORE INSERT ON api_keys BEGIN
    SELECT RAISE(ABORT, 'guard: this key id or secret exists') WHERE EXISTS
        (SELECT 1 FROM api_keys WHERE id = NEW.id OR account_id = NEW.account_id OR secret_hash = NEW.secret_hash);
    SELECT RAISE(ABORT, 'guard: a key needs its own key account in its organization') WHERE NOT EXISTS
        (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.account_id AND kind = 'api_key' AND deleted_at IS NULL AND name = NEW.nickname);
    SELECT RAISE(ABORT, 'guard: a key is made active') WHERE NEW.revoked_at IS NOT NULL OR NEW.rotated_at IS NOT NULL;
    SELECT RAISE(ABORT, 'guard: nickname in use') WHERE EXISTS (SELECT 1 FROM api_keys
        WHERE org_id = NEW.org_id AND skeleton = NEW.skeleton AND revoked_at IS NULL AND rotated_at IS NULL);
END;
CREATE TRIGGER api_keys_guard_update BEFORE UPDATE ON api_keys BEGIN
    SELECT RAISE(ABORT, 'guard: a key''s account, grants, nickname and origin are final')
        WHERE NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.account_id IS NOT OLD.account_id
        OR NEW.grants IS NOT OLD.grants OR NEW.nickname IS NOT OLD.nickname OR NEW.skeleton IS NOT OLD.skeleton
        OR NEW.prefix IS NOT OLD.prefix OR NEW.created_by IS NOT OLD.created_by OR NEW.created_at IS NOT OLD.created_at
        OR NEW.allowed_networks IS NOT OLD.allowed_networks;
    SELECT RAISE(ABORT, 'guard: a key''s secret can only be erased')
        WHERE NEW.secret_hash IS NOT NULL AND NEW.secret_hash IS NOT OLD.secret_hash;
    SELECT RAISE(ABORT, 'guard: a revoked key stays revoked')
        WHERE OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at;
    SELECT RAISE(ABORT, 'guard: a key rotated out stays so')
        WHERE OLD.rotated_at IS NOT NULL AND NEW.rotated_at IS NOT OLD.rotated_at;
    SELECT RAISE(ABORT, 'guard: a key''s life can only be shortened')
        WHERE OLD.expires_at IS NOT NULL AND (NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at);
END;
CREATE TRIGGER api_keys_guard_delete BEFORE DELETE ON api_keys BEGIN
    SELECT RAISE(ABORT, 'guard: a key is never deleted, only revoked');
END;
-- I9: the account goes when its key is revoked.
CREATE TRIGGER api_keys_tombstone AFTER UPDATE OF revoked_at ON api_keys
WHEN OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL BEGIN
    UPDATE accounts SET deleted_at = NEW.revoked_at WHERE id = NEW.account_id AND deleted_at IS NULL;
END;

-- Envelope encryption: data keys, wrapped by the master key, which is never in the database.
CREATE TABLE data_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    master_key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    org_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    data_key_id BLOB NOT NULL REFERENCES data_keys (id),
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, name)
) STRICT, WITHOUT ROWID;

-- Answers to POSTs with an Idempotency-Key, for 24 hours.
CREATE TABLE idempotency_keys (
    account_id BLOB NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status INTEGER,
    answer TEXT,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
