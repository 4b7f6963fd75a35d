//! How fast X12 and EDIFACT are read, on one core: `--json` prints a line of JSON for each figure. What must hold: every element and component is looked
//! at; what is measured was made beforehand, but for the long stream, whose memory is what counts.

#![expect(clippy::print_stdout, reason = "what a bench prints is what it is for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use factotum_edi_codec::{
    Charset, Interchanges, Keep, Kind, Numbers, Options, Place, Reader, Request, Segment, Stamp, Visit,
    acknowledge, document, read, segments,
};

/// How long each figure takes.
const TIME: Duration = Duration::from_secs(3);
/// How large what is read in memory is.
const BYTES: usize = 32 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1)).cloned()
    };
    if let Some(megabytes) = value("--stream") {
        return stream(
            megabytes.parse().expect("--stream takes megabytes"),
            arguments.iter().any(|a| a == "--edifact"),
        );
    }
    if let Some(folder) = value("--samples") {
        let megabytes: usize =
            value("--megabytes").map_or(4, |text| text.parse().expect("--megabytes takes a number"));
        for (name, edifact) in [("sample.x12", false), ("sample.edi", true)] {
            let mut bytes = Vec::new();
            Generator::new(edifact, megabytes << 20)
                .read_to_end(&mut bytes)
                .expect("memory takes everything");
            std::fs::write(std::path::Path::new(&folder).join(name), bytes)
                .expect("the folder can be written");
        }
        return;
    }
    for (name, edifact) in [("X12", false), ("EDIFACT", true)] {
        let mut bytes = Vec::new();
        Generator::new(edifact, BYTES).read_to_end(&mut bytes).expect("memory takes everything");
        figure(&format!("{name}: tokenize a slice"), &bytes, |bytes| {
            segments(bytes).map(|segment| look(&segment.expect("well-formed"))).sum()
        });
        figure(&format!("{name}: tokenize a stream"), &bytes, |bytes| {
            let mut reader = Reader::new(bytes);
            let mut sum = 0;
            while let Some(segment) = reader.next().expect("well-formed") {
                sum += look(&segment);
            }
            sum
        });
        figure(&format!("{name}: parse, envelope, acknowledge"), &bytes, |bytes| {
            whole(bytes, Keep::All, false)
        });
        figure(&format!("{name}: the same with digest"), &bytes, |bytes| whole(bytes, Keep::All, true));
        figure(&format!("{name}: parse, every set as JSON by its grammar"), &bytes, documents);
    }
}

/// Looks at every component of every element.
#[inline]
fn look(segment: &Segment<'_>) -> usize {
    segment.parts().map(|part| black_box(part.raw).len()).sum()
}

/// Reads to the end, and writes the document of every set; how long they are.
fn documents(bytes: &[u8]) -> usize {
    let mut length = Length(0);
    for interchange in read(bytes).expect("well-formed") {
        let charset = Charset::of(&interchange);
        for (_, set) in interchange.sets() {
            let own = &bytes[set.range.start as usize..set.range.end as usize];
            let read = document::read_set(own, &interchange.syntax, set.range.start, &set.version, charset);
            let (document, findings) = read.expect("well-formed");
            assert!(findings.is_empty(), "{findings:?}");
            document.write_json(&mut length).expect("counting does not fail");
        }
    }
    black_box(length.0)
}

/// Counts what is written.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Look(usize);

impl Visit for Look {
    fn segment(&mut self, segment: &Segment<'_>, _place: Place) {
        self.0 += look(segment);
    }
}

/// Reads to the end, looking at everything, and acknowledges each interchange.
fn whole(source: impl Read, keep: Keep, digest: bool) -> usize {
    let mut interchanges = Interchanges::with(source, Options { keep, digest, ..Options::default() });
    let mut visitor = Look(0);
    while let Some(interchange) = interchanges.next_with(&mut visitor).expect("well-formed") {
        assert!(interchange.accepted(), "{:?}", interchange.all_findings().next());
        let kind = Kind::usual(interchange.standard()).expect("a standard with acknowledgements");
        let numbers = Numbers { interchange: 1, group: 1, set: 1 };
        let request = Request { kind, numbers, now: Stamp::from_unix(1_780_000_000) };
        visitor.0 += acknowledge(&interchange, &request).expect("composed").expect("one is due").len();
    }
    visitor.0
}

fn figure(name: &str, bytes: &[u8], mut work: impl FnMut(&[u8]) -> usize) {
    if std::env::args()
        .skip_while(|argument| argument != "--only")
        .nth(1)
        .is_some_and(|part| !name.contains(&part))
    {
        return;
    }
    black_box(work(bytes));
    let (start, began) = (Instant::now(), cpu());
    let mut rounds = 0_u32;
    while start.elapsed() < TIME {
        black_box(work(bytes));
        rounds += 1;
    }
    let rate = bytes.len() as f64 * f64::from(rounds) / seconds(start, began) / 1e6;
    println!("{{\"name\": \"{name}\", \"figures\": {{\"mb_per_s\": {rate:.1}}}}}");
}

