-- Runs that runs started.

-- The runs above a run, the outermost first, as a JSON list of ids; NULL for a run that no run started.
ALTER TABLE runs ADD COLUMN chain TEXT;

-- Which call of which run started which child, so that a parent that is executed again is given the same one. `call` is the
-- guest's own key (`key:…`) or the number of its call (`call:1`).
CREATE TABLE child_runs (
    parent_id BLOB NOT NULL CHECK (length(parent_id) = 16),
    call TEXT NOT NULL,
    run_id BLOB NOT NULL UNIQUE CHECK (length(run_id) = 16),
    workflow TEXT NOT NULL,
    payload_digest BLOB NOT NULL CHECK (length(payload_digest) = 32),
    PRIMARY KEY (parent_id, call)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER child_runs_guard_insert BEFORE INSERT ON child_runs BEGIN
    SELECT RAISE(ABORT, 'guard: this call''s child exists')
        WHERE EXISTS (SELECT 1 FROM child_runs WHERE run_id = NEW.run_id OR (parent_id = NEW.parent_id AND call = NEW.call));
END;
CREATE TRIGGER child_runs_guard_update BEFORE UPDATE ON child_runs BEGIN
    SELECT RAISE(ABORT, 'guard: a call keeps its child');
END;

-- How many runs stand below one that no run started, however deep.
CREATE TABLE run_trees (
    root_id BLOB NOT NULL PRIMARY KEY CHECK (length(root_id) = 16),
    runs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
