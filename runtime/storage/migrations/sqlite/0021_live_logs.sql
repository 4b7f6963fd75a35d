-- What an attempt has logged so far, copied while somebody watches it from another node.
CREATE TABLE live_logs (
    run_id BLOB NOT NULL PRIMARY KEY CHECK (length(run_id) = 16),
    attempt INTEGER NOT NULL,
    lines TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
