//! Names that survive the formats: what a format could misread is written as `~` and two hexadecimal digits per byte.

/// Characters that are harmless in names of both formats, beside letters and digits.
const HARMLESS: &[char] = &['_', '.', ',', '(', ')', '@'];

/// Words that mean something to a reader of either format, in lower case.
const RESERVED: &[&str] = &[
    "bin", "binaries", "binary", "bound", "bounds", "columns", "end", "endata", "free", "gen",
    "general", "generals", "int", "integer", "integers", "marker", "max", "maximise", "maximize",
    "maximum", "min", "minimise", "minimize", "minimum", "name", "objsense", "ranges", "rhs",
    "rows", "s.t.", "semi", "semis", "sets", "sin", "sos", "sos1", "sos2", "st", "st.", "subject",
    "such", "to",
];

/// The name as it is written to a file.
pub(super) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for (position, character) in name.char_indices() {
        let harmless = character.is_ascii_alphanumeric() || HARMLESS.contains(&character);
        if harmless && !(position == 0 && is_misread(name)) {
            encoded.push(character);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                encoded.push_str(&format!("~{byte:02X}"));
            }
        }
    }
    encoded
}

/// Whether readers would take the beginning of the name for a number, or the whole for a word of the format.
fn is_misread(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut characters = lower.chars();
    let (first, second) = (characters.next(), characters.next());
    first.is_some_and(|first| first.is_ascii_digit() || first == '.')
        || (first == Some('e') && second.is_some_and(|second| second.is_ascii_digit()))
        || lower.starts_with("inf")
        || lower.starts_with("nan")
        || RESERVED.contains(&lower.as_str())
}

/// The name behind what a file has. A `~` that is not an escape of ours stands for itself.
pub(super) fn decode(written: &str) -> String {
    let bytes = written.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let escape = (byte == b'~').then(|| {
            let high = hexadecimal(bytes.get(position + 1))?;
            let low = hexadecimal(bytes.get(position + 2))?;
            Some(16 * high + low)
        });
        if let Some(Some(escaped)) = escape {
            decoded.push(escaped);
            position += 3;
        } else {
            decoded.push(byte);
            position += 1;
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| written.to_owned())
}

fn hexadecimal(digit: Option<&u8>) -> Option<u8> {
    match digit? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn harmless_names_stay_as_they_are() {
        for name in ["x1", "x(1,2)", "rack_3.cpu", "e", "free1", "in", "MaxLoad"] {
            assert_eq!(encode(name), name);
        }
    }

    #[test]
    fn what_a_reader_would_misread_is_escaped() {
        for (name, encoded) in [
            ("rack 3", "rack~203"),
            ("web-1", "web~2D1"),
            ("3x", "~33x"),
            ("End", "~45nd"),
            ("infra", "~69nfra"),
            ("e5", "~655"),
            ("~", "~7E"),
            ("\u{e4}", "~C3~A4"),
        ] {
            assert_eq!(encode(name), encoded);
        }
    }

    #[test]
    fn names_of_other_programs_with_tildes_are_kept() {
        for name in ["a~b", "~", "~4", "a~zz", "~FF"] {
            assert_eq!(decode(name), name);
        }
    }

    proptest! {
        #[test]
        fn encoding_is_reversible_and_harmless(name in ".*") {
            let encoded = encode(&name);
            prop_assert_eq!(decode(&encoded), name);
            prop_assert!(encoded.chars().all(|character| character.is_ascii_alphanumeric() || "_.,()@~".contains(character)));
        }
    }
}
