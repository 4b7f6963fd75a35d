//! `factotum edi parse|validate|ack`: EDI files on this machine, read by the codec that the server uses. What must hold: it needs no server and no key;
//! what is wrong is told with its place and code; `validate` ends with exit code 1 if anything is rejected.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use factotum_edi_codec::{
    Charset, Interchange, Interchanges, Kind, Numbers, Place, ReadError, Request, Segment, Stamp, Standard,
    Visit, acknowledge, document,
};
use factotum_model::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::edi_report;
use super::exit::CommandError;
use super::output::Output;

/// What to do with a file.
#[derive(Debug, clap::Subcommand)]
pub enum FilesCommand {
    /// Show what is in an X12, EDIFACT or TRADACOMS file: interchanges, groups, sets, and what is wrong with them
    Parse(ParseArgs),
    /// Check a file: envelopes, counts, control numbers, and its sets by their grammars; exit code 1 if anything is rejected
    Validate(FileArgs),
    /// Print the acknowledgement that is due for a file: TA1, 997, 999 or CONTRL
    Ack(AckArgs),
}

/// Which file.
#[derive(Debug, clap::Args)]
pub struct FileArgs {
    /// The file, or - for stdin
    file: PathBuf,
}

/// What to show.
#[derive(Debug, clap::Args)]
pub struct ParseArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Show every segment with its place
    #[arg(long)]
    segments: bool,
    /// Print each set as a JSON document, its segments in the loops of its grammar
    #[arg(long, conflicts_with = "segments")]
    documents: bool,
}

/// Which acknowledgement.
#[derive(Debug, clap::Args)]
pub struct AckArgs {
    #[command(flatten)]
    file: FileArgs,
    /// What to make; usual is CONTRL for EDIFACT, 999 or 997 (by GS08) for X12
    #[arg(long, value_name = "KIND", value_parser = ["ta1", "997", "999", "contrl"])]
    kind: Option<String>,
    /// The interchange control number of the (first) acknowledgement
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=999_999_999))]
    control: u32,
    /// The group control number of the (first) acknowledgement
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=999_999_998))]
    group: u32,
}

/// Does it.
pub fn run(command: &FilesCommand, output: Output) -> Result<(), CommandError> {
    match command {
        FilesCommand::Parse(args) => parse(args, output),
        FilesCommand::Validate(args) => validate(args, output),
        FilesCommand::Ack(args) => ack(args, output),
    }
}

/// How large a file may be for its sets to be held to their grammars; of a larger one, which is read as a stream, only the envelopes are checked.
const MAX_WHOLE_BYTES: u64 = 128 << 20;

/// What was read of a file.
struct Reading {
    interchanges: Vec<Interchange>,
    /// Why reading ended before the file did.
    failed: Option<ReadError>,
    /// The file, if it is not too large to be held.
    bytes: Option<Vec<u8>>,
}

fn read(args: &FileArgs, visitor: &mut impl Visit) -> Result<Reading, CommandError> {
    let wrong = |e: std::io::Error| CommandError::usage(format!("{}: {e}", args.file.display()));
    let mut source: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(&args.file).map_err(wrong)?)
    };
    let mut bytes = Vec::new();
    source.by_ref().take(MAX_WHOLE_BYTES + 1).read_to_end(&mut bytes).map_err(wrong)?;
    let reading = if bytes.len() as u64 > MAX_WHOLE_BYTES {
        let (interchanges, failed) = all(Interchanges::new(bytes.chain(source)), visitor);
        Reading { interchanges, failed, bytes: None }
    } else {
        let (mut interchanges, failed) = all(Interchanges::new(bytes.as_slice()), visitor);
        for interchange in &mut interchanges {
            document::check(interchange, &bytes);
        }
        Reading { interchanges, failed, bytes: Some(bytes) }
    };
    if reading.interchanges.is_empty() && reading.failed.is_none() {
        return Err(CommandError::failed(format!("{}: holds no interchange, only blanks", name(args))));
    }
    Ok(reading)
}

fn all<R: Read>(
    mut source: Interchanges<R>,
    visitor: &mut impl Visit,
) -> (Vec<Interchange>, Option<ReadError>) {
    let (mut interchanges, mut failed) = (Vec::new(), None);
    loop {
        match source.next_with(visitor) {
            Ok(Some(interchange)) => interchanges.push(interchange),
            Ok(None) => return (interchanges, failed),
            Err(error) => failed = Some(error),
        }
    }
}

/// The sets of a file as JSON documents, in order.
fn documents(reading: &Reading) -> Result<Vec<Value>, CommandError> {
    let Some(bytes) = &reading.bytes else {
        return Err(CommandError::failed(format!(
            "--documents: the file is larger than {MAX_WHOLE_BYTES} bytes"
        )));
    };
    let mut documents = Vec::new();
    for interchange in &reading.interchanges {
        let charset = Charset::of(interchange);
        for (_, set) in interchange.sets() {
            let range = set.range.start as usize..set.range.end as usize;
            let read = document::read_set(
                &bytes[range],
                &interchange.syntax,
                set.range.start,
                &set.version,
                charset,
            );
            let (document, _) = read.map_err(|error| CommandError::failed(error.to_string()))?;
            let document: Value = serde_json::from_str(&document.to_json()).map_err(anyhow::Error::from)?;
            documents.push(json!({
                "interchange": interchange.control, "set": set.id, "control": set.control, "version": set.version,
                "document": document,
            }));
        }
    }
    Ok(documents)
}

