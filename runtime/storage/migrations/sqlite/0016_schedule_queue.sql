-- Schedules: how much later than its time each fires, up to when its times are decided about, and the firings that wait.

-- `next_at` is when it fires: its nominal time and this delay.
ALTER TABLE schedules ADD COLUMN delay_us INTEGER NOT NULL DEFAULT 0;
-- Every nominal time up to here was fired or left out; NULL is just before `next_at`.
ALTER TABLE schedules ADD COLUMN decided_at INTEGER;

-- Nominal times that are to be fired: because the one before had not ended, because somebody backfilled, because a configuration changed while they were due.
-- One `in_turn` waits until no run of its trigger goes on.
CREATE TABLE schedule_queue (
    trigger_id BLOB NOT NULL REFERENCES triggers (id),
    nominal_at INTEGER NOT NULL,
    org_id BLOB NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('overlap', 'backfill', 'change')),
    in_turn INTEGER NOT NULL CHECK (in_turn IN (0, 1)),
    queued_at INTEGER NOT NULL,
    PRIMARY KEY (trigger_id, nominal_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_queue_free ON schedule_queue (queued_at, nominal_at) WHERE in_turn = 0;
