-- Organizations, people, accounts, roles, API keys. Ids are 16-byte UUIDs, times microseconds since the epoch, UTC.
-- What the code promises is repeated here as constraints and guard triggers; TRUNCATE is guarded as well.

CREATE TABLE organizations (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    base_account_id UUID NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    suspended_at BIGINT
);

CREATE TABLE people (
    id UUID NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE accounts (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('member', 'base', 'api_key')),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    person_id UUID REFERENCES people (id),
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CHECK ((kind = 'member') = (person_id IS NOT NULL)),
    CHECK (kind <> 'base' OR (name = 'Service Account' AND deleted_at IS NULL)),
    UNIQUE (org_id, id, kind)
);

CREATE UNIQUE INDEX accounts_one_base ON accounts (org_id) WHERE kind = 'base';
CREATE UNIQUE INDEX accounts_one_membership ON accounts (org_id, person_id) WHERE deleted_at IS NULL AND person_id IS NOT NULL;

-- The kill switch of one account; beside `accounts`, because the base account's row is immutable.
CREATE TABLE suspensions (
    account_id UUID NOT NULL PRIMARY KEY REFERENCES accounts (id),
    org_id UUID NOT NULL,
    suspended_at BIGINT NOT NULL
);

CREATE TABLE credentials (
    person_id UUID NOT NULL PRIMARY KEY REFERENCES people (id),
    password_hash TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    person_id UUID NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE TABLE sessions (
    token_hash BYTEA NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    person_id UUID NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    last_seen_from TEXT,
    user_agent TEXT
);
CREATE INDEX sessions_of_person ON sessions (person_id);

CREATE TABLE roles (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    grants TEXT NOT NULL,
    built_in BIGINT NOT NULL CHECK (built_in IN (0, 1)),
    created_at BIGINT NOT NULL,
    UNIQUE (org_id, name),
    UNIQUE (org_id, id)
);

CREATE TABLE role_members (
    org_id UUID NOT NULL,
    role_id UUID NOT NULL,
    account_id UUID NOT NULL,
    kind TEXT NOT NULL DEFAULT 'member' CHECK (kind = 'member'),
    PRIMARY KEY (org_id, account_id, role_id),
    FOREIGN KEY (org_id, account_id, kind) REFERENCES accounts (org_id, id, kind),
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id)
);

CREATE TABLE api_keys (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL,
    account_id UUID NOT NULL UNIQUE,
    kind TEXT NOT NULL DEFAULT 'api_key' CHECK (kind = 'api_key'),
    secret_hash BYTEA UNIQUE CHECK (secret_hash IS NULL OR length(secret_hash) = 32),
    prefix TEXT NOT NULL,
    nickname TEXT NOT NULL,
    skeleton TEXT NOT NULL,
    grants TEXT NOT NULL CHECK (grants <> '[]'),
    created_by UUID NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    allowed_networks TEXT NOT NULL DEFAULT '[]',
    rotated_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    last_used_from TEXT,
    CHECK ((revoked_at IS NULL) = (secret_hash IS NOT NULL)),
    FOREIGN KEY (org_id, account_id, kind) REFERENCES accounts (org_id, id, kind)
);

CREATE UNIQUE INDEX api_keys_one_nickname ON api_keys (org_id, skeleton) WHERE revoked_at IS NULL AND rotated_at IS NULL;

-- Envelope encryption: data keys, wrapped by the master key, which is never in the database.
CREATE TABLE data_keys (
    id UUID NOT NULL PRIMARY KEY,
    master_key_id TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE secrets (
    org_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    data_key_id UUID NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, name)
);

-- Answers to POSTs with an Idempotency-Key, for 24 hours.
CREATE TABLE idempotency_keys (
    account_id UUID NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BYTEA NOT NULL,
    status BIGINT,
    answer TEXT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, route, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

CREATE FUNCTION guard_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'guard: %', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION organizations_make_base() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts (id, org_id, kind, name, created_at)
    VALUES (NEW.base_account_id, NEW.id, 'base', 'Service Account', NEW.created_at);
    RETURN NEW;
END $$;
CREATE TRIGGER organizations_make_base AFTER INSERT ON organizations
    FOR EACH ROW EXECUTE FUNCTION organizations_make_base();
CREATE TRIGGER organizations_guard_update BEFORE UPDATE ON organizations FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.base_account_id IS DISTINCT FROM OLD.base_account_id OR NEW.created_at IS DISTINCT FROM OLD.created_at)
    EXECUTE FUNCTION guard_refuses('an organization''s id and base account are final');
CREATE TRIGGER organizations_guard_delete BEFORE DELETE ON organizations
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('an organization is never deleted');
CREATE TRIGGER organizations_guard_truncate BEFORE TRUNCATE ON organizations
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('an organization is never deleted');

CREATE FUNCTION accounts_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'base' AND NOT EXISTS (SELECT 1 FROM organizations WHERE id = NEW.org_id AND base_account_id = NEW.id) THEN
        RAISE EXCEPTION 'guard: only an organization''s own base account may be base' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_guard_insert BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION accounts_guard_insert();

