//! Text in messages: never more of the input than a reader needs, and a suggestion for a typo.

/// The longest excerpt of the input that a message repeats, in characters.
const LONGEST: usize = 60;

/// `text`, cut to a sensible length, control characters escaped.
pub(crate) fn cut(text: &str) -> String {
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
pub(crate) fn quote(text: &str) -> String {
    format!("`{}`", cut(text))
}

/// At most `most` of the names, quoted, and how many more there are.
pub(crate) fn list<'n>(names: impl IntoIterator<Item = &'n str>, most: usize) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(most).map(quote).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

/// The candidate that `word` is most likely a misspelling of; of equally near ones, the one that begins
/// most alike.
pub(crate) fn closest<'n>(
    word: &str,
    candidates: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let length = word.chars().take(LONGEST + 1).count();
    if length > LONGEST {
        return None;
    }
    let tolerance = (length / 3).max(1);
    let mut best: Option<(usize, f64, &str)> = None;
    for candidate in candidates {
        // A character has at most four bytes, so far different sizes are far different words.
        if candidate == word || candidate.len().abs_diff(word.len()) > tolerance * 4 {
            continue;
        }
        if candidate.eq_ignore_ascii_case(word) {
            return Some(candidate);
        }
        let distance = strsim::osa_distance(word, candidate);
        if distance > tolerance || best.is_some_and(|(least, ..)| distance > least) {
            continue;
        }
        let alike = strsim::jaro_winkler(word, candidate);
        if best.is_none_or(|(least, most, _)| distance < least || alike > most) {
            best = Some((distance, alike, candidate));
        }
    }
    best.map(|(.., candidate)| candidate)
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
        assert_eq!(closest("sdd", ["hdd", "ssd"]), Some("ssd"));
        assert_eq!(closest("banana", ["zone", "rack"]), None);
        assert_eq!(closest("rack", ["rack"]), None);
    }
}
