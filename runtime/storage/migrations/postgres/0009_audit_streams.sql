-- Streams of the audit trail to other systems: who streams, and how far each has come.

-- One node streams at a time: until then, by the database's clock, unless it renews.
CREATE TABLE audit_streams (
    name TEXT NOT NULL PRIMARY KEY,
    node_id UUID NOT NULL,
    leased_until BIGINT NOT NULL
);

-- The first leaf that the receiver has not confirmed. Moved after the receiver has what lies before it.
CREATE TABLE audit_stream_cursors (
    stream TEXT NOT NULL,
    org_id UUID NOT NULL REFERENCES organizations (id),
    next_index BIGINT NOT NULL CHECK (next_index >= 0),
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (stream, org_id)
);
