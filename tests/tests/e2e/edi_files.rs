//! `factotum edi parse|validate|ack` on files and stdin: what each prints, where it says that something is wrong, how it ends. No server is needed.

use factotum_tests::cli::Cli;
use serde_json::{Value, json};

const GOOD: &str = "UNA:+.? 'UNB+UNOC:3+THEM:14+US:14+260101:1200+42'UNH+1+CUSTOM:D:96A:UN'BGM+220+it?'s+9'UNT+3+1'UNZ+1+42'";
const ISA: &str = "ISA*00*          *00*          *ZZ*THEM           *01*US             *260101*1200*^*00501*000000042*0*T*:~";

/// A set that is right, and one whose count and level are wrong.
fn mixed() -> String {
    format!(
        "{ISA}\nGS*XX*THEM*US*20260101*1200*7*X*005010X999~\nST*999*0001~\nSE*2*0001~\nGE*1*7~\nGS*PO*THEM*US*20260101*1200*8*X*004010~\nST*000*0001~\nREF*A*1~\nSE*3*0001~\nST*000*0002~\nHL*1*7~\nSE*9*0002~\nGE*2*8~\nIEA*2*000000042~\n"
    )
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_file_is_shown_checked_and_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let cli = Cli::default().within(folder.path());
    std::fs::write(folder.path().join("orders.edi"), GOOD).unwrap();
    assert_eq!(
        cli.text(&["edi", "parse", "orders.edi"]),
        "EDIFACT 42: 14:THEM to 14:US, 5 segments, bytes 0 to 104, accepted\n  CUSTOM 1 (D:96A:UN): 3 segments, bytes 49 to 95, accepted\n"
    );
    let lines = cli.text(&["edi", "parse", "--segments", "orders.edi"]);
    assert!(lines.contains("        71      3       BGM+220+it?'s+9\n"), "{lines}");
    let document = cli.json(&["edi", "parse", "--segments", "orders.edi"]);
    assert_eq!(document["interchanges"][0]["sender"], json!({"qualifier": "14", "id": "THEM"}));
    assert_eq!(document["segments"][2]["elements"], json!([[["220"]], [["it's"]], [["9"]]]));
    let documents = cli.json(&["edi", "parse", "--documents", "orders.edi"]);
    assert_eq!(documents["documents"][0]["set"], "CUSTOM");
    assert!(documents["documents"][0]["document"].to_string().contains("it's"), "{documents}");
    assert_eq!(
        cli.text(&["edi", "validate", "orders.edi"]),
        "orders.edi: EDIFACT 42: accepted, 1 of 1 sets without error\n"
    );
    assert_eq!(cli.json(&["edi", "validate", "orders.edi"])["valid"], true);
    let ack = cli.text(&["edi", "ack", "orders.edi", "--control", "9"]);
    assert!(
        ack.starts_with("UNB+UNOC:3+US:14+THEM:14+") && ack.contains("'UCI+42+THEM:14+US:14+7'"),
        "{ack}"
    );
    assert!(ack.ends_with("'UNZ+1+9'"), "{ack}");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_code() {
    let cli = Cli::default();
    let text = mixed();
    let done = cli.run_with(&["edi", "validate", "-"], &text);
    assert_eq!(done.code, 1, "{}", done.stdout);
    let at = |needle: &str, plus: usize| text.find(needle).unwrap() + plus;
    let expected = [
        format!("stdin: byte {}, segment 2 HL, element 2 [AK403 7]: HL02", at("HL*1*7", 5)),
        format!(
            "stdin: byte {}, segment 3 SE, element 1 [AK502 4]: SE01 says `9` segments, the set has 3",
            at("SE*9", 3)
        ),
    ];
    for line in expected {
        assert!(done.stdout.contains(&line), "{line}\n{}", done.stdout);
    }
    assert!(done.stderr.starts_with("error: 1 of 1 interchanges are rejected"), "{}", done.stderr);
    let json = parsed(&cli.run_with(&["edi", "validate", "-", "--json"], &text).stdout);
    assert_eq!(json["valid"], false);
    let codes: Vec<&Value> =
        json["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert!(codes.contains(&&json!("AK403 7")) && codes.contains(&&json!("AK502 4")), "{codes:?}");
    let ack = cli.run_with(&["edi", "ack", "-"], &text);
    assert_eq!((ack.code, ack.stderr.as_str()), (0, ""));
    assert!(ack.stdout.contains("~AK9*P*2*2*1~"), "{}", ack.stdout);
    // The kind can be chosen, among those of the standard.
    let ta1 = cli.run_with(&["edi", "ack", "-", "--kind", "ta1"], &text);
    assert!(ta1.stdout.contains("~TA1*000000042*260101*1200*A*000~"), "{}", ta1.stdout);
    assert_eq!(cli.run_with(&["edi", "ack", "-", "--kind", "contrl"], &text).code, 2);
}

#[test]
fn what_cannot_be_read_says_why_and_where() {
    let cli = Cli::default();
    for (input, code, told) in [
        ("", 1, "stdin: holds no interchange, only blanks"),
        (
            "GS*PO*A*B~",
            1,
            "stdin: byte 0: expected an interchange (`ISA`, `UNA`, `UNB` or `STX=`), found `GS*PO*A*B~`",
        ),
        ("ISA*00*   ", 1, "stdin: byte 10: X12 header: ISA has 106 characters, the input ends after 10"),
        ("UNB?", 1, "stdin: byte 3: EDIFACT header: without a UNA before it, UNB is followed by `+`"),
    ] {
        let done = cli.run_with(&["edi", "parse", "-"], input);
        assert_eq!(done.code, code, "{input}: {}", done.stderr);
        assert!(done.stderr.starts_with(&format!("error: {told}")), "{input}: {}", done.stderr);
    }
    let missing = cli.run_with(&["edi", "parse", "/nowhere/at.all"], "");
    assert_eq!((missing.code, missing.stdout.as_str()), (2, ""));
    // What was read before is shown all the same, and what is no text moves no cursor.
    let done = cli.run_with(&["edi", "parse", "-"], &format!("{GOOD}\nrubbish\u{1b}[2J"));
    assert_eq!(done.code, 1);
    assert!(done.stdout.starts_with("EDIFACT 42:"), "{}", done.stdout);
    assert!(
        done.stderr.contains("byte 105: expected an interchange") && !done.stderr.contains('\u{1b}'),
        "{}",
        done.stderr
    );
    // Acknowledgements get none.
    let ack = cli.run_with(&["edi", "ack", "-"], GOOD).stdout;
    let again = cli.run_with(&["edi", "ack", "-"], &ack);
    assert_eq!((again.code, again.stdout.as_str()), (1, ""));
    assert_eq!(again.stderr, "error: stdin: no acknowledgement is due\n");
}
