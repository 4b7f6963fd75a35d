-- EDI: trading partners, what came from them, and the numbers that were used.

-- A partner with what was agreed, as JSON.
CREATE TABLE edi_partners (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX edi_partners_name ON edi_partners (org_id, name) WHERE deleted_at IS NULL;

CREATE TRIGGER edi_partners_guard_insert BEFORE INSERT ON edi_partners BEGIN
    SELECT RAISE(ABORT, 'guard: this trading partner exists') WHERE EXISTS
        (SELECT 1 FROM edi_partners WHERE id = NEW.id OR (org_id = NEW.org_id AND name = NEW.name AND deleted_at IS NULL));
END;
CREATE TRIGGER edi_partners_guard_update BEFORE UPDATE ON edi_partners
    WHEN OLD.deleted_at IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id
BEGIN
    SELECT RAISE(ABORT, 'guard: a trading partner''s id and organization are final, and a deleted one stays so');
END;

-- By what a partner's interchanges are known: theirs and our id, and the test flag. `ours` is empty where any receiver is meant.
CREATE TABLE edi_partner_ids (
    org_id BLOB NOT NULL,
    standard TEXT NOT NULL CHECK (standard IN ('x12', 'edifact')),
    theirs TEXT NOT NULL,
    ours TEXT NOT NULL,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    partner_id BLOB NOT NULL REFERENCES edi_partners (id),
    PRIMARY KEY (org_id, standard, theirs, ours, test)
) STRICT, WITHOUT ROWID;
CREATE INDEX edi_partner_ids_of ON edi_partner_ids (partner_id);

-- Each interchange that came in; its bytes are in `blobs`. `first_id` is the one that this one repeats.
CREATE TABLE edi_interchanges (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    org_id BLOB NOT NULL REFERENCES organizations (id),
    received_at INTEGER NOT NULL,
    transport TEXT NOT NULL,
    trigger_id BLOB,
    standard TEXT CHECK (standard IN ('x12', 'edifact')),
    state TEXT NOT NULL CHECK (state IN ('accepted', 'partial', 'rejected', 'duplicate', 'quarantined', 'discarded')),
    partner_id BLOB REFERENCES edi_partners (id),
    sender TEXT,
    receiver TEXT,
    control TEXT,
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    digest BLOB NOT NULL REFERENCES blobs (digest) CHECK (length(digest) = 32),
    size INTEGER NOT NULL,
    sets INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    reason TEXT,
    report TEXT NOT NULL,
    acknowledgement BLOB,
    first_id BLOB,
    settled_at INTEGER
) STRICT;
CREATE INDEX edi_interchanges_of_org ON edi_interchanges (org_id, id);
CREATE INDEX edi_interchanges_state ON edi_interchanges (org_id, state, id);
CREATE INDEX edi_interchanges_partner ON edi_interchanges (partner_id, id);
CREATE UNIQUE INDEX edi_interchanges_quarantined ON edi_interchanges (org_id, digest) WHERE state = 'quarantined';

CREATE TRIGGER edi_interchanges_guard_insert BEFORE INSERT ON edi_interchanges BEGIN
    SELECT RAISE(ABORT, 'guard: this interchange exists') WHERE EXISTS (SELECT 1 FROM edi_interchanges WHERE id = NEW.id);
END;
CREATE TRIGGER edi_interchanges_guard_update BEFORE UPDATE ON edi_interchanges
    WHEN OLD.state <> 'quarantined' OR NEW.id IS NOT OLD.id OR NEW.org_id IS NOT OLD.org_id OR NEW.digest IS NOT OLD.digest
BEGIN
    SELECT RAISE(ABORT, 'guard: what became of an interchange is final, but for the quarantine');
END;
CREATE TRIGGER edi_interchanges_guard_delete BEFORE DELETE ON edi_interchanges BEGIN
    SELECT RAISE(ABORT, 'guard: an interchange stays on record');
END;

-- The control numbers of each transaction set that was taken, for the time that its partner's agreement names: two of the same are one.
CREATE TABLE edi_controls (
    partner_id BLOB NOT NULL REFERENCES edi_partners (id),
    interchange TEXT NOT NULL,
    grp TEXT NOT NULL,
    st TEXT NOT NULL,
    interchange_id BLOB NOT NULL,
    replaces_id BLOB,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (partner_id, interchange, grp, st)
) STRICT, WITHOUT ROWID;
CREATE INDEX edi_controls_expiry ON edi_controls (expires_at);

-- The last number of what we sent to a partner.
CREATE TABLE edi_numbers (
    partner_id BLOB NOT NULL REFERENCES edi_partners (id),
    standard TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (partner_id, standard)
) STRICT, WITHOUT ROWID;