CREATE FUNCTION accounts_guard_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.kind = 'base' THEN
        RAISE EXCEPTION 'guard: the base account is immutable' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id OR NEW.kind IS DISTINCT FROM OLD.kind
        OR NEW.person_id IS DISTINCT FROM OLD.person_id THEN
        RAISE EXCEPTION 'guard: an account''s id, organization, kind and person are final' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.deleted_at IS NOT NULL THEN
        RAISE EXCEPTION 'guard: an account once deleted stays so' USING ERRCODE = 'integrity_constraint_violation';
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
CREATE TRIGGER accounts_guard_update BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION accounts_guard_update();
CREATE TRIGGER accounts_guard_delete BEFORE DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('an account is never deleted, only marked');
CREATE TRIGGER accounts_guard_truncate BEFORE TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('an account is never deleted, only marked');

CREATE TRIGGER credentials_guard_update BEFORE UPDATE ON credentials FOR EACH ROW
    WHEN (NEW.person_id IS DISTINCT FROM OLD.person_id) EXECUTE FUNCTION guard_refuses('a credential''s person is final');
CREATE TRIGGER identities_guard_update BEFORE UPDATE ON identities FOR EACH ROW
    WHEN (NEW.person_id IS DISTINCT FROM OLD.person_id) EXECUTE FUNCTION guard_refuses('an identity''s person is final');
CREATE TRIGGER sessions_guard_update BEFORE UPDATE ON sessions FOR EACH ROW
    WHEN (NEW.person_id IS DISTINCT FROM OLD.person_id) EXECUTE FUNCTION guard_refuses('a session''s person is final');
CREATE TRIGGER role_members_guard_update BEFORE UPDATE ON role_members
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a role''s membership is made and removed, never changed');

CREATE FUNCTION api_keys_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revoked_at IS NOT NULL OR NEW.rotated_at IS NOT NULL THEN
        RAISE EXCEPTION 'guard: a key is made active' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM accounts WHERE org_id = NEW.org_id AND id = NEW.account_id AND kind = 'api_key'
        AND deleted_at IS NULL AND name = NEW.nickname) THEN
        RAISE EXCEPTION 'guard: a key needs its own key account in its organization' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_keys_guard_insert BEFORE INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION api_keys_guard_insert();

CREATE FUNCTION api_keys_guard_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id OR NEW.account_id IS DISTINCT FROM OLD.account_id
        OR NEW.kind IS DISTINCT FROM OLD.kind
        OR NEW.grants IS DISTINCT FROM OLD.grants OR NEW.nickname IS DISTINCT FROM OLD.nickname OR NEW.skeleton IS DISTINCT FROM OLD.skeleton
        OR NEW.prefix IS DISTINCT FROM OLD.prefix OR NEW.created_by IS DISTINCT FROM OLD.created_by
        OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.allowed_networks IS DISTINCT FROM OLD.allowed_networks THEN
        RAISE EXCEPTION 'guard: a key''s account, grants, nickname and origin are final' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.secret_hash IS NOT NULL AND NEW.secret_hash IS DISTINCT FROM OLD.secret_hash THEN
        RAISE EXCEPTION 'guard: a key''s secret can only be erased' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION 'guard: a revoked key stays revoked' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.rotated_at IS NOT NULL AND NEW.rotated_at IS DISTINCT FROM OLD.rotated_at THEN
        RAISE EXCEPTION 'guard: a key rotated out stays so' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.expires_at IS NOT NULL AND (NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at) THEN
        RAISE EXCEPTION 'guard: a key''s life can only be shortened' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_keys_guard_update BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION api_keys_guard_update();
CREATE TRIGGER api_keys_guard_delete BEFORE DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a key is never deleted, only revoked');
CREATE TRIGGER api_keys_guard_truncate BEFORE TRUNCATE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('a key is never deleted, only revoked');

-- I9: the account goes when its key is revoked.
CREATE FUNCTION api_keys_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET deleted_at = NEW.revoked_at WHERE id = NEW.account_id AND deleted_at IS NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER api_keys_tombstone AFTER UPDATE OF revoked_at ON api_keys FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION api_keys_tombstone();

CREATE TRIGGER people_guard_update BEFORE UPDATE ON people FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id) EXECUTE FUNCTION guard_refuses('a person''s id is final');
CREATE TRIGGER people_guard_truncate BEFORE TRUNCATE ON people
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('a person who is or was a member is not deleted');
CREATE TRIGGER roles_guard_built_in BEFORE UPDATE ON roles FOR EACH ROW
    WHEN (OLD.built_in = 1 OR NEW.built_in = 1) EXECUTE FUNCTION guard_refuses('a built-in role is immutable');
CREATE TRIGGER roles_guard_update BEFORE UPDATE ON roles FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id)
    EXECUTE FUNCTION guard_refuses('a role''s id and organization are final');
CREATE TRIGGER roles_guard_delete BEFORE DELETE ON roles FOR EACH ROW
    WHEN (OLD.built_in = 1) EXECUTE FUNCTION guard_refuses('a built-in role is not deleted');
CREATE TRIGGER roles_guard_truncate BEFORE TRUNCATE ON roles
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('a built-in role is not deleted');
