//! The JSON Schema of the terms language, for editors. Not responsible for validation, which
//! checks more than a schema can say.

use serde_json::{Value, json};

use super::clause::{COMMON_FIELDS, Kind};
use super::source::{SCHEMA_VERSION, TermsSource};

const KINDS: &[Kind] = &[
    Kind::Formula,
    Kind::FixedFee,
    Kind::PerTicket,
    Kind::VolumeBand,
    Kind::GainShare,
    Kind::PainShare,
    Kind::TargetCost,
    Kind::IncidentReduction,
    Kind::ServiceCredit,
    Kind::Communication,
    Kind::ProactiveFund,
    Kind::Wallet,
    Kind::OutcomeShare,
    Kind::Cap,
    Kind::Collar,
    Kind::Holdback,
    Kind::CarryForward,
    Kind::Rebase,
];

/// Other spellings of a field: the table, the field, the spelling.
const ALIASES: &[(&str, &str, &str)] = &[
    ("BandSource", "rate", "share"),
    ("BandSource", "rate", "price"),
    ("BandSource", "amount", "points"),
    ("ClauseSource", "target_fee", "target_profit"),
];

/// The JSON Schema (draft 2020-12) of a terms file: the generated one, with what each clause
/// kind requires and allows.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(TermsSource).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), json!("gainshare terms"));
        if let Some(version) = root.get_mut("properties").and_then(|p| p.get_mut("schema")) {
            *version = json!({
                "description": "Version of the terms language.",
                "const": SCHEMA_VERSION,
            });
        }
        for (of, field, alias) in ALIASES {
            let properties = root
                .get_mut("$defs")
                .and_then(|d| d.get_mut(of))
                .and_then(|d| d.get_mut("properties"))
                .and_then(Value::as_object_mut);
            if let Some(properties) = properties
                && let Some(written) = properties.get(*field).cloned()
            {
                properties.insert((*alias).to_owned(), written);
            }
        }
        if let Some(clause) = root
            .get_mut("$defs")
            .and_then(|d| d.get_mut("ClauseSource"))
            .and_then(Value::as_object_mut)
        {
            clause.insert(
                "allOf".into(),
                Value::Array(KINDS.iter().map(per_kind).collect()),
            );
        }
    }
    schema
}

fn per_kind(kind: &Kind) -> Value {
    let (required, optional) = kind.fields();
    let names: Vec<&str> = COMMON_FIELDS
        .iter()
        .chain(required)
        .chain(optional)
        .copied()
        // An older spelling that reads as `target_fee`.
        .chain((*kind == Kind::TargetCost).then_some("target_profit"))
        .collect();
    json!({
        "if": { "properties": { "kind": { "const": kind.name() } }, "required": ["kind"] },
        "then": { "required": required, "propertyNames": { "enum": names } },
    })
}
