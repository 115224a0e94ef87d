//! Pseudonyms of people: a keyed hash instead of a name, the same for the same name. Responsible
//! for making them; which columns hold people is in the canonical tables ([`crate::store::schema`])
//! and where the key comes from in the project ([`crate::config::project`]).

use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

use super::columns::ByIdentity;

/// Names are remembered in so many parts, so that threads seldom wait for each other, of so many
/// names each.
const PARTS: usize = 16;
const NAMES: usize = 1 << 13;

/// Makes pseudonyms under one key.
#[derive(Clone)]
pub struct Pseudonyms {
    key: [u8; 32],
    /// Those made already: the same few thousand names stand in millions of rows.
    made: Arc<[Made; PARTS]>,
}

/// By the identities of names, as those of rows: two names share one with a chance of 2^-128.
type Made = Mutex<ByIdentity<Pseudonym>>;

/// So many bytes has a pseudonym.
const LENGTH: usize = 22;

/// What stands for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pseudonym([u8; LENGTH]);

impl Pseudonym {
    /// As a text.
    pub fn as_str(&self) -> &str {
        // Made of hexadecimal digits.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Pseudonyms that one thread met last, so that it seldom waits for others: a few names stand in most
/// rows that follow each other.
#[derive(Debug)]
pub(super) struct Met(Vec<Option<(u128, Pseudonym)>>);

impl Default for Met {
    fn default() -> Self {
        Met(vec![None; 512])
    }
}

impl Met {
    /// The pseudonym of a name (see [`Pseudonyms::of`]).
    pub(super) fn of(&mut self, people: &Pseudonyms, name: &str) -> Pseudonym {
        let identity = xxh3_128(name.as_bytes());
        let place = usize::try_from(identity % self.0.len().max(1) as u128).unwrap_or_default();
        match self.0.get_mut(place) {
            Some(Some((met, pseudonym))) if *met == identity => *pseudonym,
            Some(slot) => {
                let pseudonym = people.named(identity, name);
                *slot = Some((identity, pseudonym));
                pseudonym
            }
            None => people.named(identity, name),
        }
    }
}

impl std::fmt::Debug for Pseudonyms {
    /// Without the key and the names, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonyms {
    /// Under a secret of any length.
    pub fn new(secret: &[u8]) -> Pseudonyms {
        Pseudonyms {
            key: blake3::derive_key("gainshare 2026 pseudonyms of people", secret),
            made: Arc::default(),
        }
    }

    /// The pseudonym of a name: `p-` and 20 hexadecimal digits (80 bits, so that ten million
    /// names collide with a chance below 1 in 10^10). Spaces around the name and the case of its
    /// letters do not count.
    pub fn of(&self, name: &str) -> Pseudonym {
        self.named(xxh3_128(name.as_bytes()), name)
    }

    /// That of the name with this identity.
    fn named(&self, identity: u128, name: &str) -> Pseudonym {
        let part = usize::try_from((identity >> 64) % PARTS as u128).unwrap_or_default();
        let Some(made) = self.made.get(part) else {
            return self.make(name);
        };
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pseudonym) = made.get(&identity) {
            return *pseudonym;
        }
        if made.len() >= NAMES {
            made.clear();
        }
        let pseudonym = self.make(name);
        made.insert(identity, pseudonym);
        pseudonym
    }

    fn make(&self, name: &str) -> Pseudonym {
        let name = name.trim().to_lowercase();
        let hash = blake3::keyed_hash(&self.key, name.as_bytes()).to_hex();
        let mut made = *b"p-                    ";
        for (to, from) in made.iter_mut().skip(2).zip(hash.bytes()) {
            *to = from;
        }
        Pseudonym(made)
    }
}
