//! The canonical tables on disk: definition, layout, atomic replacement and locking. Not
//! responsible for how an export becomes a canonical row (see `ingest`) or for what is counted
//! (see [`crate::measure`]).

#[cfg(feature = "frames")]
pub mod cache;
#[cfg(feature = "frames")]
pub mod columnar;
#[cfg(feature = "frames")]
pub mod disk;
#[cfg(feature = "frames")]
mod encode;
#[cfg(feature = "readers")]
pub mod error;
#[cfg(feature = "frames")]
pub mod frame;
#[cfg(feature = "frames")]
pub mod index;
#[cfg(feature = "frames")]
pub mod neighbours;
#[cfg(feature = "frames")]
pub mod parts;
#[cfg(feature = "frames")]
pub mod prepare;
#[cfg(feature = "frames")]
pub mod rejects;
pub mod schema;
#[cfg(feature = "readers")]
pub mod spill;
mod tables;
#[cfg(feature = "readers")]
pub mod threads;
