//! Text in messages: never more of the input than a reader needs, and a suggestion for a typo.

/// The longest excerpt of the input that a message repeats, in characters.
const LONGEST: usize = 60;

/// `text`, cut to a sensible length, control characters escaped.
pub(super) fn cut(text: &str) -> String {
    let mut cut = String::new();
    for (position, c) in text.chars().enumerate() {
        if position == LONGEST {
            cut.push('…');
            break;
        }
        if c.is_control() {
            cut.extend(c.escape_default());
        } else {
            cut.push(c);
        }
    }
    cut
}

/// `text` in backquotes, cut.
pub(super) fn quote(text: &str) -> String {
    format!("`{}`", cut(text))
}

/// At most `most` of the names, quoted, and how many more there are.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>, most: usize) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(most).map(quote).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

/// The candidate that `word` is most likely a misspelling of; the first of equals.
pub(crate) fn closest<'n>(
    word: &str,
    candidates: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let length = word.chars().take(LONGEST + 1).count();
    if length > LONGEST {
        return None;
    }
    let tolerance = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        // The byte lengths bound the distance from below only for ASCII; four times covers the rest.
        if candidate.len().abs_diff(word.len()) > tolerance * 4 {
            continue;
        }
        if candidate.eq_ignore_ascii_case(word) && candidate != word {
            return Some(candidate);
        }
        let distance = strsim::osa_distance(word, candidate);
        let closer = best.is_none_or(|(least, _)| distance < least);
        if distance > 0 && distance <= tolerance && closer {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_and_control_characters_are_shown() {
        assert_eq!(cut("a\nb"), "a\\nb");
        let long = "x".repeat(1_000_000);
        assert!(cut(&long).chars().count() <= LONGEST + 1);
        assert_eq!(list(["a", "b", "c"], 2), "`a`, `b`, 1 more");
    }

    #[test]
    fn a_typo_finds_its_word_and_a_stranger_does_not() {
        assert_eq!(
            closest("cpu_mili", ["memory_mib", "cpu_milli"]),
            Some("cpu_milli")
        );
        assert_eq!(closest("Rack", ["zone", "rack"]), Some("rack"));
        assert_eq!(closest("banana", ["zone", "rack"]), None);
        assert_eq!(closest("rack", ["rack"]), None);
    }
}
