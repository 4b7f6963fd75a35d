-- What an attempt has logged so far, copied while somebody watches it from another node.
CREATE TABLE live_logs (
    run_id UUID NOT NULL PRIMARY KEY,
    attempt BIGINT NOT NULL,
    lines TEXT NOT NULL,
    at BIGINT NOT NULL
);
