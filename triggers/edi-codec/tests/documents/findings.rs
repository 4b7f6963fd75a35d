//! Each way in which a set can differ from its grammar. What must hold: the finding has the code of the acknowledgement and the place, and what was not
//! expected stands in the document where it stood.

use std::fmt::Write as _;

use factotum_edi_codec::{Charset, Kind, MAX_FINDINGS, Numbers, Request, Stamp, acknowledge, document};
use serde_json::{Value, json};

use super::{cuts, named, read};

/// The findings of a set, and its document.
fn of(set: &str, version: &str, body: &str) -> (Vec<String>, Value) {
    let bytes = match set.len() {
        3 => format!(
            "ISA*00*          *00*          *ZZ*A              *ZZ*B              *260101*1200*^*00501*000000001*0*T*:~\
             GS*XX*A*B*20260101*1200*1*X*{version}~ST*{set}*0001~{body}SE*9*0001~GE*1*1~IEA*1*000000001~"
        ),
        _ => format!("UNB+UNOC:3+A+B+260101:1200+1'UNH+1+{set}:D:{version}:UN'{body}UNT+9+1'UNZ+1+1'"),
    };
    let cuts = cuts(bytes.as_bytes());
    let (document, findings) = read(bytes.as_bytes(), &cuts[0]);
    for finding in &findings {
        let at = finding.offset as usize;
        let missing = finding.message.contains("missing");
        assert!(missing || bytes[at..].starts_with(&finding.tag), "{finding}: not at its place");
    }
    let json = serde_json::from_str(&document.to_json()).expect("JSON");
    (findings.iter().map(named).collect(), json)
}

const BEG: &str = "BEG*00*NE*1**20260101~";
const PO1: &str = "PO1*1*1*EA*2**VP*A~";

#[test]
fn a_well_formed_set_has_no_finding() {
    assert_eq!(of("850", "004010", &format!("{BEG}{PO1}CTT*1~")).0, [""; 0]);
}

#[test]
fn what_is_missing_is_reported_where_it_had_to_be() {
    let (found, _) = of("850", "004010", &format!("REF*DP*1~{PO1}"));
    assert_eq!(found, ["2 BEG, AK304 3"]);
    let (found, _) = of("850", "004010", &format!("{BEG}CTT*0~"));
    assert_eq!(found, ["3 PO1, AK304 3"]);
    let (found, _) = of("850", "004010", &format!("{BEG}LM*DF~N1*ST*X~{PO1}"));
    assert_eq!(found, ["4 LQ, AK304 3", "4 N1, AK304 7"], "LM needs LQ, and stands after N1");
    let (found, _) = of("ORDERS", "96A", "BGM+220+1'UNS+S'");
    assert_eq!(found, ["3 DTM, 0085 13"]);
}

#[test]
fn what_is_not_of_the_set_stands_where_it_stood() {
    let (found, json) = of("850", "004010", &format!("{BEG}ZZZ*1~REF*DP*1~{PO1}BHT*9~DTM*002*20260101~"));
    assert_eq!(found, ["3 ZZZ, AK304 6", "6 BHT, AK304 6"]);
    assert_eq!(json["unexpected"], json!([{"ZZZ": {"ZZZ01": "1"}}]));
    assert_eq!(json["order"], json!(["ST", "BEG", "unexpected", "REF", "loop_PO1", "SE"]));
    assert_eq!(json["loop_PO1"][0]["unexpected"], json!([{"BHT": {"BHT01": "9"}}]));
    assert_eq!(json["loop_PO1"][0]["order"], json!(["PO1", "unexpected", "DTM"]));
    let (found, _) = of("INVOIC", "01B", "BGM+380+1'DTM+137:20260101:102'XYZ+1'LIN+1'UNS+S'MOA+77:1'");
    assert_eq!(found, ["4 XYZ, 0085 15"]);
}

