//! The grammars' findings beside those of the syntax. What must hold: what both find stands there once, and whether a set is accepted follows from all.

use crate::charset::Charset as Declared;
use crate::document::set::read_set;
use crate::elements;
use crate::finding::{Code, Finding, Severity};
use crate::interchange::Interchange;
use crate::open::MAX_FINDINGS;
use crate::reader::segments_within;

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
            let mut found = found;
            for segment in segments_within(bytes, &syntax, set.range.start).flatten() {
                if set.findings.len() + found.len() < MAX_FINDINGS {
                    found.extend(elements::check(&segment, segment.number(), &set.version));
                }
            }
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

/// Whether the syntax already found fault with the same thing. What is missing is another thing than what stands there instead.
fn says_the_same(known: &Finding, finding: &Finding) -> bool {
    let missing = |one: &Finding| matches!(one.code, Code::Ak304(3) | Code::Un0085(13));
    let place = (known.segment, known.element, known.component) == (finding.segment, finding.element, None);
    let kind = matches!(known.code, Code::Ak304(_) | Code::Ak403(_) | Code::Un0085(_));
    let same = match (missing(known), missing(finding)) {
        (true, true) => known.tag == finding.tag,
        (false, false) => kind,
        _ => false,
    };
    place && same && known.severity == Severity::Error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(segment: u64, tag: &str, code: Code, severity: Severity) -> Finding {
        Finding {
            offset: 0,
            tag: tag.into(),
            segment,
            element: None,
            component: None,
            repetition: None,
            code,
            message: String::new(),
            reference: None,
            value: None,
            severity,
        }
    }

    #[test]
    fn what_both_find_is_told_once() {
        let ours = finding(4, "ZZ", Code::Ak304(6), Severity::Error);
        let lacks = finding(4, "BEG", Code::Ak304(3), Severity::Error);
        for (known, unexpected, missing) in [
            (finding(4, "ZZ", Code::Ak304(1), Severity::Error), true, false),
            (finding(4, "ZZ", Code::Ak304(1), Severity::Note), false, false),
            (finding(5, "ZZ", Code::Ak304(1), Severity::Error), false, false),
            (finding(4, "ZZ", Code::Ak502(5), Severity::Error), false, false),
            (finding(4, "BEG", Code::Ak304(3), Severity::Error), false, true),
            (finding(4, "REF", Code::Ak304(3), Severity::Error), false, false),
        ] {
            assert_eq!(says_the_same(&known, &ours), unexpected, "{known:?}");
            assert_eq!(says_the_same(&known, &lacks), missing, "{known:?}");
        }
    }
}
