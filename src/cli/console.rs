//! What a person reads in a terminal: texts made harmless, and lines folded to its width.
//! Responsible for control characters of the input (they could move the cursor, recolour or
//! hide text) and for width; not for what is said.

use std::borrow::Cow;
use std::io::IsTerminal as _;

/// Narrower terminals are left to fold by themselves.
const NARROWEST: usize = 40;

/// A text in which nothing acts on the terminal or turns the direction of what follows: control
/// characters other than line ends and tabs, and marks of direction, become U+FFFD. `colours` lets
/// our own sequences of colour pass.
pub(super) fn harmless(text: &str, colours: bool) -> Cow<'_, str> {
    let acts = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(acts) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = if colours { colour(rest) } else { None };
        let taken = match colour {
            Some(sequence) => {
                shown.push_str(sequence);
                sequence.len()
            }
            None => {
                shown.push(if acts(c) { '\u{fffd}' } else { c });
                c.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    shown.into()
}

/// A sequence that only sets colours, at the start of a text.
fn colour(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let digits = inner.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    inner.get(digits..)?.starts_with('m').then_some(())?;
    text.get(..digits + 3)
}

/// Columns of stdout when it is a terminal.
pub(super) fn width() -> Option<usize> {
    std::io::stdout()
        .is_terminal()
        .then(terminal_size::terminal_size)
        .flatten()
        .map(|(width, _)| usize::from(width.0))
}

/// A table or calculation for a person, to stdout: harmless, and folded where it is a terminal.
pub(super) fn table(text: &str) -> miette::Result<()> {
    let text = harmless(text, false);
    match width() {
        None => super::data(text.as_bytes()),
        Some(wide) => {
            let lines: Vec<Cow<'_, str>> = text.lines().map(|line| folded(line, wide)).collect();
            super::data(format!("{}\n", lines.join("\n")).as_bytes())
        }
    }
}

/// Something said on stderr. Nobody may be listening any more, which is no error.
pub(super) fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text, true));
}

/// A line broken between words so that it fits; what follows hangs under the last column.
pub(super) fn folded(line: &str, wide: usize) -> Cow<'_, str> {
    if wide < NARROWEST || line.chars().count() <= wide {
        return line.into();
    }
    let indent = hanging(line, wide);
    let mut text = String::new();
    let mut column = 0;
    let mut words = false;
    for piece in line.split_inclusive(' ') {
        let letters = piece.trim_end_matches(' ').chars().count();
        if words && column + letters > wide {
            let kept = text.trim_end_matches(' ').len();
            text.truncate(kept);
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        }
        words |= letters > 0;
        text.push_str(piece);
        column += piece.chars().count();
    }
    text.into()
}

/// Where the last column starts: after the last gap of two spaces that leaves it room.
fn hanging(line: &str, wide: usize) -> usize {
    let chars: Vec<char> = line.chars().collect();
    let starts = chars.iter().enumerate().filter(|(i, c)| {
        let before = |n: usize| i.checked_sub(n).and_then(|at| chars.get(at)).copied();
        **c != ' ' && before(1) == Some(' ') && before(2) == Some(' ')
    });
    let own = chars.iter().take_while(|c| **c == ' ').count();
    starts
        .map(|(i, _)| i)
        .rfind(|i| *i <= wide * 3 / 5)
        .unwrap_or(own)
        .max(own.min(wide / 2) + if own == 0 { 4 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_input_acts_on_the_terminal() {
        let text = "a\u{1b}[2Jb\u{7}\u{202e}c\u{9b}31md\r\n\te";
        assert_eq!(
            harmless(text, false),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}31md\u{fffd}\n\te"
        );
        // Only what sets colours passes where our own messages have them.
        assert_eq!(
            harmless("\u{1b}[31mx\u{1b}[0m", true),
            "\u{1b}[31mx\u{1b}[0m"
        );
        assert_eq!(
            harmless("\u{1b}[31mx\u{1b}[2J", true),
            "\u{1b}[31mx\u{fffd}[2J"
        );
        assert_eq!(harmless("\u{1b}]0;title", true), "\u{fffd}]0;title");
        assert!(matches!(harmless("plain", false), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_line_hangs_under_its_last_column() {
        let line =
            "  price   12.00  one two three four five six seven eight nine ten eleven twelve";
        let text = folded(line, 50);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|l| l.chars().count() <= 50), "{text}");
        assert_eq!(lines.first().map(|l| l.find("one")), Some(Some(17)));
        assert!(
            lines.iter().skip(1).all(|l| l.starts_with(&" ".repeat(17))),
            "{text}"
        );
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>(),
            line.split_whitespace().collect::<Vec<_>>()
        );
        assert_eq!(folded(line, 200), line);
        let long = "x".repeat(100);
        assert_eq!(folded(&long, 50), long);
    }
}
