//! From leaf to leaf: each is computed again from its entry, the tree is built from what was computed, and each stored node and each
//! checkpoint is compared as soon as the tree has its size. What must hold: one page of leaves is in memory, and the walk ends at the
//! first thing that is wrong.

use std::collections::VecDeque;

use factotum_model::AuditId;
use factotum_model::audit_log::{Frontier, Hash, Leaf, SignedCheckpoint};

use super::checkpoints::Stream;
use super::{Finding, Kind, Report, personal};
use crate::audit_leaves::{self, LEAF_WIDTH};
use crate::audit_nodes::{self, Node};
use crate::connection::{Row, Tx};
use crate::dialect::seal::{self, PAGE};
use crate::error::StorageError;

/// How far a walk came.
pub(super) struct Walked {
    pub(super) checkpoints: u64,
    pub(super) finding: Option<Finding>,
}

/// A leaf, and what its entry says now.
struct Read {
    index: u64,
    entry: AuditId,
    sealed: Hash,
    /// The hash of the entry as it is; none where it is gone, an error where its columns cannot be read.
    now: Result<Option<Hash>, StorageError>,
    place: Option<i64>,
}

impl Read {
    fn of(row: &Row) -> Result<Self, StorageError> {
        let there = row.get::<Option<uuid::Uuid>>(6).map(|id| id.is_some());
        let now = match there {
            Ok(false) => Ok(None),
            _ => audit_leaves::leaf(row).map(|bytes| Some(Leaf::hash(&bytes))),
        };
        Ok(Self {
            index: row.get::<i64>(LEAF_WIDTH)? as u64,
            entry: row.id(LEAF_WIDTH + 1)?,
            sealed: audit_leaves::hash(row, LEAF_WIDTH + 2)?,
            now,
            place: row.get(LEAF_WIDTH + 3)?,
        })
    }
}

/// Walks.
pub(super) async fn leaves(
    tx: &mut Tx,
    report: &Report,
    outside: &[&(String, SignedCheckpoint)],
) -> Result<Walked, StorageError> {
    let mut stream = Stream::default();
    let finding = to_the_end(tx, report, outside, &mut stream).await?;
    Ok(Walked { checkpoints: stream.checked, finding })
}

async fn to_the_end(
    tx: &mut Tx,
    report: &Report,
    outside: &[&(String, SignedCheckpoint)],
    stream: &mut Stream,
) -> Result<Option<Finding>, StorageError> {
    let signed = report.checkpoint.as_ref().map_or(0, |head| head.size);
    let (mut tree, mut nodes) = (Frontier::default(), VecDeque::new());
    // A stored node alone may be wrong; if a leaf below it is, a checkpoint tells better which.
    let mut wrong_node = None;
    let mut wanted = outside.to_vec();
    wanted.sort_by_key(|(_, checkpoint)| checkpoint.checkpoint.size);
    let mut wanted: VecDeque<_> = wanted.into();
    loop {
        let from = tree.size();
        let sql = seal::leaves(tx.backend());
        let rows = tx.query_built(sql).bind(report.org.0).bind(from as i64).fetch_all().await?;
        let last_page = rows.len() < PAGE;
        let mut committed = Vec::new();
        for row in &rows {
            let leaf = Read::of(row)?;
            let detail = row.get::<Option<String>>(5).ok().flatten();
            committed.extend(personal::committed(leaf.index, leaf.entry, detail.as_deref()));
            if let Some(finding) = compare(tx, report, &leaf, tree.size(), signed).await? {
                return Ok(Some(finding));
            }
            tree.append(leaf.sealed, |level, index, hash| {
                nodes.extend(audit_nodes::stored(level, index, hash));
            });
            while let Some(node) = nodes.pop_front() {
                if wrong_node.is_none() {
                    wrong_node = stored_node(tx, report, node).await?;
                }
            }
            let due = stream.peek(tx, report).await?.is_some_and(|next| next.checkpoint.size <= tree.size());
            if due && let Some(finding) = stream.check(tx, report, &tree).await? {
                return Ok(Some(blame(tx, report, finding, stream.good).await?));
            }
            if let Some(finding) = from_outside(&mut wanted, &tree, stream.good) {
                return Ok(Some(finding));
            }
        }
        if let Some(finding) = personal::check(tx, &committed).await? {
            return Ok(Some(finding));
        }
        if last_page {
            break;
        }
    }
    if let Some(next) = stream.peek(tx, report).await? {
        let reason = format!(
            "checkpoint {} was signed over {} leaves; {} are there",
            next.index,
            next.checkpoint.size,
            tree.size()
        );
        return Ok(Some(Finding::new(Kind::Truncated, reason).at(tree.size(), None)));
    }
    Ok(wrong_node)
}