fn name(args: &FileArgs) -> String {
    if args.file.as_os_str() == "-" { "stdin".to_owned() } else { args.file.display().to_string() }
}

/// How a reading ends a command: where the file could not be read on, it has failed.
fn ended(args: &FileArgs, failed: Option<ReadError>) -> Result<(), CommandError> {
    failed.map_or(Ok(()), |error| Err(CommandError::failed(format!("{}: {error}", name(args)))))
}

fn parse(args: &ParseArgs, output: Output) -> Result<(), CommandError> {
    let mut lines = Lines { output, wanted: args.segments, segments: Vec::new(), failed: None };
    let reading = read(&args.file, &mut lines)?;
    if let Some(error) = lines.failed {
        return Err(error);
    }
    if args.documents {
        output.document(&json!({"documents": documents(&reading)?}))?;
        return ended(&args.file, reading.failed);
    }
    if output.json {
        let mut document = json!({"interchanges": reading.interchanges});
        if args.segments {
            document["segments"] = Value::Array(lines.segments);
        }
        if let Some(error) = &reading.failed {
            document["error"] = json!({"offset": error.offset(), "message": error.to_string()});
        }
        output.document(&document)?;
    } else {
        for interchange in &reading.interchanges {
            output.bytes(edi_report::interchange(interchange).as_bytes())?;
        }
    }
    ended(&args.file, reading.failed)
}

fn validate(args: &FileArgs, output: Output) -> Result<(), CommandError> {
    let reading = read(args, &mut ())?;
    let rejected = reading.interchanges.iter().filter(|interchange| !interchange.accepted()).count();
    if output.json {
        let findings: Vec<_> = reading.interchanges.iter().flat_map(Interchange::all_findings).collect();
        let mut document = json!({
            "valid": rejected == 0 && reading.failed.is_none(),
            "interchanges": reading.interchanges.len(),
            "findings": findings,
        });
        if let Some(error) = &reading.failed {
            document["error"] = json!({"offset": error.offset(), "message": error.to_string()});
        }
        output.document(&document)?;
    } else {
        let name = name(args);
        for interchange in &reading.interchanges {
            for finding in interchange.all_findings() {
                output.line(&edi_report::finding(&name, finding))?;
            }
            output.line(&format!("{name}: {}", edi_report::verdict(interchange)))?;
        }
    }
    ended(args, reading.failed)?;
    if rejected > 0 {
        let all = reading.interchanges.len();
        return Err(CommandError::failed(format!(
            "{rejected} of {all} interchanges are rejected, wholly or in part"
        )));
    }
    Ok(())
}

fn ack(args: &AckArgs, output: Output) -> Result<(), CommandError> {
    let reading = read(&args.file, &mut ())?;
    let now = Stamp::from_unix(SystemClock.now().as_millis() / 1000);
    let mut made = Vec::new();
    for interchange in &reading.interchanges {
        let Some(kind) = kind(args, interchange)? else { continue };
        let numbers = Numbers {
            interchange: args.control.saturating_add(made.len() as u32),
            group: args.group.saturating_add(2 * made.len() as u32),
            set: 1,
        };
        let acknowledgement = acknowledge(interchange, &Request { kind, numbers, now });
        if let Some(bytes) = acknowledgement.map_err(|error| CommandError::failed(error.to_string()))? {
            made.push((interchange, bytes));
        }
    }
    if output.json {
        let items: Vec<Value> = made
            .iter()
            .map(|(interchange, bytes)| {
                json!({
                    "control": interchange.control, "accepted": interchange.accepted(),
                    "acknowledgement": String::from_utf8_lossy(bytes),
                })
            })
            .collect();
        output.document(&json!({"acknowledgements": items}))?;
    } else {
        for (_, bytes) in &made {
            output.bytes(bytes)?;
        }
    }
    ended(&args.file, reading.failed)?;
    if made.is_empty() && !output.json {
        return Err(CommandError::failed(format!("{}: no acknowledgement is due", name(&args.file))));
    }
    Ok(())
}

/// The kind that was asked for, which must belong to the interchange's standard, or the usual one.
fn kind(args: &AckArgs, interchange: &Interchange) -> Result<Option<Kind>, CommandError> {
    let (kind, standard) = match args.kind.as_deref() {
        None => return Ok(Kind::usual(interchange.standard())),
        Some("ta1") => (Kind::Ta1, Standard::X12),
        Some("997") => (Kind::Functional997, Standard::X12),
        Some("999") => (Kind::Implementation999, Standard::X12),
        Some(_) => (Kind::Contrl, Standard::Edifact),
    };
    if interchange.standard() != standard {
        return Err(CommandError::usage(format!(
            "--kind: the file is {}, and this acknowledgement belongs to {standard}",
            interchange.standard()
        )));
    }
    Ok(Some(kind))
}

/// Shows segments while they go by.
struct Lines {
    output: Output,
    wanted: bool,
    segments: Vec<Value>,
    failed: Option<CommandError>,
}

impl Visit for Lines {
    fn segment(&mut self, segment: &Segment<'_>, place: Place) {
        if !self.wanted || self.failed.is_some() {
            return;
        }
        if self.output.json {
            self.segments.push(edi_report::segment(segment));
        } else {
            self.failed = self.output.line(&edi_report::segment_line(segment, place)).err();
        }
    }
}
