//! The sample files of other projects. What must hold: every set of every file comes back; a finding that is not listed here with its reason fails.

#![expect(clippy::print_stderr, reason = "a skipped corpus and an unexplained finding must be seen")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{cuts, named, read};

const NO_UNS: &str = "UNS (M 1) is left out, and INVOIC's totals (SG48 M 100)";
const NO_BGM: &str = "malformed on purpose: no BGM, no UNS, no totals";
const PARENT: &str = "HL*2*3*22: a level of that number is not open, if there is any";

/// File, how many findings (100 of a set are kept), the first of them, and why it is right.
const KNOWN: &[(&str, usize, &str, &str)] = &[
    ("d01b_invoic_conforming.edi", 2, "7 UNS, 0085 13", NO_UNS),
    ("d01b_invoic_malformed.edi", 3, "2 BGM, 0085 13", NO_BGM),
    ("d01b_orders_conforming.edi", 1, "7 UNS, 0085 13", NO_UNS),
    ("d01b_orders_malformed.edi", 2, "2 BGM, 0085 13", NO_BGM),
    ("d11a_conforming.edi", 1, "9 UNS, 0085 13", NO_UNS),
    ("d11a_malformed.edi", 2, "2 BGM, 0085 13", NO_BGM),
    ("d11a_malformed_component.edi", 1, "4 UNS, 0085 13", NO_UNS),
    ("d96a_invoic_conforming.edi", 2, "7 UNS, 0085 13", NO_UNS),
    ("d96a_invoic_malformed.edi", 3, "2 BGM, 0085 13", NO_BGM),
    ("d96a_orders_conforming.edi", 1, "7 UNS, 0085 13", NO_UNS),
    ("d96a_orders_malformed.edi", 2, "2 BGM, 0085 13", NO_BGM),
    ("fixtures__invoic_conforming.edi", 2, "9 UNS, 0085 13", NO_UNS),
    ("x12_bad_first_line.txt", 1, "25 HL, AK403 7", PARENT),
    (
        "x12_bad_segment_identifier.txt",
        5,
        "4 , AK304 6",
        "malformed on purpose: tags ` `, Nd4, NM31, and so no 2010BA",
    ),
    (
        "x12_bad_valid_code.txt",
        3,
        "7 NM1, AK304 2",
        "malformed on purpose: NM101 is 117, and so there is no 2010AA",
    ),
    ("x12_complex.txt", 2, "64 HL, AK403 7", PARENT),
    ("x12_loop_errors1_exceeds_max_1_parent.txt", 1, "13 NM1, AK304 4", "malformed on purpose: 2010AB twice"),
    (
        "errors2_exceeds_max_repeats_multiple_parents.txt",
        1,
        "32 NM1, AK304 4",
        "malformed on purpose: 2010AB twice",
    ),
    ("x12_loop_errors3_missing_loops.txt", 1, "7 NM1, AK304 3", "malformed on purpose: no 2010AA"),
    ("x12_many_claims.txt", 100, "25 HL, AK403 7", PARENT),
    ("x12_missing_elements.txt", 1, "25 HL, AK403 7", PARENT),
    (
        "missing_required_loop_in_one_repeat.txt",
        2,
        "16 HL, AK403 7",
        "malformed on purpose: a 2000B without 2010BA",
    ),
    (
        "missing_required_loops_mult_repeats.txt",
        7,
        "25 HL, AK403 7",
        "malformed on purpose: lines without LX",
    ),
    ("x12_multiple_gs.txt", 3, "25 HL, AK403 7", PARENT),
    ("x12_multiple_isa.txt", 2, "25 HL, AK403 7", PARENT),
    ("x12_multiple_st.txt", 2, "25 HL, AK403 7", PARENT),
    ("x12_multiple_transactions.txt", 312, "25 HL, AK403 7", PARENT),
    ("x12_segments_out_of_order.txt", 3, "10 N4, AK304 7", "malformed on purpose: N4 after REF, N3 after N4"),
    ("x12_valid.txt", 1, "25 HL, AK403 7", PARENT),
    ("x12_valid_different_separators.txt", 1, "25 HL, AK403 7", PARENT),
    ("huge_file2.edi", 100, "15 BGM, 0085 15", "one message with the body of an order thousands of times"),
    ("BAD_ORDERS_D.03B_Interchange.txt", 1, "38 DTM, 0085 35", "malformed on purpose: DTM 36 times"),
    ("EDIFACT__invoic_d97b_bad.edi", 1, "21 UNS, 0085 35", "malformed on purpose: UNS twice"),
    ("x12__empty997.edi", 2, "2 AK1, AK304 3", "malformed on purpose: ST and SE alone"),
    ("x12__invalid999.edi", 2, "2 IK5, AK304 2", "malformed on purpose: IK5 before AK2, and twice"),
    ("837-header-ref-only.edi", 3, "4 NM1, AK304 3", "ends after REF: no 1000A, 1000B, 2000A"),
    ("x12__sample837-small.edi", 4, "8 NM1, AK304 3", "levels without names: no 1000A, 1000B, 2010AA"),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if !path.to_string_lossy().contains("_LICENSE") {
            found.push(path);
        }
    }
    found.sort();
}

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = std::env::var_os("FACTOTUM_CORPORA").map_or_else(beside, PathBuf::from).join("edi");
    folder.is_dir().then_some(folder)
}

#[test]
fn every_set_comes_back_and_every_finding_is_known() {
    let Some(folder) = corpus() else {
        eprintln!("skipped: the corpus ../shared/corpora/edi is not here");
        return;
    };
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let (mut sets, mut found) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, Vec<String>>::new());
    for path in &paths {
        let bytes = std::fs::read(path).expect("a file");
        let name = path.strip_prefix(&folder).expect("in the folder").to_string_lossy().into_owned();
        for cut in cuts(&bytes) {
            let (document, findings) = read(&bytes, &cut);
            let table = document.grammar().map_or("none", |grammar| &grammar.table);
            *sets.entry(table.to_owned()).or_default() += 1;
            found.entry(name.clone()).or_default().extend(findings.iter().map(named));
        }
    }
    found.retain(|_, findings| !findings.is_empty());
    let mut wrong = 0;
    for (name, findings) in &found {
        let known = KNOWN.iter().find(|known| name.ends_with(known.0));
        if known.is_none_or(|known| known.1 != findings.len() || known.2 != findings[0]) {
            eprintln!("{name}: {} findings, {:?}", findings.len(), &findings[..findings.len().min(9)]);
            wrong += 1;
        }
    }
    assert_eq!(wrong, 0, "files with findings that this test does not list");
    assert_eq!(found.len(), KNOWN.len(), "a finding that this test lists is not there");
    let by_grammar: usize = sets.iter().filter(|(table, _)| *table != "none").map(|(_, count)| count).sum();
    assert_eq!((by_grammar, sets["none"]), (441, 77), "{sets:?}");
}
