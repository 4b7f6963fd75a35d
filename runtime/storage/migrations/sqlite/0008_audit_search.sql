-- The index of the audit trail, made beside it from the entries that have their leaf. All of it can be made again.

-- How far each organization's entries are indexed, in whole blocks. A block under way is one node's, by the number of its work; what is
-- erased from the trail meanwhile is counted, so that the block is made again.
CREATE TABLE audit_indexed (
    org_id BLOB NOT NULL PRIMARY KEY CHECK (length(org_id) = 16),
    blocks INTEGER NOT NULL,
    work INTEGER NOT NULL,
    worked_at INTEGER,
    forgotten INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A block's entries: their ids in ascending order, one after the other; the place in that order is what postings tell. `high_id` and
-- `high_at` are the highest of this block and all before it, so that a search knows when it has read enough.
CREATE TABLE audit_blocks (
    org_id BLOB NOT NULL CHECK (length(org_id) = 16),
    block INTEGER NOT NULL,
    min_id BLOB NOT NULL,
    max_id BLOB NOT NULL,
    high_id BLOB NOT NULL,
    min_at INTEGER NOT NULL,
    max_at INTEGER NOT NULL,
    high_at INTEGER NOT NULL,
    ids BLOB NOT NULL,
    PRIMARY KEY (org_id, block)
) STRICT, WITHOUT ROWID;

-- Which entries of a block have a term. An era is 64 blocks.
CREATE TABLE audit_postings (
    org_id BLOB NOT NULL,
    era INTEGER NOT NULL,
    term BLOB NOT NULL,
    block INTEGER NOT NULL,
    places BLOB NOT NULL,
    PRIMARY KEY (org_id, era, term, block)
) STRICT, WITHOUT ROWID;
