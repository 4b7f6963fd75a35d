//! How each database tells which entries are no leaves of the audit log yet. What must hold: an entry that commits late is found, however
//! late; and what is sealed is not read again and again.

use super::Backend;
use crate::audit_leaves::LEAF_COLUMNS;

/// The bound of a database of which nothing is sealed.
pub(crate) const fn no_bound(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "0",
        Backend::Postgres => "1:1:",
    }
}

/// The number of the sealers' turn on PostgreSQL, the bytes of `seal`; turns of organizations are 64 bits of random ids.
pub(crate) const TURN: i64 = 0x7365_616C;

/// Whether it is this one's turn to seal, until the transaction ends: 1 or 0. SQLite has one writer: whoever writes has the turn.
pub(crate) const fn sealers_turn(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "SELECT 1",
        Backend::Postgres => {
            // The number is `TURN`.
            "SELECT CASE WHEN pg_try_advisory_xact_lock(1936023916) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END"
        }
    }
}

/// Whether a bound is none that this database can have made: 1 or 0. PostgreSQL counts transactions for a whole cluster, so a dump that
/// was loaded into another one may bring a bound that lies in its future.
pub(crate) const fn is_foreign(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "SELECT $1 IS NULL",
        Backend::Postgres => {
            "SELECT CASE WHEN pg_snapshot_xmax(CAST($1 AS pg_snapshot)) > pg_snapshot_xmax(pg_current_snapshot()) \
             THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END"
        }
    }
}

/// The entries that are no leaves yet: `$1` is the bound, within which all is sealed; after the place `$2`, `$3`; at most `$4`. It gives the
/// columns of a leaf, the place (a number; the other half is the id), and the bound that holds as soon as all of them are sealed.
///
/// On SQLite the place is the number that entries get in the order of their commits, since there is one writer. On PostgreSQL it is the
/// entry's transaction, and the bound is a snapshot: what that did not see, for not having begun or not having committed then, is new.
/// A number beyond the cluster's newest came with a dump of another cluster; such entries are looked at when there is no bound.
pub(crate) fn unsealed(backend: Backend) -> String {
    let place = place(backend);
    let (bound, new, order) = match backend {
        Backend::Sqlite => (
            "CAST((SELECT max(seq) FROM audit_entries) AS TEXT)",
            "e.seq > max(CAST($1 AS INTEGER), $2) AND $3 IS NOT NULL",
            "e.seq",
        ),
        Backend::Postgres => (
            "CAST(pg_current_snapshot() AS TEXT)",
            "e.xid >= pg_snapshot_xmin(CAST($1 AS pg_snapshot)) \
             AND (e.xid >= pg_snapshot_xmax(CAST($1 AS pg_snapshot)) \
                  OR e.xid IN (SELECT pg_snapshot_xip(CAST($1 AS pg_snapshot)))) \
             AND ($1 = '1:1:' OR e.xid < pg_snapshot_xmax(pg_current_snapshot())) \
             AND e.xid >= CAST(CAST(CAST($2 AS BIGINT) AS TEXT) AS xid8) \
             AND (e.xid > CAST(CAST(CAST($2 AS BIGINT) AS TEXT) AS xid8) OR e.id > $3)",
            "e.xid, e.id",
        ),
    };
    format!(
        "SELECT {LEAF_COLUMNS}, {place}, {bound} FROM audit_entries e WHERE {new} \
         AND NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.entry_id = e.id AND l.org_id = e.org_id) \
         ORDER BY {order} LIMIT $4"
    )
}

/// How many leaves are read at a time.
pub(crate) const PAGE: usize = 2000;

/// The leaves of an organization, `$1`, from index `$2` on, a page of them, with their entries as far as they are there: the columns of a
/// leaf, then index, entry and hash as the log has them, then the entry's place in the order of commits.
pub(crate) fn leaves(backend: Backend) -> String {
    let place = place(backend);
    format!(
        "SELECT {LEAF_COLUMNS}, l.leaf_index, l.entry_id, l.leaf_hash, {place} FROM \
         (SELECT org_id, leaf_index, entry_id, leaf_hash FROM audit_leaves WHERE org_id = $1 AND leaf_index >= $2 ORDER BY leaf_index LIMIT {PAGE}) l \
         LEFT JOIN audit_entries e ON e.org_id = l.org_id AND e.id = l.entry_id ORDER BY l.leaf_index"
    )
}

/// The oldest entry of an organization, `$1`, that is no leaf and cannot simply be new: it is within the bound `$2`, or says to be from
/// before `$3`. Its id and its time.
pub(crate) fn never_sealed(backend: Backend) -> String {
    let within = match backend {
        Backend::Sqlite => "e.seq <= CAST($2 AS INTEGER)",
        Backend::Postgres => "pg_visible_in_snapshot(e.xid, CAST($2 AS pg_snapshot))",
    };
    format!(
        "SELECT e.id, e.at FROM audit_entries e WHERE e.org_id = $1 AND ({within} OR e.at < $3) \
         AND NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.entry_id = e.id AND l.org_id = e.org_id) \
         ORDER BY e.at LIMIT 1"
    )
}

const fn place(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "e.seq",
        Backend::Postgres => "CAST(CAST(e.xid AS TEXT) AS BIGINT)",
    }
}

/// That the entry `e` is of the organization `$1` and has no leaf yet, as far as the bound `$4` tells: an older bound tells no less. Given as a value, a
/// planner knows how few these are. SQLite's is kept from going through the whole organization.
pub(crate) const fn has_no_leaf(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => {
            "+e.org_id = $1 AND e.seq > CAST($4 AS INTEGER) \
             AND NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.org_id = e.org_id AND l.entry_id = e.id)"
        }
        Backend::Postgres => {
            "e.org_id = $1 AND e.xid >= pg_snapshot_xmin(CAST($4 AS pg_snapshot)) \
             AND NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.org_id = e.org_id AND l.entry_id = e.id)"
        }
    }
}

/// The entries of the organization `$1` that `tail.entry_id` names, to be looked up one by one: PostgreSQL takes the tail for far longer than it is, and
/// would read the whole trail beside it.
pub(crate) const fn entries_of_tail(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "tail CROSS JOIN audit_entries AS e WHERE e.org_id = $1 AND e.id = tail.entry_id",
        Backend::Postgres => {
            "tail CROSS JOIN LATERAL (SELECT own.* FROM audit_entries own WHERE own.org_id = $1 AND own.id = tail.entry_id OFFSET 0) AS e \
             WHERE 1 = 1"
        }
    }
}
