//! The grammars' findings beside those of the syntax. What must hold: what both find stands there once, and whether a set is accepted follows from all.

use crate::charset::Charset as Declared;
use crate::document::set::read_set;
use crate::finding::{Code, Finding};
use crate::interchange::Interchange;

/// Adds what is wrong with each set of an interchange by its grammar, if one ships, so that an acknowledgement reports it. `stream` is what the
/// interchange was read from, with all its sets kept.
pub fn check(interchange: &mut Interchange, stream: &[u8]) {
    let (syntax, declared) = (interchange.syntax, Declared::of(interchange));
    for group in &mut interchange.groups {
        for set in &mut group.sets {
            let range = usize::try_from(set.range.start).ok().zip(usize::try_from(set.range.end).ok());
            let Some(bytes) = range.and_then(|(start, end)| stream.get(start..end)) else { continue };
            let before = set.accepted();
            // Bytes that were read once are read again.
            let Ok((_, found)) = read_set(bytes, &syntax, set.range.start, &set.version, declared) else {
                continue;
            };
            for finding in found {
                if !set.findings.iter().any(|known| says_the_same(known, &finding)) {
                    set.findings.push(finding);
                }
            }
            set.findings.sort_by_key(|finding| finding.segment);
            if before && !set.accepted() {
                group.accepted = group.accepted.saturating_sub(1);
            }
        }
    }
}

/// Whether the syntax already found fault with the same thing.
fn says_the_same(known: &Finding, finding: &Finding) -> bool {
    let missing = matches!(finding.code, Code::Ak304(3) | Code::Un0085(13));
    known.segment == finding.segment
        && known.element == finding.element
        && known.component.is_none()
        && (known.code == finding.code || !missing)
        && (!missing || known.tag == finding.tag)
}
