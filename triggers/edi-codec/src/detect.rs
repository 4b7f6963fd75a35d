//! How an interchange begins: which standard, which delimiters. What must hold: nothing is assumed that the header says; a header whose elements have
//! the wrong widths is still read where its meaning is certain, so that an acknowledgement can name what is wrong with it.

use crate::error::{ReadError, printable};
use crate::syntax::{Standard, Syntax, Terminator};

/// How many bytes are wanted before an interchange's beginning is judged: enough for every header, and for the first lines of a wrapped file.
pub(crate) const LOOK_AHEAD: usize = 2048;

/// Where the separators of an ISA stand.
const ISA_SEPARATORS: [usize; 16] = [3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103];
/// The widths of ISA01 to ISA16.
pub(crate) const ISA_WIDTHS: [usize; 16] = [2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1];
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// What stands at the beginning.
#[derive(Debug)]
pub(crate) enum Start {
    /// Nothing but blanks.
    Nothing,
    /// An interchange, whose first segment begins after so many bytes.
    Interchange {
        /// Of BOM, blanks and UNA.
        lead: usize,
        syntax: Syntax,
    },
}

/// Whether `byte` may stand between interchanges: blanks, and what mainframes fill a last block with.
pub(crate) fn filler(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0 | 0x1A)
}

/// Reads the beginning of an interchange from `window`, which stands at `offset` of the stream and holds [`LOOK_AHEAD`] bytes or all that is left.
pub(crate) fn detect(window: &[u8], offset: u64) -> Result<Start, ReadError> {
    let mut at = 0;
    loop {
        if window[at..].starts_with(UTF8_BOM) {
            at += UTF8_BOM.len();
        } else if window.get(at).copied().is_some_and(filler) {
            at += 1;
        } else {
            break;
        }
    }
    let text = &window[at..];
    let here = offset + at as u64;
    if text.is_empty() {
        return Ok(Start::Nothing);
    }
    let separated =
        |tag: &[u8]| text.starts_with(tag) && text.get(3).is_some_and(|byte| !byte.is_ascii_alphanumeric());
    if separated(b"ISA") {
        return Ok(Start::Interchange { lead: at, syntax: isa(text, here)? });
    }
    if text.starts_with(b"UNA") {
        return una(text, here).map(|(lead, syntax)| Start::Interchange { lead: at + lead, syntax });
    }
    if separated(b"UNB") || separated(b"UNG") || separated(b"UNH") {
        return Ok(Start::Interchange { lead: at, syntax: unb(text, here)? });
    }
    if separated(b"STX") {
        if text[3] != b'=' {
            return Err(ReadError::Header {
                offset: here + 3,
                standard: Standard::Tradacoms,
                element: None,
                what: format!("a tag is followed by `=`, found `{}`", printable(&text[3..4])),
            });
        }
        return Ok(Start::Interchange { lead: at, syntax: with_wrapping(Syntax::TRADACOMS, text) });
    }
    let found = if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
        "UTF-16: the text must have one byte per character, or be UTF-8".to_owned()
    } else {
        format!("`{}`", printable(&text[..text.len().min(12)]))
    };
    Err(ReadError::NotEdi { offset: here, found })
}

