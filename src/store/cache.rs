//! What earlier runs worked out of parts of a store, kept beside it by the hash of everything that
//! it was worked out of. Responsible for keeping and finding; not for what the hash is made of.
//!
//! It may be removed at any time. What cannot be read, or was made of something else, is worked
//! out again, and what cannot be written is not kept: a cache costs time, never a result.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a hash.
const HASH: usize = 32;

/// A folder of kept results, or none.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Keeps nothing and finds nothing.
    pub fn none() -> Cache {
        Cache::default()
    }

    /// In a folder, which need not be there yet.
    pub fn at(folder: &Path) -> Cache {
        Cache {
            folder: Some(folder.to_owned()),
        }
    }

    /// What was kept under a name, if it was made of the same.
    pub fn get<T: DeserializeOwned>(&self, name: &str, made_of: &blake3::Hash) -> Option<T> {
        let bytes = fs::read(self.folder.as_ref()?.join(name)).ok()?;
        let (key, rest) = bytes.split_at_checked(HASH)?;
        let (sum, body) = rest.split_at_checked(HASH)?;
        if key != made_of.as_bytes() || sum != blake3::hash(body).as_bytes() {
            return None;
        }
        postcard::from_bytes(body).ok()
    }

    /// Keeps something under a name, instead of what was kept there.
    pub fn put<T: Serialize>(&self, name: &str, made_of: &blake3::Hash, value: &T) {
        let Some(folder) = &self.folder else { return };
        let room = vec![0; 2 * HASH];
        let Ok(mut bytes) = postcard::to_extend(value, room) else {
            return;
        };
        let (head, body) = bytes.split_at_mut(2 * HASH);
        let (key, sum) = head.split_at_mut(HASH);
        key.copy_from_slice(made_of.as_bytes());
        sum.copy_from_slice(blake3::hash(body).as_bytes());
        let path = folder.join(name);
        let Some(parent) = path.parent() else { return };
        // Written aside and renamed, so that a reader never sees half of it.
        let written = fs::create_dir_all(parent)
            .and_then(|()| tempfile::NamedTempFile::new_in(parent))
            .and_then(|mut aside| {
                std::io::Write::write_all(&mut aside, &bytes)?;
                Ok(aside.persist(&path)?)
            });
        drop(written);
    }

    /// Removes what is kept in a folder under other names than these.
    pub fn only(&self, folder: &str, names: &BTreeSet<String>) {
        let Some(root) = &self.folder else { return };
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| names.contains(name)) {
                continue;
            }
            let path = entry.path();
            let removed = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            drop(removed);
        }
    }
}

/// Bytes within something kept, taken over as they are and not one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opaque(pub Vec<u8>);

impl Serialize for Opaque {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Opaque {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Opaque, D::Error> {
        struct Taken;
        impl serde::de::Visitor<'_> for Taken {
            type Value = Opaque;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Opaque, E> {
                Ok(Opaque(bytes.to_vec()))
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Opaque, E> {
                Ok(Opaque(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_bytes_come_back_as_they_were() {
        let kept = (1_u8, Opaque(vec![0, 255, 7]), Opaque::default(), 2_u8);
        let bytes = postcard::to_stdvec(&kept).unwrap();
        let back: (u8, Opaque, Opaque, u8) = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(back, kept);
    }

    #[test]
    fn only_what_was_made_of_the_same_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(&folder.path().join("cache"));
        let (one, other) = (blake3::hash(b"1"), blake3::hash(b"2"));
        assert_eq!(cache.get::<Vec<u64>>("a/b", &one), None);
        cache.put("a/b", &one, &vec![7_u64, 8]);
        assert_eq!(cache.get("a/b", &one), Some(vec![7_u64, 8]));
        assert_eq!(cache.get::<Vec<u64>>("a/b", &other), None);
        cache.put("a/b", &other, &vec![9_u64]);
        assert_eq!(cache.get::<Vec<u64>>("a/b", &one), None);
        assert_eq!(cache.get("a/b", &other), Some(vec![9_u64]));

        let path = folder.path().join("cache/a/b");
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..40], &whole[..0]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(cache.get::<Vec<u64>>("a/b", &other), None);
        }
        let mut turned = whole.clone();
        *turned.last_mut().unwrap() ^= 1;
        fs::write(&path, turned).unwrap();
        assert_eq!(cache.get::<Vec<u64>>("a/b", &other), None);

        cache.put("a/c", &one, &1_u8);
        cache.only("a", &BTreeSet::from(["c".to_owned()]));
        assert!(!path.exists());
        assert_eq!(cache.get("a/c", &one), Some(1_u8));
        cache.only("nowhere", &BTreeSet::new());

        let nowhere = Cache::none();
        nowhere.only("a", &BTreeSet::new());
        nowhere.put("a", &one, &1_u8);
        assert_eq!(nowhere.get::<u8>("a", &one), None);
    }
}