/// How long this thread had a core, in nanoseconds, where the system says so: others may want the core too.
fn cpu() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

fn seconds(start: Instant, began: Option<u64>) -> f64 {
    match began.zip(cpu()) {
        Some((began, now)) if now > began => (now - began) as f64 / 1e9,
        _ => start.elapsed().as_secs_f64(),
    }
}

/// Reads a stream of so many megabytes, and says how much memory that took at the most.
fn stream(megabytes: usize, edifact: bool) {
    let (start, began) = (Instant::now(), cpu());
    black_box(whole(Generator::new(edifact, megabytes << 20), Keep::Failed, true));
    let seconds = seconds(start, began);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .map_or(0.0, |text| text.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0);
    let name = format!("{}: a stream of {megabytes} MB", if edifact { "EDIFACT" } else { "X12" });
    let rate = (megabytes << 20) as f64 / seconds / 1e6;
    println!(
        "{{\"name\": \"{name}\", \"figures\": {{\"resident_mb\": {peak:.1}, \"mb_per_s\": {rate:.1}}}}}"
    );
}

/// One interchange of orders, as long as it is asked to be, made while it is read.
struct Generator {
    edifact: bool,
    /// How much is still to come, before the trailer.
    left: usize,
    sets: u64,
    pending: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Generator {
    fn new(edifact: bool, bytes: usize) -> Self {
        let pending = if edifact {
            b"UNB+UNOC:3+4012345000009:14+4098765000003:14+260101:1200+42'\n".to_vec()
        } else {
            b"ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *260101*1200*^*00501*000000042*0*P*:~\nGS*PO*THEM*US*20260101*1200*7*X*004010~\n".to_vec()
        };
        Self { edifact, left: bytes, sets: 0, pending, at: 0, ended: false }
    }

    fn more(&mut self) {
        self.pending.clear();
        self.at = 0;
        if self.left > 0 {
            self.sets += 1;
            let text = if self.edifact { order(self.sets) } else { purchase_order(self.sets) };
            self.left = self.left.saturating_sub(text.len());
            self.pending.extend_from_slice(text.as_bytes());
        } else if !self.ended {
            self.ended = true;
            let text = if self.edifact {
                format!("UNZ+{}+42'\n", self.sets)
            } else {
                format!("GE*{}*7~\nIEA*1*000000042~\n", self.sets)
            };
            self.pending.extend_from_slice(text.as_bytes());
        }
    }
}

impl Read for Generator {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.pending.len() {
            self.more();
        }
        let size = into.len().min(self.pending.len() - self.at);
        into[..size].copy_from_slice(&self.pending[self.at..self.at + size]);
        self.at += size;
        Ok(size)
    }
}

fn purchase_order(number: u64) -> String {
    let mut text = format!(
        "ST*850*{number:09}~\nBEG*00*NE*{number:07}**20260101~\nREF*DP*038~\nPER*BD*BUYER OF HARDWARE*TE*3165550000~\nN1*BY*ACME HARDWARE*92*12345~\nN3*1 MAIN STREET~\nN4*SPRINGFIELD*IL*62701*US~\n"
    );
    for line in 1..=10 {
        let _ = write!(
            text,
            "PO1*{line}*12*EA*9.95**UP*012345678905*VP*A-{line}~\nPID*F****WOOD SCREW, STEEL, 4 X 40 MM~\nSAC*C*G830***250*6*1*0.25*EA*12**06~\n"
        );
    }
    let _ = write!(text, "CTT*10*120~\nSE*39*{number:09}~\n");
    text
}

fn order(number: u64) -> String {
    let mut text = format!(
        "UNH+{number}+ORDERS:D:96A:UN:EAN008'\nBGM+220+{number:07}+9'\nDTM+137:20260101:102'\nNAD+BY+4012345000009::9'\nNAD+SU+4098765000003::9'\nCUX+2:EUR:9'\n"
    );
    for line in 1..=10 {
        let _ = write!(
            text,
            "LIN+{line}++4012345678901:EN'\nPIA+1+A-{line}:SA'\nIMD+F++:::Holzschraube, Stahl, 4 x 40 mm?: verzinkt'\nQTY+21:12:PCE'\nPRI+AAA:9.95:CA:NTP:1:PCE'\n"
        );
    }
    let _ = write!(text, "UNS+S'\nCNT+2:10'\nUNT+59+{number}'\n");
    text
}
