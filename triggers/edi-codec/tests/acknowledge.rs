//! Acknowledgements, segment by segment, each an interchange that is itself without a finding and is never acknowledged.

use factotum_edi_codec::{Kind, Numbers, Request, Stamp, acknowledge, read};

const ISA: &str = "ISA*00*          *00*          *ZZ*THEM           *01*US             *260101*1200*^*00501*000000042*0*P*:~";
const ANSWER: &str = "ISA*00*          *00*          *01*US             *ZZ*THEM           *260304*0506*^*00501*000000017*0*P*:";
const ORDER: &str = "ST*850*0001~BEG*00*SA*1**20260101~SE*3*0001~";

fn ack(text: &str, kind: Kind) -> Option<Vec<String>> {
    let interchange = read(text.as_bytes()).expect("readable").remove(0);
    let now = Stamp { year: 2026, month: 3, day: 4, hour: 5, minute: 6, second: 7 };
    let request = Request { kind, numbers: Numbers { interchange: 17, group: 18, set: 1 }, now };
    let bytes = acknowledge(&interchange, &request).expect("composed")?;
    let text = String::from_utf8(bytes).expect("text");
    let back = read(text.as_bytes()).expect("an acknowledgement is readable").remove(0);
    assert_eq!(back.all_findings().next(), None, "{text}");
    assert!(acknowledge(&back, &request).expect("composed").is_none(), "never acknowledged: {text}");
    let end = char::from(back.syntax.terminator.first());
    Some(text.split_terminator(end).map(str::to_owned).collect())
}

fn x12(version: &str, sets: &str, count: u32) -> String {
    format!("{ISA}GS*PO*THEM*US*20260101*1200*7*X*{version}~{sets}GE*{count}*7~IEA*1*000000042~")
}

/// What stands between the envelopes of a 997, 999 or CONTRL.
fn body(text: &str, kind: Kind) -> Vec<String> {
    let all = ack(text, kind).expect("one is due");
    let begins =
        all.iter().position(|line| line.starts_with("AK1") || line.starts_with("UCI")).expect("a body");
    let ends =
        all.iter().position(|line| line.starts_with("SE*") || line.starts_with("UNT")).expect("a trailer");
    all[begins..ends].to_vec()
}

#[test]
fn a_997_accepts_a_group_by_the_incoming_delimiters() {
    let expected = [
        ANSWER,
        "GS*FA*US*THEM*20260304*0506*18*X*004010",
        "ST*997*0001",
        "AK1*PO*7",
        "AK2*850*0001",
        "AK5*A",
        "AK9*A*1*1*1",
        "SE*6*0001",
        "GE*1*18",
        "IEA*1*000000017",
    ];
    assert_eq!(ack(&x12("004010", ORDER, 1), Kind::Functional).expect("due"), expected);
    let other = x12("004010", ORDER, 1).replace('*', "|").replace('~', "\x1C").replace(':', ">");
    let expected: Vec<String> =
        expected.iter().map(|line| line.replace('*', "|").replace(':', ">")).collect();
    assert_eq!(ack(&other, Kind::Functional).expect("due"), expected);
}

#[test]
fn gs08_decides_between_997_and_999() {
    for (version, expected) in [
        ("004010", "ST*997*0001"),
        ("004010X096A1", "ST*997*0001"),
        ("005010", "ST*997*0001"),
        ("005010X222A1", "ST*999*0001*005010X231A1"),
        ("006020X323", "ST*999*0001*005010X231A1"),
    ] {
        let lines = ack(&x12(version, ORDER, 1), Kind::Functional).expect("due");
        assert!(lines.contains(&expected.to_owned()), "{version}: {lines:?}");
    }
    let forced = ack(&x12("004010", ORDER, 1), Kind::Implementation999).expect("due");
    assert!(forced.contains(&"ST*999*0001*005010X231A1".to_owned()), "{forced:?}");
}

#[test]
fn each_set_is_accepted_or_rejected_for_itself() {
    let sets = "ST*837*0001~BHT*1~SE*3*0001~ST*837*0002~nm1*1~HL**9~SE*4*0003~";
    let text = x12("005010X222A1", sets, 2);
    assert_eq!(
        body(&text, Kind::Functional),
        [
            "AK1*PO*7*005010X222A1",
            "AK2*837*0001*005010X222A1",
            "IK5*A",
            "AK2*837*0002*005010X222A1",
            "IK3*nm1*2**1",
            "IK3*HL*3**8",
            "IK4*1**1",
            "IK4*2**7*9",
            "IK5*R*3*5",
            "AK9*P*2*2*1",
        ]
    );
    assert_eq!(
        body(&text, Kind::Functional997)[2..9],
        ["AK5*A", "AK2*837*0002", "AK3*nm1*2**1", "AK3*HL*3**8", "AK4*1**1", "AK4*2**7*9", "AK5*R*3*5"]
    );
    // What AK902 to AK904 say is what was said, came, and is accepted.
    assert_eq!(body(&x12("004010", ORDER, 3), Kind::Functional), ["AK1*PO*7", "AK9*R*3*1*0*5"]);
}

