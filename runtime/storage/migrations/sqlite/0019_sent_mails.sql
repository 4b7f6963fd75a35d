-- Mails that runs send. `call` is which call of the run it is: the guest's own key (`key:…`) or its number (`call:1`), so that a run that is executed again sends
-- no second one. `letter_id` is also in the message's own id, so that one whose fate is unknown can be sent again and known again.
CREATE TABLE sent_mails (
    run_id BLOB NOT NULL CHECK (length(run_id) = 16),
    call TEXT NOT NULL,
    letter_id BLOB NOT NULL UNIQUE CHECK (length(letter_id) = 16),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    begun_at INTEGER NOT NULL,
    sent_at INTEGER,
    PRIMARY KEY (run_id, call)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER sent_mails_guard_insert BEFORE INSERT ON sent_mails BEGIN
    SELECT RAISE(ABORT, 'guard: this call''s mail exists')
        WHERE EXISTS (SELECT 1 FROM sent_mails WHERE letter_id = NEW.letter_id OR (run_id = NEW.run_id AND call = NEW.call));
END;
CREATE TRIGGER sent_mails_guard_update BEFORE UPDATE ON sent_mails
    WHEN OLD.sent_at IS NOT NULL OR NEW.run_id IS NOT OLD.run_id OR NEW.call IS NOT OLD.call OR NEW.letter_id IS NOT OLD.letter_id
        OR NEW.digest IS NOT OLD.digest
BEGIN
    SELECT RAISE(ABORT, 'guard: a call keeps its mail, and a mail is sent once');
END;
