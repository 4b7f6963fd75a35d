//! Envelopes around what we send. What must hold: control numbers are given, counts are counted, and what is composed is read back without a finding.

use crate::detect::ISA_WIDTHS;
use crate::error::printable;
use crate::interchange::Party;
use crate::reader::segments_within;
use crate::stamp::Stamp;
use crate::syntax::{Standard, Syntax};
use crate::writer::{Element, WriteError, Writer, needs_una, una};

/// What `ISA` or `UNB` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The delimiters, and by them the standard: X12 or EDIFACT.
    pub syntax: Syntax,
    /// ISA12 (`00501`); the syntax identifier and version of UNB (`UNOC:3`).
    pub version: String,
    /// Who sends.
    pub sender: Party,
    /// Who receives.
    pub receiver: Party,
    /// The interchange control number: 1 to 999 999 999.
    pub control: u32,
    /// Whether it is a test.
    pub test: bool,
    /// Whether an acknowledgement is asked for.
    pub acknowledgement_requested: bool,
    /// EDIFACT's application reference.
    pub application: String,
    /// Its date and time.
    pub now: Stamp,
}

/// What `GS` or `UNG` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHeader {
    /// GS01 (`PO`), UNG 0038 (`ORDERS`).
    pub functional: String,
    /// GS02, UNG S006.
    pub sender: Party,
    /// GS03, UNG S007.
    pub receiver: Party,
    /// GS06, UNG 0048.
    pub control: u32,
    /// GS08 (`004010`), UNG S008 (`D:96A`).
    pub version: String,
}

/// What `ST` or `UNH` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetHeader {
    /// ST01 (`855`), UNH 0065 (`ORDRSP`).
    pub id: String,
    /// ST02 (written with four digits at least), UNH 0062.
    pub control: u32,
    /// ST03, or empty; UNH 0052 to 0057 (`D:96A:UN:EAN008`).
    pub version: String,
}

/// Composes one interchange.
#[derive(Debug)]
pub struct Composer {
    writer: Writer<Vec<u8>>,
    header: Header,
    group: Option<GroupHeader>,
    groups: u64,
    sets_of_group: u64,
    sets: u64,
    now: Stamp,
}

impl Composer {
    /// Begins an interchange.
    pub fn new(header: Header) -> Result<Self, WriteError> {
        let mut writer = Writer::new(Vec::new(), Syntax { wrapped: false, ..header.syntax });
        if !(1..=999_999_999).contains(&header.control) {
            return Err(WriteError::Value {
                what: format!("the interchange control number is {}: it has 1 to 9 digits", header.control),
            });
        }
        match header.syntax.standard {
            Standard::X12 => isa(&mut writer, &header)?,
            Standard::Edifact => unb(&mut writer, &header)?,
            Standard::Tradacoms => {
                return Err(WriteError::Value { what: "TRADACOMS is read, not composed".to_owned() });
            }
        }
        let now = header.now;
        Ok(Self { writer, header, group: None, groups: 0, sets_of_group: 0, sets: 0, now })
    }

    /// Begins a group, after ending the one before. X12 needs one; EDIFACT seldom has any.
    pub fn group(&mut self, group: GroupHeader) -> Result<(), WriteError> {
        self.end_group()?;
        let (date, time) = (self.now.date(), self.now.time());
        match self.header.syntax.standard {
            Standard::X12 => self.writer.segment(
                "GS",
                &[
                    Element::Simple(&group.functional),
                    Element::Simple(&group.sender.id),
                    Element::Simple(&group.receiver.id),
                    Element::Simple(&date),
                    Element::Simple(&time),
                    Element::Simple(&group.control.to_string()),
                    Element::Simple("X"),
                    Element::Simple(&group.version),
                ],
            )?,
            _ => self.writer.segment(
                "UNG",
                &[
                    Element::Simple(&group.functional),
                    Element::Composite(&[&group.sender.id, &group.sender.qualifier]),
                    Element::Composite(&[&group.receiver.id, &group.receiver.qualifier]),
                    Element::Composite(&[&self.date(), &time]),
                    Element::Simple(&group.control.to_string()),
                    Element::Simple("UN"),
                    Element::Composite(&group.version.split(':').collect::<Vec<_>>()),
                ],
            )?,
        }
        self.group = Some(group);
        self.groups += 1;
        self.sets_of_group = 0;
        Ok(())
    }

    /// A whole set: `write` writes the segments between its envelope's.
    pub fn set_with(
        &mut self,
        set: &SetHeader,
        write: impl FnOnce(&mut Writer<Vec<u8>>) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let before = self.writer.segments();
        let x12 = self.header.syntax.standard == Standard::X12;
        if x12 && self.group.is_none() {
            return Err(WriteError::Value {
                what: "a transaction set stands in a functional group: begin one".to_owned(),
            });
        }
        let control = if x12 { format!("{:04}", set.control) } else { set.control.to_string() };
        if x12 {
            self.writer.segment(
                "ST",
                &[Element::Simple(&set.id), Element::Simple(&control), Element::Simple(&set.version)],
            )?;
        } else {
            let mut parts = vec![set.id.as_str()];
            parts.extend(set.version.split(':'));
            self.writer.segment("UNH", &[Element::Simple(&control), Element::Composite(&parts)])?;
        }
        write(&mut self.writer)?;
        let segments = (self.writer.segments() - before + 1).to_string();
        let tag = if x12 { "SE" } else { "UNT" };
        self.writer.segment(tag, &[Element::Simple(&segments), Element::Simple(&control)])?;
        self.sets += 1;
        self.sets_of_group += 1;
        Ok(())
    }

