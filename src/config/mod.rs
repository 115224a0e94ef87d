//! The things people write about their data: the project file `gainshare.toml` and source
//! mappings. Not responsible for terms (see [`crate::terms`]) or for reading any data.

pub mod address;
pub mod document;
pub mod mapping;
mod one_or_many;
pub mod project;
pub mod shipped;
