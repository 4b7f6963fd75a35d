//! Where in an interchange a segment stands.

/// What a segment is in its interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `ISA`, `UNB`, `STX`.
    InterchangeBegins,
    /// Between interchange header and group: `TA1`, `ISB`, `ISE`; or what should not be there.
    Interchange,
    /// `GS`, `UNG`, `BAT`.
    GroupBegins,
    /// Within a group, outside of a set: `S1S`, `SVA`; or what should not be there.
    Group,
    /// `ST`, `UNH`, `MHD`.
    SetBegins,
    /// Within a set.
    Set,
    /// `SE`, `UNT`, `MTR`.
    SetEnds,
    /// `GE`, `UNE`, `EOB`.
    GroupEnds,
    /// `IEA`, `UNZ`, `END`.
    InterchangeEnds,
}
