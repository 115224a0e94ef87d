//! Pseudonyms of people: a keyed hash instead of a name, the same for the same name. Responsible
//! for making them; which columns hold people is in the canonical tables ([`crate::store::schema`])
//! and where the key comes from in the project ([`crate::config::project`]).

/// Makes pseudonyms under one key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pseudonyms {
    key: [u8; 32],
}

impl std::fmt::Debug for Pseudonyms {
    /// Without the key, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonyms {
    /// Under a secret of any length.
    pub fn new(secret: &[u8]) -> Pseudonyms {
        Pseudonyms {
            key: blake3::derive_key("gainshare 2026 pseudonyms of people", secret),
        }
    }

    /// The pseudonym of a name: `p-` and 20 hexadecimal digits (80 bits, so that ten million
    /// names collide with a chance below 1 in 10^10). Spaces around the name and the case of its
    /// letters do not count.
    pub fn of(&self, name: &str) -> String {
        let name = name.trim().to_lowercase();
        let hash = blake3::keyed_hash(&self.key, name.as_bytes()).to_hex();
        format!("p-{}", hash.get(..20).unwrap_or_default())
    }
}
