//! Names and sentences from the input, made harmless to look at: short, on one line, and isolated
//! so that a letter written from right to left turns nothing but itself (ASCII has none). Escaping is the template's.

use maud::{Markup, html};

/// Longer names are cut, with a mark of their whole text so that two remain two.
const NAME: usize = 60;
/// Longer sentences are cut.
const SENTENCE: usize = 700;

/// A name from the input.
pub(super) fn name(text: &str) -> Markup {
    let shown = short(text, NAME);
    html! { @if shown.is_ascii() { (shown) } @else { bdi { (shown) } } }
}

/// A sentence of a table, which may have names in it; the engine writes English.
pub(super) fn sentence(text: &str) -> Markup {
    let words: Vec<String> = text.split(' ').map(|word| short(word, NAME)).collect();
    let shown = short(&words.join(" "), SENTENCE);
    html! { @if shown.is_ascii() { span lang="en" { (shown) } } @else { bdi lang="en" { (shown) } } }
}

/// A text on one line, without marks that change the direction or cannot be seen, at most so long.
pub(crate) fn short(text: &str, most: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(most + 1)
        .map(|c| if hidden(c) { '\u{fffd}' } else { c })
        .collect();
    if shown.chars().count() > most {
        let kept: String = shown.chars().take(most.saturating_sub(9)).collect();
        let hash = blake3::hash(text.as_bytes()).to_hex();
        shown = format!("{kept}… #{}", hash.as_str().get(..6).unwrap_or_default());
    }
    shown
}

/// Control characters and marks of direction.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_stays_distinct() {
        let (a, b) = ("x".repeat(10_000), "x".repeat(9_999));
        assert!(short(&a, 60).chars().count() <= 60);
        assert_ne!(short(&a, 60), short(&b, 60));
        assert_eq!(short("CT-A1", 60), "CT-A1");
    }

    #[test]
    fn marks_of_direction_are_shown_as_such() {
        assert_eq!(short("a\u{202e}b\nc", 60), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn markup_stays_text() {
        let html = name("<script>alert(1)</script>\"'&").into_string();
        assert!(!html.contains("<script"), "{html}");
    }
}
