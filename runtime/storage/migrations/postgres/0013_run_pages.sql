-- What people look for among runs: dead letters, what did not succeed, repetitions, and the attempts of a run.

-- When somebody replayed or dismissed a dead run: it is no dead letter any more.
ALTER TABLE runs ADD COLUMN handled_at BIGINT;

-- Attempts that did not end their run; how the last one ended stands in the run. `ending`: 'retry', 'released', or 'lost' with its node.
CREATE TABLE run_attempts (
    run_id UUID NOT NULL,
    attempt BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    ending TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    usage TEXT,
    PRIMARY KEY (run_id, attempt)
);

-- Partial, so that a run that succeeds costs no more than before. What is asked for stands in the index, so that rows are passed over without being read.
CREATE INDEX runs_unsuccessful ON runs (org_id, state, id) WHERE state IN ('failed', 'dead', 'cancelled');
CREATE INDEX runs_unsuccessful_of_workflow ON runs (workflow_id, state, id) WHERE state IN ('failed', 'dead', 'cancelled');
CREATE INDEX runs_dead_letters ON runs (org_id, state, handled_at, id) WHERE state = 'dead' AND handled_at IS NULL;
CREATE INDEX runs_replays ON runs (replay_of, id) WHERE replay_of IS NOT NULL;
