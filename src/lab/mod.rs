//! The lab as data: model, loading with source positions, validation, templating, catalogue. A leaf: no I/O beyond files.

pub mod catalogue;
mod decode;
pub mod expression;
pub(crate) mod fields;
mod manifest;
pub mod model;
pub mod names;
pub mod problem;
pub mod template;
pub mod text;
pub(crate) mod yaml;
