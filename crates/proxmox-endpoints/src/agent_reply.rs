//! [`AgentReply`]: a list from the guest agent, or why there is none.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::AgentError;

/// A list that the guest agent was asked for. An error of the agent comes in
/// its place, with a successful answer of the server.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct AgentReply<T> {
    /// The list; empty when there is an error.
    pub items: Vec<T>,
    /// What the agent says instead.
    pub error: Option<AgentError>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AgentReply<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = AgentReply<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, or an error of the guest agent")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(AgentReply {
                    items: Vec::new(),
                    error: None,
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(AgentReply { items, error: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut error = AgentError::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "error" {
                        error = map.next_value()?;
                    } else {
                        map.next_value::<serde::de::IgnoredAny>()?;
                    }
                }
                Ok(AgentReply {
                    items: Vec::new(),
                    error: Some(error),
                })
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use crate::{GetAgentNetworkInterfaces, decode};

    #[test]
    fn the_agents_own_error_is_no_list() {
        let read = |body: &str| {
            decode::<GetAgentNetworkInterfaces>(body)
                .unwrap()
                .data
                .result
                .unwrap()
        };
        let good = read(r#"{"data":{"result":[{"name":"lo"}]}}"#);
        assert_eq!((good.items.len(), good.error), (1, None));
        let bad =
            read(r#"{"data":{"result":{"error":{"class":"CommandNotFound","desc":"frozen"}}}}"#);
        assert_eq!(bad.error.unwrap().description.as_deref(), Some("frozen"));
    }
}
