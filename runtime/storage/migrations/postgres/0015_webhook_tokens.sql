-- The token that a webhook had before its newest, which leads to it until its time is up.
CREATE TABLE trigger_old_tokens (
    trigger_id UUID NOT NULL PRIMARY KEY REFERENCES triggers (id),
    token_hash BYTEA NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    expires_at BIGINT NOT NULL
);
