-- What a search reads of each block before its ids: beside the ids, 64 KiB of them, it lay far apart, and an old page or an export of a stretch of
-- time walked over all that lay between.
CREATE INDEX audit_blocks_spans ON audit_blocks (org_id, block, min_id, max_id, high_id, min_at, max_at, high_at);
