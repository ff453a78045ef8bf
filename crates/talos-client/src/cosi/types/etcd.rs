use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::definitions::etcd::MemberSpec;

use crate::cosi::{Metadata, ResourceType, decode_spec};

/// The etcd member on this node (`EtcdMembers.etcd.talos.dev`, id `local`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LocalEtcdMember {
    /// Member id, in hexadecimal.
    pub member_id: String,
}

impl ResourceType for LocalEtcdMember {
    const TYPE: &'static str = "EtcdMembers.etcd.talos.dev";
    const NAMESPACE: &'static str = "etcd";

    fn decode(_: &Metadata, spec: &[u8]) -> Result<Self> {
        let spec: MemberSpec = decode_spec(spec)?;
        Ok(LocalEtcdMember {
            member_id: spec.member_id,
        })
    }
}
