//! Acknowledgements, byte for byte, and as an interchange that is itself without a finding.

use factotum_edi_codec::{Kind, Numbers, Request, Stamp, acknowledge, read};

fn ack(text: &str, kind: Kind) -> Option<String> {
    let interchange = read(text.as_bytes()).expect("readable").remove(0);
    let now = Stamp { year: 2026, month: 3, day: 4, hour: 5, minute: 6, second: 7 };
    let request = Request { kind, numbers: Numbers { interchange: 17, group: 18, set: 1 }, now };
    let bytes = acknowledge(&interchange, &request).expect("composed")?;
    let text = String::from_utf8(bytes).expect("text");
    let back = read(text.as_bytes()).expect("an acknowledgement is readable").remove(0);
    assert_eq!(back.all_findings().collect::<Vec<_>>(), Vec::<&factotum_edi_codec::Finding>::new(), "{text}");
    assert!(
        acknowledge(&back, &request).expect("composed").is_none(),
        "an acknowledgement is never acknowledged: {text}"
    );
    Some(text)
}

const ISA: &str = "ISA*00*          *00*          *ZZ*THEM           *01*US             *260101*1200*^*00501*000000042*0*P*:~";

fn x12(version: &str, sets: &str, count: u32) -> String {
    format!("{ISA}GS*PO*THEM*US*20260101*1200*7*X*{version}~{sets}GE*{count}*7~IEA*1*000000042~")
}
#[test]
fn dump() {
    for (t, k) in [
      (x12("004010", "ST*850*0001~BEG*00*SA*1**20260101~SE*3*0001~", 1), Kind::Functional),
      (x12("005010X222A1", "ST*837*0001*005010X222A1~BHT*1~SE*3*0001~ST*837*0002*005010X222A1~nm1*1~HL**9~SE*4*0003~", 2), Kind::Functional),
      (x12("004010", "ST*850*0001~BEG*00*SA*1**20260101~SE*3*0001~", 1).replace("IEA*1", "IEA*2"), Kind::Functional),
      (x12("004010", "ST*850*0001~BEG*00*SA*1**20260101~SE*3*0001~", 1), Kind::Ta1),
      ("UNB+UNOC:3+THEM:14+US:14+260101:1200+42'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+1+9'UNT+3+1'UNZ+1+42'".into(), Kind::Contrl),
      ("UNB+UNOC:3+THEM:14+US:14+260101:1200+42'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+1+9'UNT+3+1'UNH+2+ORDERS:D:96A:UN:EAN008'BGM?+220+1+9'UNT+9+2'UNZ+2+42'".into(), Kind::Contrl),
      ("UNB+UNOC:3+THEM:14+US:14+260101:1200+42'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+1+9'UNT+3+1'UNZ+2+43'".into(), Kind::Contrl),
      ("UNA.*, ^~UNB*UNOC.4*THEM.14*US.14*20260101.1200*42***********1~UNH*1*ORDERS.D.96A.UN~BGM*220*1*9~UNT*3*1~UNZ*1*42~".into(), Kind::Contrl),
    ] { println!("{}\n", ack(&t, k).unwrap_or("none".into()).replace("~", "~\n").replace("'", "'\n")); }
}
