//! Changing objects: the four kinds of patches, and who manages which fields afterwards.

pub mod fields;
pub mod managers;
pub mod merge;
pub mod strategic;
