-- EDI: trading partners, what came from them, and the numbers that were used.

-- A partner with what was agreed, as JSON.
CREATE TABLE edi_partners (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    spec TEXT NOT NULL,
    created_by UUID NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX edi_partners_name ON edi_partners (org_id, name) WHERE deleted_at IS NULL;

CREATE TRIGGER edi_partners_guard_update BEFORE UPDATE ON edi_partners FOR EACH ROW
    WHEN (OLD.deleted_at IS NOT NULL OR NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id)
    EXECUTE FUNCTION guard_refuses('a trading partner''s id and organization are final, and a deleted one stays so');

-- By what a partner's interchanges are known: theirs and our id, and the test flag. `ours` is empty where any receiver is meant.
CREATE TABLE edi_partner_ids (
    org_id UUID NOT NULL,
    standard TEXT COLLATE "C" NOT NULL CHECK (standard IN ('x12', 'edifact')),
    theirs TEXT COLLATE "C" NOT NULL,
    ours TEXT COLLATE "C" NOT NULL,
    test BIGINT NOT NULL CHECK (test IN (0, 1)),
    partner_id UUID NOT NULL REFERENCES edi_partners (id),
    PRIMARY KEY (org_id, standard, theirs, ours, test)
);
CREATE INDEX edi_partner_ids_of ON edi_partner_ids (partner_id);

-- Each interchange that came in; its bytes are in `blobs`. `first_id` is the one that this one repeats.
CREATE TABLE edi_interchanges (
    id UUID NOT NULL PRIMARY KEY,
    org_id UUID NOT NULL REFERENCES organizations (id),
    received_at BIGINT NOT NULL,
    transport TEXT NOT NULL,
    trigger_id UUID,
    standard TEXT CHECK (standard IN ('x12', 'edifact')),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('accepted', 'partial', 'rejected', 'duplicate', 'quarantined', 'discarded')),
    partner_id UUID REFERENCES edi_partners (id),
    sender TEXT,
    receiver TEXT,
    control TEXT,
    test BIGINT NOT NULL CHECK (test IN (0, 1)),
    digest BYTEA NOT NULL REFERENCES blobs (digest) CHECK (length(digest) = 32),
    size BIGINT NOT NULL,
    sets BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    reason TEXT,
    report TEXT NOT NULL,
    acknowledgement BYTEA,
    first_id UUID,
    settled_at BIGINT
);
CREATE INDEX edi_interchanges_of_org ON edi_interchanges (org_id, id);
CREATE INDEX edi_interchanges_state ON edi_interchanges (org_id, state, id);
CREATE INDEX edi_interchanges_partner ON edi_interchanges (partner_id, id);
CREATE UNIQUE INDEX edi_interchanges_quarantined ON edi_interchanges (org_id, digest) WHERE state = 'quarantined';

CREATE TRIGGER edi_interchanges_guard_update BEFORE UPDATE ON edi_interchanges FOR EACH ROW
    WHEN (OLD.state <> 'quarantined' OR NEW.id IS DISTINCT FROM OLD.id OR NEW.org_id IS DISTINCT FROM OLD.org_id
        OR NEW.digest IS DISTINCT FROM OLD.digest)
    EXECUTE FUNCTION guard_refuses('what became of an interchange is final, but for the quarantine');
CREATE TRIGGER edi_interchanges_guard_delete BEFORE DELETE ON edi_interchanges
    FOR EACH ROW EXECUTE FUNCTION guard_refuses('an interchange stays on record');
CREATE TRIGGER edi_interchanges_guard_truncate BEFORE TRUNCATE ON edi_interchanges
    FOR EACH STATEMENT EXECUTE FUNCTION guard_refuses('an interchange stays on record');

-- The control numbers of each transaction set that was taken, for the time that its partner's agreement names: two of the same are one.
CREATE TABLE edi_controls (
    partner_id UUID NOT NULL REFERENCES edi_partners (id),
    interchange TEXT COLLATE "C" NOT NULL,
    grp TEXT COLLATE "C" NOT NULL,
    st TEXT COLLATE "C" NOT NULL,
    interchange_id UUID NOT NULL,
    replaces_id UUID,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (partner_id, interchange, grp, st)
);
CREATE INDEX edi_controls_expiry ON edi_controls (expires_at);

-- The last number of what we sent to a partner.
CREATE TABLE edi_numbers (
    partner_id UUID NOT NULL REFERENCES edi_partners (id),
    standard TEXT COLLATE "C" NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (partner_id, standard)
);