/// Whether a leaf is the next one and what its entry is.
async fn compare(
    tx: &mut Tx,
    report: &Report,
    leaf: &Read,
    expected: u64,
    signed: u64,
) -> Result<Option<Finding>, StorageError> {
    let at = |kind, reason: &str| Some(Finding::new(kind, reason).at(leaf.index, Some(leaf.entry)));
    if leaf.index > expected {
        let reason = format!("leaf {expected} is gone; the next one there is {}", leaf.index);
        return Ok(Some(Finding::new(Kind::Missing, reason).at(expected, None)));
    }
    if leaf.index < expected {
        return Ok(at(Kind::Forged, "there are two leaves of this index"));
    }
    if leaf.index >= signed {
        return Ok(at(
            Kind::Forged,
            "this leaf stands behind the last one that was signed: the sealer writes leaf and checkpoint together",
        ));
    }
    Ok(match &leaf.now {
        Ok(Some(now)) if *now == leaf.sealed => None,
        Ok(Some(now)) => match other_index(tx, report, *now).await? {
            Some(other) => at(
                Kind::Reordered,
                &format!("the entry that stands here was sealed as leaf {other}: leaves were exchanged"),
            ),
            None => at(Kind::Altered, "the entry is not what was sealed: one of its columns was changed"),
        },
        Ok(None) if leaf.index < report.removed => None,
        Ok(None) => at(Kind::Missing, "the entry was sealed, and is gone"),
        Err(error) => at(Kind::Altered, &format!("the entry cannot be read: {error}")),
    })
}

/// The leaf that has this hash.
async fn other_index(tx: &mut Tx, report: &Report, hash: Hash) -> Result<Option<i64>, StorageError> {
    let row = tx
        .query("SELECT leaf_index FROM audit_leaves WHERE org_id = $1 AND leaf_hash = $2 LIMIT 1")
        .bind(report.org.0)
        .bind(hash.0.to_vec())
        .fetch_optional()
        .await?;
    row.map(|row| row.get(0)).transpose()
}

async fn stored_node(tx: &mut Tx, report: &Report, node: Node) -> Result<Option<Finding>, StorageError> {
    let (level, index, hash) = node;
    let stored = audit_nodes::hashes(tx, report.org, level, index, index + 1).await?;
    Ok((stored.first() != Some(&hash)).then(|| {
        let width = 1u64 << (8 * u32::from(level));
        let reason = format!(
            "the stored node {index} of level {level} is not that of its leaves, which are as they were signed: proofs made from it would not hold"
        );
        Finding::new(Kind::Altered, reason).at(index * width, None).before((index + 1) * width)
    }))
}

/// Compares checkpoints from outside that are of the size that the tree has now. Leaves up to `good` are as this database has them signed.
fn from_outside(
    wanted: &mut VecDeque<&(String, SignedCheckpoint)>,
    tree: &Frontier,
    good: u64,
) -> Option<Finding> {
    while let Some((name, signed)) = wanted.front() {
        let theirs = &signed.checkpoint;
        if theirs.size > tree.size() {
            return None;
        }
        if theirs.size == tree.size() && theirs.root != tree.root() {
            let reason = format!(
                "{name}: the first {} leaves have the root {}, and it was signed over {}: an entry among them is another one, though the log{} is signed",
                theirs.size,
                tree.root(),
                theirs.root,
                if good >= theirs.size { " as it stands here" } else { "" }
            );
            return Some(Finding::new(Kind::Rewritten, reason).at(0, None).before(theirs.size));
        }
        wanted.pop_front();
    }
    None
}

/// Which leaf it is that makes a root differ, as far as can be told, and what was done to it. All before `good` is as it was signed.
async fn blame(tx: &mut Tx, report: &Report, finding: Finding, good: u64) -> Result<Finding, StorageError> {
    let Some(before) = finding.before else { return Ok(finding) };
    let signed = report.checkpoint.as_ref().map_or(0, |head| head.size);
    let counted = tx
        .query("SELECT count(*) FROM audit_leaves WHERE org_id = $1")
        .bind(report.org.0)
        .fetch_optional()
        .await?;
    let there = counted.map_or(Ok(0), |row| row.get::<i64>(0))? as u64;
    let mut read = Vec::new();
    while good + (read.len() as u64) < before {
        let sql = seal::leaves(tx.backend());
        let from = good + read.len() as u64;
        let rows = tx.query_built(sql).bind(report.org.0).bind(from as i64).fetch_all().await?;
        let page: Vec<Read> = rows.iter().map(Read::of).collect::<Result<_, _>>()?;
        let count = page.len();
        read.extend(page.into_iter().filter(|leaf| leaf.index < before));
        if count < PAGE {
            break;
        }
    }
    // One round of the sealer takes entries in the order of their commits.
    let order = |leaf: &Read| leaf.place.map(|place| (place, leaf.entry.0));
    let falls = |pair: &&[Read]| order(&pair[0]).zip(order(&pair[1])).is_some_and(|(one, two)| two < one);
    let fall = read.windows(2).find(falls).map(|pair| (pair[1].index, pair[1].entry));
    let first = read.first().map(|leaf| leaf.entry);
    let reason = |what: &str| format!("{}; {what}", finding.reason);
    Ok(match (there.cmp(&signed), fall) {
        (std::cmp::Ordering::Less, _) => {
            let what =
                format!("{there} leaves are there and {signed} were signed: one in this range was taken out");
            Finding { kind: Kind::Missing, reason: reason(&what), ..finding }.at(good, first)
        }
        (std::cmp::Ordering::Greater, _) => {
            let what =
                format!("{there} leaves are there and {signed} were signed: one in this range was put in");
            Finding { kind: Kind::Forged, reason: reason(&what), ..finding }.at(good, first)
        }
        (std::cmp::Ordering::Equal, Some((index, entry))) => {
            let what = "it committed before the one that stands before it: leaves were exchanged";
            Finding { kind: Kind::Reordered, reason: reason(what), ..finding }.at(index, Some(entry))
        }
        (std::cmp::Ordering::Equal, None) => {
            Finding { reason: reason("an entry in this range and its leaf were changed together"), ..finding }
                .at(good, first)
        }
    })
}
