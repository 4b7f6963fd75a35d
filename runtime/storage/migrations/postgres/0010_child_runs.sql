-- Runs that runs started.

-- The runs above a run, the outermost first, as a JSON list of ids; NULL for a run that no run started.
ALTER TABLE runs ADD COLUMN chain TEXT;

-- Which call of which run started which child, so that a parent that is executed again is given the same one. `call` is the
-- guest's own key (`key:…`) or the number of its call (`call:1`).
CREATE TABLE child_runs (
    parent_id UUID NOT NULL,
    call TEXT COLLATE "C" NOT NULL,
    run_id UUID NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    payload_digest BYTEA NOT NULL CHECK (length(payload_digest) = 32),
    PRIMARY KEY (parent_id, call)
);

CREATE TRIGGER child_runs_guard_update BEFORE UPDATE ON child_runs
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('a call keeps its child');

-- How many runs stand below one that no run started, however deep.
CREATE TABLE run_trees (
    root_id UUID NOT NULL PRIMARY KEY,
    runs BIGINT NOT NULL
);
