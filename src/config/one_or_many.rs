//! One value or a list of them in TOML, a list in memory. Not responsible for what the values mean.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

pub(super) fn serialize<T: Serialize, S: Serializer>(
    values: &[T],
    to: S,
) -> Result<S::Ok, S::Error> {
    match values {
        [one] => one.serialize(to),
        many => many.serialize(to),
    }
}
