//! EDI in the database: partners, interchanges, the control numbers that came and those that went out.

pub mod controls;
pub mod interchanges;
pub mod numbers;
pub mod partners;
