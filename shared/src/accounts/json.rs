//! Accounts as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::model::{Account, Done, SignedIn};
use super::token::LIFETIME;
use crate::config::JsonFormat;
use crate::output::{EntityTag, Representation, to_json};

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [name, full_name, username] = &self.names;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("email", &self.email)?;
        map.serialize_entry("name", name)?;
        map.serialize_entry("full_name", full_name)?;
        map.serialize_entry("username", username)?;
        map.serialize_entry("is_active", &self.is_active)?;
        map.serialize_entry("created_at", &self.created_at)?;
        map.serialize_entry("updated_at", &self.updated_at)?;
        map.serialize_entry("createdAt", &self.created_at)?;
        map.serialize_entry("updatedAt", &self.updated_at)?;
        map.end()
    }
}

impl Serialize for SignedIn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_token(&mut map, &self.token)?;
        map.serialize_entry("success", &true)?;
        map.serialize_entry("user_id", &self.account.id)?;
        map.serialize_entry("email", &self.account.email)?;
        map.serialize_entry("user", &self.account)?;
        map.end()
    }
}

impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message", self.message)?;
        if let Some(token) = &self.token {
            serialize_token(&mut map, token)?;
        }
        map.end()
    }
}

/// The members that clients read, under both names of the token.
fn serialize_token<M: SerializeMap>(map: &mut M, token: &str) -> Result<(), M::Error> {
    map.serialize_entry("access_token", token)?;
    map.serialize_entry("token", token)?;
    map.serialize_entry("token_type", "bearer")?;
    map.serialize_entry("expires_in", &LIFETIME)
}

macro_rules! represent {
    ($($type:ty),*) => {$(
        impl Representation for $type {
            fn to_json(&self, _: JsonFormat) -> String {
                to_json(self)
            }

            fn entity_tag(&self) -> EntityTag {
                EntityTag::None
            }
        }
    )*};
}

represent!(Account, SignedIn, Done);
