//! The META partition: small values that outlive a reset of the rest.

use homelab_core::Result;
use talos_proto::machine::{MetaDeleteRequest, MetaWriteRequest};

use crate::node::NodeClient;

impl NodeClient {
    /// Writes a value of the META partition: 10 is the network configuration on
    /// metal, 12 to 14 are the user's own.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no room.
    pub async fn meta_write(&self, key: u8, value: impl Into<Vec<u8>>) -> Result<()> {
        let request = MetaWriteRequest {
            key: key.into(),
            value: value.into(),
        };
        self.order("MetaWrite", request, |raw, request| async move {
            raw.machine().meta_write(request).await
        })
        .await?;
        Ok(())
    }

    /// Removes a value of the META partition.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn meta_delete(&self, key: u8) -> Result<()> {
        let request = MetaDeleteRequest { key: key.into() };
        self.order("MetaDelete", request, |raw, request| async move {
            raw.machine().meta_delete(request).await
        })
        .await?;
        Ok(())
    }
}