fn isa(text: &[u8], offset: u64) -> Result<Syntax, ReadError> {
    let wrong = |at: usize, element: Option<u16>, what: String| ReadError::Header {
        offset: offset + at as u64,
        standard: Standard::X12,
        element,
        what,
    };
    let element = text[3];
    let broken_early = text.iter().take(105).any(|byte| matches!(byte, b'\r' | b'\n'));
    let plain: Vec<u8> = if broken_early && !matches!(element, b'\r' | b'\n') {
        text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).take(110).collect()
    } else {
        text.iter().copied().take(110).collect()
    };
    if plain.len() >= 106 && ISA_SEPARATORS.iter().all(|&at| plain[at] == element) {
        let terminator = character(&plain[105..]);
        let syntax = Syntax {
            standard: Standard::X12,
            tag: element,
            element,
            component: plain[104],
            repetition: repetition(plain[82], &plain[84..89]),
            release: None,
            decimal: b'.',
            terminator,
            wrapped: broken_early,
        };
        check(&syntax)
            .map_err(|(number, what)| wrong(if number == Some(16) { 104 } else { 105 }, number, what))?;
        return Ok(if broken_early { syntax } else { with_wrapping(syntax, text) });
    }
    loose_isa(text, element).ok_or_else(|| {
        let at = ISA_SEPARATORS
            .iter()
            .position(|&at| plain.get(at) != Some(&element))
            .unwrap_or(ISA_SEPARATORS.len() - 1);
        let begins = ISA_SEPARATORS[at.saturating_sub(1)] + 1;
        if plain.len() < 106 && begins + ISA_WIDTHS[at.saturating_sub(1)] >= plain.len() {
            return wrong(
                text.len(),
                None,
                format!("ISA has 106 characters, the input ends after {}", plain.len()),
            );
        }
        let number = at.max(1);
        wrong(
            begins,
            Some(number as u16),
            format!(
                "ISA{number:02} must have {} characters; the delimiters cannot be read",
                ISA_WIDTHS[number - 1]
            ),
        )
    })
}

/// An ISA whose elements have other widths than they must: its sixteen separators and the segment after it say what the delimiters are.
fn loose_isa(text: &[u8], element: u8) -> Option<Syntax> {
    let text = &text[..text.len().min(512)];
    let separators: Vec<usize> =
        text.iter().enumerate().filter(|(_, byte)| **byte == element).map(|(at, _)| at).take(16).collect();
    let &last = separators.get(15)?;
    let next = [&b"GS"[..], b"TA1", b"IEA", b"ISB", b"ISE"]
        .iter()
        .filter_map(|tag| {
            let tag = [tag, &[element][..]].concat();
            text[last..].windows(tag.len()).position(|window| window == tag).map(|at| last + at)
        })
        .min()?;
    let between = &text[last + 1..next];
    let component = *between.first()?;
    let ends =
        between.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|&at| at > 0);
    let terminator = match ends {
        Some(at) => Terminator::byte(between[at]),
        None => Terminator::byte(*between.get(1..)?.iter().find(|byte| matches!(byte, b'\r' | b'\n'))?),
    };
    let field = |number: usize| &text[separators[number - 1] + 1..separators[number]];
    let syntax = Syntax {
        standard: Standard::X12,
        tag: element,
        element,
        component,
        repetition: field(11).first().and_then(|&byte| repetition(byte, field(12))),
        release: None,
        decimal: b'.',
        terminator,
        wrapped: false,
    };
    check(&syntax).ok().map(|()| syntax)
}

/// ISA11 separates repetitions from version 00402 on; before, and often after, it holds `U`.
fn repetition(byte: u8, version: &[u8]) -> Option<u8> {
    (version >= b"00402".as_slice() && !byte.is_ascii_alphanumeric() && byte != b' ').then_some(byte)
}

/// One character of UTF-8, or one byte.
fn character(bytes: &[u8]) -> Terminator {
    let width = match bytes.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => 1,
    };
    bytes
        .get(..width)
        .filter(|bytes| width > 1 && std::str::from_utf8(bytes).is_ok())
        .and_then(Terminator::new)
        .unwrap_or_else(|| Terminator::byte(bytes.first().copied().unwrap_or_default()))
}

/// Delimiters must be told from data and from each other. With the element of an ISA that is wrong, if it is one.
fn check(syntax: &Syntax) -> Result<(), (Option<u16>, String)> {
    let terminator = syntax.terminator.first();
    let fit = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b' ';
    if !fit(syntax.component) || syntax.component == syntax.element {
        return Err((
            Some(16),
            "the component separator (ISA16) must be neither letter, digit, blank nor the element separator"
                .into(),
        ));
    }
    if !fit(terminator) {
        let what = format!(
            "the byte after ISA16 ends segments and must be neither letter, digit nor blank, found `{}`",
            printable(&[terminator])
        );
        return Err((None, what));
    }
    if terminator == syntax.element || terminator == syntax.component || Some(terminator) == syntax.repetition
    {
        return Err((None, "the segment terminator is also a separator".into()));
    }
    if syntax.repetition.is_some_and(|byte| byte == syntax.element || byte == syntax.component) {
        return Err((Some(11), "the repetition separator (ISA11) is also another separator".into()));
    }
    Ok(())
}