#[test]
fn a_ta1_tells_of_the_envelope() {
    let good = x12("004010", ORDER, 1);
    let ta1 = |text: &str, kind| ack(text, kind).expect("due")[1].clone();
    assert_eq!(ta1(&good, Kind::Ta1), "TA1*000000042*260101*1200*A*000");
    // Asked for in ISA14, it comes before the 997.
    let asked = ack(&good.replace("000000042*0*P", "000000042*1*P"), Kind::Functional).expect("due");
    assert_eq!((asked[1].as_str(), asked[3].as_str()), ("TA1*000000042*260101*1200*A*000", "ST*997*0001"));
    // An envelope that is rejected is told of, asked or not, and nothing in it.
    for (from, to, note) in [
        ("IEA*1", "IEA*2", "021"),
        ("IEA*1*000000042", "IEA*1*000000043", "001"),
        ("*260101*", "*261301*", "014"),
        ("*1200*^", "*2500*^", "015"),
        ("*0*P*", "*0*X*", "020"),
        ("*0*P*", "*7*P*", "019"),
        ("~IEA*1*000000042~", "~", "023"),
        ("GS*PO", "XX*1~GS*PO", "022"),
        ("ISA*00*", "ISA*99*", "010"),
    ] {
        let lines = ack(&good.replacen(from, to, 1), Kind::Functional).expect("due");
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[1].ends_with(&format!("*R*{note}")), "{from} -> {to}: {lines:?}");
    }
    // What is wrong with GS is an error in an interchange that is accepted.
    assert_eq!(
        ta1(&good.replace("US*20260101", "US*20261301"), Kind::Ta1),
        "TA1*000000042*260101*1200*E*024"
    );
}

#[test]
fn an_acknowledgement_is_never_acknowledged() {
    let functional = format!(
        "{ISA}GS*FA*THEM*US*20260101*1200*7*X*004010~ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~GE*1*7~IEA*1*000000042~"
    );
    let ta1 = format!("{ISA}TA1*000000009*260101*1200*A*000~IEA*0*000000042~");
    for text in [&functional, &functional.replace("GE*1", "GE*9"), &ta1] {
        for kind in [Kind::Ta1, Kind::Functional, Kind::Functional997, Kind::Implementation999, Kind::Contrl]
        {
            assert_eq!(ack(text, kind), None, "{text}");
        }
    }
    // Beside an order, the order is.
    let both =
        functional.replace("IEA*1", &format!("GS*PO*THEM*US*20260101*1200*8*X*004010~{ORDER}GE*1*8~IEA*2"));
    assert_eq!(body(&both, Kind::Functional), ["AK1*PO*8", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]);
    let contrl = "UNB+UNOA:3+A+B+260101:1200+1'UNH+1+CONTRL:D:3:UN'UCI+9+B+A+7'UNT+3+1'UNZ+1+1'";
    assert_eq!(ack(contrl, Kind::Contrl), None);
}

#[test]
fn contrl_names_what_is_rejected_and_where() {
    let good =
        "UNB+UNOC:3+THEM:14+US:14+260101:1200+42'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+1+9'UNT+3+1'UNZ+1+42'";
    assert_eq!(
        ack(good, Kind::Contrl).expect("due"),
        [
            "UNB+UNOC:3+US:14+THEM:14+260304:0506+17",
            "UNH+1+CONTRL:D:3:UN",
            "UCI+42+THEM:14+US:14+7",
            "UNT+3+1",
            "UNZ+1+17"
        ]
    );
    let two = "UNB+UNOC:3+THEM:14+US:14+260101:1200+42'UNH+1+ORDERS:D:96A:UN'BGM+220'UNT+3+1'UNH+2+ORDERS:D:96A:UN'BGMX+220'UNT+9+2'UNZ+2+42'";
    assert_eq!(
        body(two, Kind::Contrl),
        ["UCI+42+THEM:14+US:14+7", "UCM+2+ORDERS:D:96A:UN+4+29+UNT+2", "UCS+2+39"]
    );
    assert_eq!(body(&good.replace("UNZ+1", "UNZ+2"), Kind::Contrl), ["UCI+42+THEM:14+US:14+4+29+UNZ+2"]);
    // Delimiters of its own need a UNA; version 4 has another release of CONTRL; a test is answered by a test.
    let other = "UNA.*, ^~UNB*UNOC.4*THEM.14*US.14*20260101.1200*42******1~UNH*1*ORDERS.D.96A.UN~BGM*220*1*9~UNT*3*1~UNZ*1*42~";
    assert_eq!(
        ack(other, Kind::Contrl).expect("due"),
        [
            "UNA.*, ^",
            "UNB*UNOC.4*US.14*THEM.14*20260304.0506*17******1",
            "UNH*1*CONTRL.4.1.UN",
            "UCI*42*THEM.14*US.14*7",
            "UNT*3*1",
            "UNZ*1*17"
        ]
    );
    let group = "UNB+UNOC:3+THEM+US+260101:1200+42'UNG+ORDERS+A:1+B:1+260101:1200+5+UN+D:96A'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNE+2+6'UNZ+1+42'";
    assert_eq!(body(group, Kind::Contrl), ["UCI+42+THEM+US+7", "UCF+5+A:1+B:1+4+29+UNE+2"]);
}

#[test]
fn what_an_envelope_cannot_say_is_refused() {
    // A sender that is longer than ISA06 was read out of an ISA that is wrong.
    let long = x12("004010", ORDER, 1).replacen("THEM           ", "THEM WHO ARE TOO MANY", 1);
    let interchange = read(long.as_bytes()).expect("readable").remove(0);
    assert_eq!(
        interchange.findings[0].to_string(),
        "byte 35, segment 1 ISA, element 6 [TA105 006]: ISA06 has 21 characters and must have 15"
    );
    let request = Request {
        kind: Kind::Ta1,
        numbers: Numbers { interchange: 1, group: 1, set: 1 },
        now: Stamp::from_unix(0),
    };
    let refused = acknowledge(&interchange, &request).expect_err("no room").to_string();
    assert!(refused.starts_with("ISA08 is `THEM WHO ARE TOO MANY`"), "{refused}");
}
