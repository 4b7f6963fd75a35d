-- The index of the audit trail, made beside it from the entries that have their leaf. All of it can be made again.

-- How far each organization's entries are indexed, in whole blocks. A block under way is one node's, by the number of its work; what is
-- erased from the trail meanwhile is counted, so that the block is made again.
CREATE TABLE audit_indexed (
    org_id UUID NOT NULL PRIMARY KEY,
    blocks BIGINT NOT NULL,
    work BIGINT NOT NULL,
    worked_at BIGINT,
    forgotten BIGINT NOT NULL
);

-- A block's entries: their ids in ascending order, one after the other; the place in that order is what postings tell. `high_id` and
-- `high_at` are the highest of this block and all before it, so that a search knows when it has read enough.
CREATE TABLE audit_blocks (
    org_id UUID NOT NULL,
    block BIGINT NOT NULL,
    min_id UUID NOT NULL,
    max_id UUID NOT NULL,
    high_id UUID NOT NULL,
    min_at BIGINT NOT NULL,
    max_at BIGINT NOT NULL,
    high_at BIGINT NOT NULL,
    ids BYTEA NOT NULL,
    PRIMARY KEY (org_id, block)
);

-- Which entries of a block have a term. An era is 64 blocks.
CREATE TABLE audit_postings (
    org_id UUID NOT NULL,
    era BIGINT NOT NULL,
    term BYTEA NOT NULL,
    block BIGINT NOT NULL,
    places BYTEA NOT NULL,
    PRIMARY KEY (org_id, era, term, block)
);
-- Ids do not compress, and are read whole.
ALTER TABLE audit_blocks ALTER COLUMN ids SET STORAGE EXTERNAL;
