//! The lab as data: model, loading with source positions, validation, templating, catalogue. A leaf: no I/O beyond files.

pub mod model;
pub mod text;
