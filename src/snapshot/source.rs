//! Bytes into text: gzip, encoding, and which of JSON and YAML it is.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use super::code;
use super::fault::InputFaults;

/// A compressed file may unpack to this much, however small it is.
const ALWAYS_ALLOWED: u64 = 64 << 20;

/// Beyond that, to this many times its own size: text like snapshots shrinks 10 to 40 times.
const MOST_EXPANSION: u64 = 200;

/// And never to more than this.
const LARGEST: u64 = 4 << 30;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// How a snapshot's text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON: the first character that is not blank is `{` or `[`.
    Json,
    /// YAML: anything else.
    Yaml,
}

impl Format {
    /// The format of `text`, by its first character that is not blank.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text.trim_start().as_bytes().first() {
            Some(b'{' | b'[') => Self::Json,
            _ => Self::Yaml,
        }
    }
}

/// The text of a file that may be compressed.
///
/// # Errors
/// If it is empty, not text, or a compressed file that is damaged or too large.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, InputFaults> {
    let text = if bytes.starts_with(GZIP_MAGIC) {
        let unpacked = unpack(bytes)?;
        if unpacked.starts_with(GZIP_MAGIC) {
            return Err(gzip("the file is compressed twice"));
        }
        Cow::Owned(
            String::from_utf8(unpacked)
                .map_err(|e| not_text(e.as_bytes(), e.utf8_error().valid_up_to()))?,
        )
    } else {
        Cow::Borrowed(std::str::from_utf8(bytes).map_err(|e| not_text(bytes, e.valid_up_to()))?)
    };
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        let cause = "the input is empty";
        return Err(InputFaults::whole(
            code::EMPTY,
            None,
            cause,
            "give a file with something in it: a snapshot in JSON or YAML, or what is to be imported",
        ));
    }
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.starts_with('\u{feff}') {
                text.drain(..'\u{feff}'.len_utf8());
            }
            Cow::Owned(text)
        }
    })
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, InputFaults> {
    let limit = (bytes.len() as u64)
        .saturating_mul(MOST_EXPANSION)
        .clamp(ALWAYS_ALLOWED, LARGEST);
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(limit + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| {
            gzip(&format!(
                "the gzip stream is damaged or cut short ({error})"
            ))
        })?;
    if unpacked.len() as u64 > limit {
        let cause = format!(
            "{} compressed bytes unpack to more than {limit}",
            bytes.len()
        );
        let action = "check where the file comes from; give a larger snapshot uncompressed";
        return Err(InputFaults::whole(code::TOO_LARGE, None, cause, action));
    }
    Ok(unpacked)
}

fn gzip(cause: &str) -> InputFaults {
    InputFaults::whole(
        code::GZIP,
        None,
        cause,
        "compress the snapshot once more, or give it uncompressed",
    )
}

fn not_text(bytes: &[u8], valid: usize) -> InputFaults {
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let cause = if utf16 {
        "the text is UTF-16".to_owned()
    } else {
        format!("byte {valid} is not UTF-8 text")
    };
    InputFaults::whole(code::ENCODING, None, cause, "save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn code_of(bytes: &[u8]) -> &'static str {
        text(bytes).unwrap_err().0[0].code
    }

    #[test]
    fn compressed_and_marked_text_is_the_same_text() {
        assert_eq!(text(&pack("\u{feff}{}".as_bytes())).unwrap(), "{}");
        assert_eq!(text("\u{feff}{}".as_bytes()).unwrap(), "{}");
        assert_eq!(Format::of(" \n{"), Format::Json);
        assert_eq!(Format::of("# a comment"), Format::Yaml);
    }

    #[test]
    fn damaged_input_is_refused() {
        let packed = pack(b"{\"version\": \"apportion/v1\"}");
        assert_eq!(code_of(&packed[..packed.len() - 5]), code::GZIP);
        assert_eq!(code_of(&pack(&packed)), code::GZIP);
        assert_eq!(code_of(&[0x1f, 0x8b, 0, 1, 2]), code::GZIP);
        assert_eq!(code_of(b"\xff\xfe{\0}\0"), code::ENCODING);
        assert_eq!(code_of(b"{\"a\": \"\xc3\"}"), code::ENCODING);
        assert_eq!(code_of(b" \n\t"), code::EMPTY);
        assert_eq!(code_of(&pack(b"")), code::EMPTY);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = pack(&vec![b' '; 100 << 20]);
        assert!(bomb.len() < 200_000);
        assert_eq!(code_of(&bomb), code::TOO_LARGE);
    }
}
