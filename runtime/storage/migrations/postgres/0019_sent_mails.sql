-- Mails that runs send. `call` is which call of the run it is: the guest's own key (`key:…`) or its number (`call:1`), so that a run that is executed again sends
-- no second one. `letter_id` is also in the message's own id, so that one whose fate is unknown can be sent again and known again.
CREATE TABLE sent_mails (
    run_id UUID NOT NULL,
    call TEXT COLLATE "C" NOT NULL,
    letter_id UUID NOT NULL UNIQUE,
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    begun_at BIGINT NOT NULL,
    sent_at BIGINT,
    PRIMARY KEY (run_id, call)
);

CREATE TRIGGER sent_mails_guard_update BEFORE UPDATE ON sent_mails FOR EACH ROW
    WHEN (OLD.sent_at IS NOT NULL OR NEW.run_id IS DISTINCT FROM OLD.run_id OR NEW.call IS DISTINCT FROM OLD.call
        OR NEW.letter_id IS DISTINCT FROM OLD.letter_id OR NEW.digest IS DISTINCT FROM OLD.digest)
    EXECUTE FUNCTION guard_refuses('a call keeps its mail, and a mail is sent once');
