//! What is wrong with a terms file, with the place, what contradicts what, and what to do. Not
//! responsible for printing: miette's reporters do that at the rim.

use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// One contradiction or mistake in a terms file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, and what stands there; the first is the main place.
    pub places: Vec<(Range<usize>, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at one place.
    pub fn at(span: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            places: vec![(span.clone(), "here".to_owned())],
            help: None,
        }
    }

    /// Says what stands at the main place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Problem {
        if let Some(first) = self.places.first_mut() {
            first.1 = label.into();
        }
        self
    }

    /// Adds a place that belongs to it.
    #[must_use]
    pub fn and(mut self, span: &Range<usize>, label: impl Into<String>) -> Problem {
        self.places.push((span.clone(), label.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

/// A terms file that is refused: every problem found, each with its place in the text.
#[derive(Debug)]
pub struct TermsError {
    source: NamedSource<String>,
    problems: Vec<ProblemInFile>,
}

impl TermsError {
    /// Problems of one text; `name` is how the file is called in messages.
    #[must_use]
    pub fn new(name: &str, text: &str, problems: Vec<Problem>) -> TermsError {
        let problems = problems
            .into_iter()
            .map(|problem| ProblemInFile {
                problem,
                length: text.len(),
            })
            .collect();
        TermsError {
            source: NamedSource::new(name, text.to_owned()),
            problems,
        }
    }

    /// The problems, in the order of the file.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().map(|p| &p.problem)
    }
}

impl std::fmt::Display for TermsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.problems.as_slice() {
            [one] => write!(f, "the terms are refused: {}", one.problem.message),
            many => write!(f, "the terms are refused for {} reasons", many.len()),
        }
    }
}

impl std::error::Error for TermsError {}

impl Diagnostic for TermsError {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new("gainshare::terms"))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|p| p as &dyn Diagnostic)))
    }
}

#[derive(Debug)]
struct ProblemInFile {
    problem: Problem,
    length: usize,
}

impl std::fmt::Display for ProblemInFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for ProblemInFile {}

impl Diagnostic for ProblemInFile {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.problem
            .help
            .as_ref()
            .map(|h| Box::new(h) as Box<dyn std::fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let length = self.length;
        Some(Box::new(
            self.problem
                .places
                .iter()
                .filter(move |(s, _)| s.end <= length)
                .map(|(span, label)| {
                    LabeledSpan::new(Some(label.clone()), span.start, span.end - span.start)
                }),
        ))
    }
}

/// The candidate most like `word`, if one is like it at all.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(word.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// "did you mean" for a help line, or the list of what there is.
#[must_use]
pub fn suggestion(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("there is: {}", candidates.join(", ")),
    }
}
