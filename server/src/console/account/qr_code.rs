//! A QR code (ISO/IEC 18004) as the path of an SVG. What must hold: the path is letters and digits of our own making, so a template escapes it like any
//! other text and the page's policy needs no exception.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel};

/// The light margin that readers need around it, in modules (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// A picture of a text.
pub(super) struct QrCode {
    /// Width and height with the margin, in modules.
    pub(super) side: usize,
    /// The dark modules, a run of them at a time.
    pub(super) path: String,
}

impl QrCode {
    /// Nothing if the text is too long for one.
    pub(super) fn of(text: &str) -> Option<Self> {
        let code = qrcode::QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] == Color::Dark {
                    // Writing into a string cannot fail.
                    let _ = write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
                }
                x += run.len();
            }
        }
        Some(Self { side: width + 2 * QUIET, path })
    }
}