#[test]
fn what_stands_elsewhere_in_the_set_is_unexpected() {
    let (found, json) = of("850", "004010", &format!("{BEG}SDQ*EA*92*1*2~{PO1}"));
    assert_eq!(found, ["3 SDQ, AK304 2"]);
    assert_eq!(json["unexpected"][0]["SDQ"]["SDQ04"], "2");
}

#[test]
fn what_comes_too_late_keeps_its_key() {
    let (found, json) = of("850", "004010", &format!("{BEG}REF*DP*1~CUR*BY*USD~REF*IA*2~{PO1}"));
    assert_eq!(found, ["4 CUR, AK304 7"]);
    assert_eq!(json["CUR"]["CUR02"], "USD");
    assert_eq!(json["REF"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["order"], json!(["ST", "BEG", "REF", "CUR", "REF", "loop_PO1", "SE"]));
    let (found, _) = of("ORDERS", "96A", "BGM+220+1'FTX+AAI+++x'DTM+137:20260101:102'UNS+S'");
    assert_eq!(found, ["4 DTM, 0085 15"]);
}

#[test]
fn what_comes_too_often_is_reported_each_time() {
    let (found, json) =
        of("850", "004010", &format!("{BEG}CUR*BY*USD~CUR*SE*EUR~{}{PO1}", "PER*BD~".repeat(5)));
    assert_eq!(found, ["4 CUR, AK304 5", "8 PER, AK304 5", "9 PER, AK304 5"]);
    assert_eq!(
        (&json["CUR"]["CUR02"], &json["unexpected"][0]["CUR"]["CUR02"]),
        (&json!("USD"), &json!("EUR"))
    );
    assert_eq!(json["PER"].as_array().map(Vec::len), Some(5), "a list takes them all");
    let (found, json) = of("850", "004010", &format!("{BEG}{PO1}CTT*1~CTT*2~AMT*TT*1~"));
    assert_eq!(found, ["5 CTT, AK304 4"]);
    assert_eq!(json["unexpected"][0]["loop_CTT"]["AMT"]["AMT02"], "1", "a loop too many keeps its segments");
    let (found, _) = of("ORDERS", "96A", &format!("BGM+220+1'DTM+2:1'{}UNS+S'", "RFF+CT:1'".repeat(11)));
    assert_eq!(found, ["14 RFF, 0085 36"]);
}

#[test]
fn a_loop_that_no_qualifier_fits_keeps_its_segments_together() {
    let body = "BHT*0019*00*1*20260101*1200*CH~NM1*41*2*X~NM1*40*2*Y~HL*1**20*1~NM1*85*2*Z~REF*EI*1~NM1*ZZ*2*Q~N3*A~REF*XX*2~\
                HL*2*1*22*0~SBR*P~NM1*IL*1*D~NM1*PR*2*E~CLM*1*1***11:B:1~LX*1~SV1*HC:1*1~";
    let (found, json) = of("837", "005010X222A1", body);
    assert_eq!(found, ["8 NM1, AK304 2"]);
    let provider = &json["loop_2000A"][0];
    assert_eq!(
        provider["unexpected"],
        json!([{"loop_NM1": {"segments": [{"NM1": {"NM101": "ZZ", "NM102": "2", "NM103": "Q"}}, {"N3": {"N301": "A"}}, {"REF": {"REF01": "XX", "REF02": "2"}}]}}])
    );
    assert_eq!(provider["loop_2010AA"]["REF"], json!([{"REF01": "EI", "REF02": "1"}]));
    let line = &provider["loop_2000B"][0]["loop_2300"][0]["loop_2400"][0];
    assert_eq!(line["SV1"]["SV101"], json!({"1": "HC", "2": "1"}));
}

#[test]
fn levels_stand_in_their_parents() {
    let hl = |own: &str, parent: &str| format!("HL*{own}*{parent}*O~");
    let body =
        ["BSN*00*1*20260101*1200~", &hl("1", ""), &hl("2", "1"), &hl("3", "2"), &hl("4", "1"), &hl("5", "9")];
    let (found, json) = of("856", "004010", &body.concat());
    assert_eq!(found, ["7 HL, AK403 7"], "no level 9 is open");
    let top = &json["loop_HL"];
    assert_eq!(top[0]["loop_HL"][0]["loop_HL"][0]["HL"]["HL01"], "3");
    assert_eq!(top[0]["loop_HL"][1]["HL"]["HL01"], "4");
    assert_eq!(top[1]["HL"]["HL01"], "5");
}

#[test]
fn levels_nest_no_deeper_than_a_bound() {
    for set in ["856", "271"] {
        let mut levels = "HL*1**O~".to_owned();
        for level in 2..100 {
            write!(levels, "HL*{level}*{}*O~", level - 1).expect("memory");
        }
        let (found, json) = of(
            set,
            "004010",
            &format!("{}{levels}", if set == "856" { "BSN*00*1*1*1~" } else { "BHT*0022*11~" }),
        );
        assert!(
            !found.is_empty() && found.iter().all(|finding| finding.ends_with(", -")),
            "{set}: {found:?}"
        );
        let mut deepest = 0;
        let mut at = &json;
        while let Some(next) = at.get("loop_HL").map(|list| &list[0]).or_else(|| {
            let list = at["segments"].as_array()?;
            list.iter().find_map(|entry| entry.get("loop_HL"))
        }) {
            deepest += 1;
            at = next;
        }
        assert_eq!(deepest, document::MAX_DEPTH - 1, "{set}");
    }
}

#[test]
fn a_set_without_grammar_is_a_list_with_levels_and_bounded_loops() {
    let body = "BHT*0022*11~HL*1**20*1~NM1*PR*2*X~HL*2*1*21*0~LS*2120~NM1*P3*1*Y~LE*2120~REF*1~HL*3**20~";
    let (found, json) = of("271", "005010X279A1", body);
    assert_eq!(found, [""; 0]);
    let segments = &json["segments"];
    assert_eq!(segments[0]["ST"]["ST01"], "271");
    let level = &segments[2]["loop_HL"]["segments"];
    assert_eq!(level[1]["NM1"]["NM103"], "X");
    let inner = &level[2]["loop_HL"]["segments"];
    assert_eq!(inner[1]["loop_LS"]["segments"][2]["LE"]["LE01"], "2120");
    assert_eq!(inner[2]["REF"]["REF01"], "1");
    assert_eq!(segments[3]["loop_HL"]["segments"][0]["HL"]["HL01"], "3");
    assert_eq!(segments[4]["SE"]["SE02"], "0001");
    let (_, json) = of("PAXLST", "03B", "BGM+745'RFF+A:B'");
    assert_eq!(json["segments"][2]["RFF"]["RFF01"], json!({"1": "A", "2": "B"}));
}

/// The name of an element has the tag in it: a tag of a megabyte, and a million elements, would be a document of a terabyte.
#[test]
fn a_long_tag_does_not_make_a_document_long() {
    let tag = "Z".repeat(10_000);
    let (found, json) = of("850", "004010", &format!("{BEG}{PO1}{tag}{}~", "*1".repeat(9_000)));
    assert_eq!(found, [format!("4 {}, AK304 6", &tag[..20])]);
    let segment = &json["loop_PO1"][0]["unexpected"][0][&tag];
    assert_eq!((&segment["01"], &segment["9000"]), (&json!("1"), &json!("1")));
    assert!(json.to_string().len() < 200_000);
}

#[test]
fn more_elements_than_a_document_can_have_are_reported() {
    let bytes = format!(
        "UNB+UNOC:3+A+B+260101:1200+1'UNH+1+XXXXXX:D:96A:UN'FTX{}'UNT+3+1'UNZ+1+1'",
        "+1".repeat(10_000)
    );
    let cut = &cuts(bytes.as_bytes())[0];
    let text = &bytes.as_bytes()[cut.bytes.clone()];
    let (_, findings) = document::read_set(text, &cut.syntax, 0, "", Charset::Ascii).expect("a document");
    assert_eq!(findings.iter().map(named).collect::<Vec<_>>(), ["2 FTX, 0085 16"]);
}

#[test]
fn findings_are_bounded() {
    let (found, _) = of("850", "004010", &format!("{BEG}{}", "ZZZ*1~".repeat(5000)));
    assert_eq!(found.len(), MAX_FINDINGS);
}

#[test]
fn an_acknowledgement_reports_what_the_grammar_found() {
    let report = |bytes: &str, kind| {
        let mut interchanges = factotum_edi_codec::read(bytes.as_bytes()).expect("an interchange");
        document::check(&mut interchanges[0], bytes.as_bytes());
        let numbers = Numbers { interchange: 1, group: 1, set: 1 };
        let request = Request { kind, numbers, now: Stamp::from_unix(0) };
        let bytes = acknowledge(&interchanges[0], &request).expect("to be written").expect("to be due");
        (interchanges[0].groups[0].accepted, String::from_utf8_lossy(&bytes).into_owned())
    };
    let order =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/850.edi")).expect("a sample");
    let (accepted, text) = report(&order, Kind::Functional);
    assert!(accepted == 1 && text.contains("AK5*A~"), "{text}");
    // REF before CUR, and a tag that no standard has.
    let order =
        order.replace("CUR*BY*USD~\nREF*DP*038~", "REF*DP*038~\nCUR*BY*USD~").replace("N3*12 H", "NQ3*12 H");
    let (accepted, text) = report(&order, Kind::Functional);
    assert_eq!(accepted, 0);
    for part in ["AK3*CUR*4**7~", "AK3*NQ3*12**6~", "AK5*R*5~", "AK9*R*1*1*0~"] {
        assert!(text.contains(part), "{part} of {text}");
    }
    let order = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/ORDERS.edi"))
        .expect("a sample");
    let order = order
        .replace("DTM+2:20260201:102'\n", "")
        .replace("UNT+27", "UNT+26")
        .replace("DTM+137:20260112:102", "ZZZ+1");
    let (accepted, text) = report(&order, Kind::Contrl);
    assert_eq!(accepted, 0);
    assert!(text.contains("UCS+3+15'UCS+4+13'"), "{text}");
}

#[test]
fn a_stray_segment_does_not_end_the_loop_that_goes_on() {
    // NTE stands in the heading only: the line goes on after it.
    let body = "BIG*20260101*1~IT1*1*1*EA*2**VP*A~NTE*GEN*x~PID*F****Lamp~IT1*2*1*EA*2**VP*B~TDS*400~";
    let (found, json) = of("810", "004010", body);
    assert_eq!(found, ["4 NTE, AK304 2"]);
    assert_eq!(json["loop_IT1"][0]["loop_PID"][0]["PID"]["PID05"], "Lamp");
    // PRV belongs before the name, whose address follows.
    let body = "BHT*0019*00*1*20260101*1200*CH~NM1*41*2*X~NM1*40*2*Y~HL*1**20*1~NM1*85*2*Z~PRV*BI*PXC*1~N3*A~N4*B~REF*EI*1~\
                HL*2*1*22*0~SBR*P~NM1*IL*1*D~NM1*PR*2*E~CLM*1*1***11:B:1~LX*1~SV1*HC:1*1~";
    let (found, json) = of("837", "005010X222A1", body);
    assert_eq!(found, ["7 PRV, AK304 2"]);
    assert_eq!(json["loop_2000A"][0]["loop_2010AA"]["N4"]["N401"], "B");
    // Where the loop does not go on, it belongs to what is around.
    let (found, json) = of("850", "004010", &format!("{BEG}N1*ST*X~N3*Y~DTM*002*20260101~{PO1}"));
    assert_eq!(found, ["5 DTM, AK304 7"]);
    assert_eq!(json["DTM"][0]["DTM01"], "002");
}