    /// A whole set out of the segments between its envelope's, which are written by the delimiters of `from`.
    pub fn set(&mut self, set: &SetHeader, body: &[u8], from: &Syntax) -> Result<(), WriteError> {
        self.set_with(set, |writer| {
            for segment in segments_within(body, from, 0) {
                let segment = segment.map_err(|error| WriteError::Value { what: error.to_string() })?;
                writer.translate(&segment)?;
            }
            Ok(())
        })
    }

    /// A segment between the groups, such as `TA1`.
    pub fn segment(&mut self, tag: &str, elements: &[Element<'_>]) -> Result<(), WriteError> {
        self.writer.segment(tag, elements)
    }

    /// Ends the interchange: its bytes.
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        self.end_group()?;
        let x12 = self.header.syntax.standard == Standard::X12;
        let (number, tag) = if x12 {
            (self.groups, "IEA")
        } else {
            (if self.groups > 0 { self.groups } else { self.sets }, "UNZ")
        };
        let control =
            if x12 { format!("{:09}", self.header.control) } else { self.header.control.to_string() };
        self.writer.segment(tag, &[Element::Simple(&number.to_string()), Element::Simple(&control)])?;
        Ok(self.writer.into_inner())
    }

    fn end_group(&mut self) -> Result<(), WriteError> {
        let Some(group) = self.group.take() else { return Ok(()) };
        let tag = if self.header.syntax.standard == Standard::X12 { "GE" } else { "UNE" };
        let (sets, control) = (self.sets_of_group.to_string(), group.control.to_string());
        self.writer.segment(tag, &[Element::Simple(&sets), Element::Simple(&control)])
    }

    /// The date as EDIFACT's envelopes have it.
    fn date(&self) -> String {
        if self.header.version.ends_with(":4") { self.now.date() } else { self.now.short_date() }
    }
}

fn isa(writer: &mut Writer<Vec<u8>>, header: &Header) -> Result<(), WriteError> {
    let syntax = header.syntax;
    let control = format!("{:09}", header.control);
    let (date, time) = (header.now.short_date(), header.now.time());
    let values: [&[u8]; 15] = [
        b"00",
        b"",
        b"00",
        b"",
        or(&header.sender.qualifier, "ZZ").as_bytes(),
        header.sender.id.as_bytes(),
        or(&header.receiver.qualifier, "ZZ").as_bytes(),
        header.receiver.id.as_bytes(),
        date.as_bytes(),
        time.as_bytes(),
        syntax.repetition.as_ref().map_or(b"U", std::slice::from_ref),
        header.version.as_bytes(),
        control.as_bytes(),
        if header.acknowledgement_requested { b"1" } else { b"0" },
        if header.test { b"T" } else { b"P" },
    ];
    let mut line = b"ISA".to_vec();
    for (index, (value, width)) in values.iter().zip(ISA_WIDTHS).enumerate() {
        let number = index + 1;
        if value.len() > width || (number != 11 && value.iter().any(|&byte| syntax.delimits(byte))) {
            return Err(WriteError::Value {
                what: format!(
                    "ISA{number:02} is `{}`: it has at most {width} characters and holds no delimiter",
                    printable(value)
                ),
            });
        }
        line.push(syntax.element);
        line.extend_from_slice(value);
        line.resize(line.len() + width - value.len(), b' ');
    }
    line.push(syntax.element);
    line.push(syntax.component);
    line.extend_from_slice(syntax.terminator.as_bytes());
    writer.raw(&line)
}

fn unb(writer: &mut Writer<Vec<u8>>, header: &Header) -> Result<(), WriteError> {
    if needs_una(&header.syntax, &header.version) {
        writer.raw(&una(&header.syntax))?;
    }
    let version: Vec<&str> = header.version.split(':').collect();
    let date = if header.version.ends_with(":4") { header.now.date() } else { header.now.short_date() };
    let control = header.control.to_string();
    let side = |party: &Party| [party.id.clone(), party.qualifier.clone(), party.routing.clone()];
    let (sender, receiver) = (side(&header.sender), side(&header.receiver));
    writer.segment(
        "UNB",
        &[
            Element::Composite(&version),
            Element::Composite(&[&sender[0], &sender[1], &sender[2]]),
            Element::Composite(&[&receiver[0], &receiver[1], &receiver[2]]),
            Element::Composite(&[&date, &header.now.time()]),
            Element::Simple(&control),
            Element::Simple(""),
            Element::Simple(&header.application),
            Element::Simple(""),
            Element::Simple(if header.acknowledgement_requested { "1" } else { "" }),
            Element::Simple(""),
            Element::Simple(if header.test { "1" } else { "" }),
        ],
    )
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