fn una(text: &[u8], offset: u64) -> Result<(usize, Syntax), ReadError> {
    let wrong = |what: &str| ReadError::Header {
        offset: offset + 3,
        standard: Standard::Edifact,
        element: None,
        what: what.into(),
    };
    let &[component, element, decimal, release, repetition, terminator] =
        text.get(3..9).ok_or_else(|| wrong("UNA is followed by six characters"))?
    else {
        return Err(wrong("UNA is followed by six characters"));
    };
    let given = |byte: u8| (byte != b' ').then_some(byte);
    let syntax = Syntax {
        standard: Standard::Edifact,
        tag: element,
        element,
        component,
        repetition: given(repetition).filter(|byte| !byte.is_ascii_alphanumeric()),
        release: given(release),
        decimal,
        terminator: Terminator::byte(terminator),
        wrapped: false,
    };
    let mut seen = vec![component, element, terminator];
    seen.extend(syntax.release);
    seen.extend(syntax.repetition);
    if seen.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte == b' ') {
        return Err(wrong("a delimiter that UNA names is a letter, a digit or a blank"));
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() < count {
        return Err(wrong("UNA names the same delimiter twice"));
    }
    let blanks = text[9..].iter().take_while(|&&byte| syntax.blank(byte)).count();
    let lead = 9 + blanks;
    Ok((lead, with_wrapping(syntax, text)))
}

fn unb(text: &[u8], offset: u64) -> Result<Syntax, ReadError> {
    match text[3] {
        b'+' => {
            // ISO 9735-1:2002 (syntax version 4) has `*` between repetitions, where no UNA says otherwise.
            let head = &text[..text.len().min(32)];
            let version = head.strip_prefix(b"UNB+").and_then(|rest| {
                let end = rest.iter().position(|byte| matches!(byte, b'+' | b'\''))?;
                rest[..end].split(|&byte| byte == b':').nth(1)
            });
            let repetition = (version == Some(b"4")).then_some(b'*');
            Ok(with_wrapping(Syntax { repetition, ..Syntax::EDIFACT }, text))
        }
        0x1D => Ok(with_wrapping(Syntax::EDIFACT_LEVEL_B, text)),
        other => Err(ReadError::Header {
            offset: offset + 3,
            standard: Standard::Edifact,
            element: None,
            what: format!(
                "without a UNA before it, {} is followed by `+` (or IS3, level B), found `{}`",
                printable(&text[..3]),
                printable(&[other])
            ),
        }),
    }
}

/// Says whether the file is wrapped: its first segment is broken by a line break, or three lines or more of one length break segments.
fn with_wrapping(syntax: Syntax, text: &[u8]) -> Syntax {
    let text = &text[..text.len().min(LOOK_AHEAD)];
    if matches!(syntax.terminator.first(), b'\r' | b'\n') || syntax.delimits(b'\r') || syntax.delimits(b'\n')
    {
        return syntax;
    }
    let head = memchr::memmem::find(text, if syntax.standard == Standard::Edifact { b"UNB" } else { b"" })
        .and_then(|from| {
            let header = &text[from..];
            memchr::memchr(syntax.terminator.first(), header).map(|end| &header[..end])
        })
        .unwrap_or_default();
    if head.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Syntax { wrapped: true, ..syntax };
    }
    let mut lines: Vec<&[u8]> =
        text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    // The last is not whole.
    lines.pop();
    let even = lines.len() >= 3 && lines.iter().all(|line| line.len() == lines[0].len() && line.len() >= 20);
    let breaks = lines.iter().any(|line| !line.ends_with(syntax.terminator.as_bytes()));
    Syntax { wrapped: even && breaks, ..syntax }
}
