-- The token that a webhook had before its newest, which leads to it until its time is up.
CREATE TABLE trigger_old_tokens (
    trigger_id BLOB NOT NULL PRIMARY KEY REFERENCES triggers (id),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
