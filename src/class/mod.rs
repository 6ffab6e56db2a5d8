//! A class: many students on one cluster. Its desired state is computed, compared with what lists by label say, and only the
//! differences are sent. The cluster's API is the engine; nothing of ours runs there.

pub mod apply;
pub mod board;
pub mod budget;
pub mod credentials;
mod decode;
pub mod desired;
pub mod destroy;
mod error;
pub mod isolation;
pub mod lease;
pub mod live;
pub mod model;
pub mod plan;
mod rights;
pub mod rooms;
mod roster;
pub mod sheet;
mod survey;

pub use self::error::Error;
