//! The contract as data: the terms language, its validation and its JSON Schema. Not responsible
//! for amounts (see [`crate::settle`]).
//!
//! A terms file is TOML. [`Terms::parse`] reads it, refuses what contradicts itself with the
//! place and a hint, and splits it by what a change costs: `measure` and `baseline` (a change
//! re-measures; passed on untouched) and [`SettleSpec`] (a change only re-settles).
//! `docs/terms.md` teaches the language.

mod alignment;
mod check;
mod clause;
mod error;
mod expr;
mod names;
mod schema;
mod source;
mod value;

pub use alignment::*;
pub use clause::*;
pub use error::{Problem, TermsError, nearest, suggestion};
pub use expr::{
    Ast, AstNode, ExprError, FUNCTIONS, Operator, parse as parse_expression, rounding_function,
};
pub use names::{catalogue_aggregate, known};
pub use schema::json_schema;
pub use source::*;
pub use value::{Day, Located, OneOrMany, Value};

/// The terms of a contract, or of many contracts when they are a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// `[measure]`: clock policy, targets, calendars; read by the `measure` stage.
    pub measure: Option<toml::Table>,
    /// `[baseline]`: periods and model; read by the `baseline` stage.
    pub baseline: Option<toml::Table>,
    /// `[savings]`: benchmark, index, caps; read by the `baseline` stage.
    pub savings: Option<toml::Table>,
    /// `[score]`: prices of impact, targets, exposure unit; read by the `score` stage.
    pub score: Option<toml::Table>,
    /// Everything that makes amounts of measures.
    pub settle: SettleSpec,
}

/// The part of the terms that settlement needs: checked, but not yet bound to a contract's
/// parameters (see [`crate::settle::Plan`]).
#[derive(Debug, Clone, PartialEq)]
pub struct SettleSpec {
    /// The terms as written, without `measure`, `baseline`, `savings` and `score`.
    pub source: TermsSource,
}

impl Terms {
    /// Reads and checks a terms file; `name` is how the file is called in messages.
    ///
    /// # Errors
    /// Text that is no TOML, unknown fields, an unknown schema version, and every contradiction
    /// found, each with its place.
    pub fn parse(name: &str, text: &str) -> Result<Terms, TermsError> {
        let refused = |problems| TermsError::new(name, text, problems);
        let mut source: TermsSource = match toml::from_str(text) {
            Ok(source) => source,
            Err(error) => return Err(refused(vec![check::unreadable(text, &error)])),
        };
        let measure = source.measure.take();
        let baseline = source.baseline.take();
        let savings = source.savings.take();
        let score = source.score.take();
        source.scores = TermsSource::scored(score.as_ref());
        let mut problems = check::check(&source);
        let settle = SettleSpec { source };
        if problems.is_empty() {
            problems = crate::settle::check(&settle);
        }
        if problems.is_empty() {
            problems = alignment::check(&settle.source);
        }
        if problems.is_empty() {
            return Ok(Terms {
                measure,
                baseline,
                savings,
                score,
                settle,
            });
        }
        problems.sort_by_key(|p| p.places.first().map(|(s, _)| s.start));
        problems.dedup();
        Err(refused(problems))
    }

    /// The terms as a TOML text that reads back as the same terms.
    ///
    /// # Errors
    /// A value that TOML cannot hold; does not happen for terms that were parsed.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut source = self.settle.source.clone();
        source.measure.clone_from(&self.measure);
        source.baseline.clone_from(&self.baseline);
        source.savings.clone_from(&self.savings);
        source.score.clone_from(&self.score);
        toml::to_string(&source)
    }

    /// A hash of everything in the terms that can change a number: layout and comments of the
    /// file do not count. 64 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let text = self.to_toml().unwrap_or_default();
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}
