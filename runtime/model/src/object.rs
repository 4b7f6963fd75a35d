//! JSON objects read as objects only. What must hold: a list is no object: serde's derived readers would take one for a struct, its fields by
//! position.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A struct that was written as a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<T>(pub T);

struct OnlyObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyObject<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self)
    }
}

/// For `#[serde(deserialize_with)]` on a field that is a struct.
pub fn read<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(OnlyObject(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::WorkflowSpec;

    #[test]
    fn a_list_is_no_object() {
        let read = |text: &str| serde_json::from_str::<Object<WorkflowSpec>>(text);
        assert!(read(r#"{"plugin": "a@1", "retry": {"attempts": 2}, "limits": {}}"#).is_ok());
        for list in [
            r#"["a@1"]"#,
            r#"{"plugin": "a@1", "retry": [2, 1, []]}"#,
            r#"{"plugin": "a@1", "limits": [1, 1, 1, 1, 1, 1, 1, 1]}"#,
        ] {
            assert!(read(list).unwrap_err().to_string().contains("a JSON object"), "{list}");
        }
    }
}
