//! Reading a TOML document with errors that point into it. Responsible for the shape of such
//! errors; not for what any document means.

use std::path::Path;

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::de::DeserializeOwned;

/// A document that cannot be used, with the place in the file and what to do about it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{file}: {message}")]
pub struct DocumentError {
    /// The file as the person named it.
    pub file: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[help]
    pub hint: Option<String>,
    #[source_code]
    text: NamedSource<String>,
    #[label("here")]
    span: Option<SourceSpan>,
}

impl DocumentError {
    /// An error about `span` (bytes of `text`), or about the whole file.
    pub fn new(
        file: &str,
        text: &str,
        span: Option<std::ops::Range<usize>>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        DocumentError {
            file: file.to_owned(),
            message: message.into(),
            hint,
            text: NamedSource::new(file, text.to_owned()),
            span: span.map(|s| SourceSpan::new(s.start.into(), s.end.saturating_sub(s.start))),
        }
    }

    /// Line and column of the place, counted from 1, if the error has one.
    pub fn place(&self) -> Option<(usize, usize)> {
        let offset = self.span?.offset();
        let before = self.text.inner().get(..offset)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        Some((line, column))
    }
}

/// Reads `text` as a `T`; unknown fields are reported with the nearest known one.
///
/// # Errors
/// When the text is not TOML or does not have the shape of `T`.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Box<DocumentError>> {
    toml::from_str(text).map_err(|e| {
        let message = e.message().trim().to_owned();
        let hint = nearest_in(&message);
        Box::new(DocumentError::new(file, text, e.span(), message, hint))
    })
}

/// Reads a file as a `T`.
///
/// # Errors
/// When the file cannot be read, or as [`parse`].
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<(T, String), Box<DocumentError>> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        Box::new(DocumentError::new(
            &file,
            "",
            None,
            format!("cannot be read: {e}"),
            Some("check the path; it is taken relative to the project folder".to_owned()),
        ))
    })?;
    Ok((parse(&file, &text)?, text))
}

/// The known word nearest to `word`, if one is near enough to be meant; of equally near ones the
/// first by name.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| {
            (
                strsim::jaro_winkler(&word.to_lowercase(), &k.to_lowercase()),
                k,
            )
        })
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, k)| k)
}

/// serde names the unknown field and the known ones between backticks: `unknown field` first.
pub fn nearest_in(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    nearest(wrong, words).map(|k| format!("did you mean `{k}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        delimiter: String,
    }

    #[test]
    fn a_good_document_reads() {
        let sample: Sample = parse("m.toml", "delimiter = ';'").unwrap();
        assert_eq!(sample.delimiter, ";");
    }

    #[test]
    fn an_unknown_field_names_the_nearest_and_the_place() {
        let e = parse::<Sample>("m.toml", "\ndelimeter = ';'\n").unwrap_err();
        assert_eq!(e.hint.as_deref(), Some("did you mean `delimiter`?"));
        assert_eq!(e.place(), Some((2, 1)));
    }
}
