//! What serde lets pass and the format does not: a key stated twice in a map, and an object written as
//! a list. One quick walk over JSON finds out whether the thorough reader must look.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Keys whose value is an object that serde would also read from a list.
const OBJECTS: &[&str] = &["constraints", "gang", "min_available"];

/// Whether `json` is free of repeated keys and of lists where objects belong. `false` may be a false
/// alarm (parameters may nest lists); `true` never is.
pub(super) fn holds(json: &str) -> bool {
    let mut reader = serde_json::Deserializer::from_str(json);
    Walk {
        list_allowed: false,
    }
    .deserialize(&mut reader)
    .is_ok()
}

/// A walk over one value. What matters is whether it fails.
#[derive(Clone, Copy)]
struct Walk {
    list_allowed: bool,
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if !self.list_allowed {
            return Err(A::Error::custom("a list"));
        }
        while items
            .next_element_seed(Walk {
                list_allowed: false,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(Text(key)) = entries.next_key()? {
            let walk = Walk {
                list_allowed: !OBJECTS.contains(&&*key),
            };
            if !keys.is_new(key) {
                return Err(A::Error::custom("a repeated key"));
            }
            entries.next_value_seed(walk)?;
        }
        Ok(())
    }
}

/// The keys of one object: compared one by one while they are few, hashed when they are many.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    fn is_new(&mut self, key: Cow<'de, str>) -> bool {
        if self.few.len() < 16 {
            let new = !self.few.contains(&key);
            self.few.push(key);
            return new;
        }
        !self.few.contains(&key) && self.many.insert(key)
    }
}

/// Text, borrowed where it can be (serde's own `Cow` always copies).
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_and_lists_for_objects_are_noticed() {
        assert!(holds(
            r#"{"a": {"x": 1, "y": [1, "\u0061"]}, "b": {"x": 1}}"#
        ));
        assert!(!holds(r#"{"a": {"x": 1, "\u0078": 2}}"#));
        assert!(!holds(r#"{"agents": [["a1"]]}"#));
        assert!(!holds(r#"["apportion/v1"]"#));
        assert!(!holds(r#"{"gang": [3]}"#));
        let many: Vec<String> = (0..40).map(|i| format!("\"k{}\": 1", i % 39)).collect();
        assert!(!holds(&format!("{{{}}}", many.join(","))));
    }
}
