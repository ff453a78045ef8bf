//! Connections of a node.

use homelab_core::Result;
use serde::{Deserialize, Serialize};
use talos_proto::machine::netstat_request::{Feature, Filter, L4proto, NetNs};
use talos_proto::machine::{ConnectRecord, NetstatRequest, connect_record};

use crate::enum_name::name_of;
use crate::node::NodeClient;

/// A connection, or a socket that waits for some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Connection {
    /// `tcp`, `tcp6`, `udp`, `udp6`, `udplite`, `udplite6`, `raw` or `raw6`.
    pub protocol: String,
    /// Address on the node.
    pub local_address: String,
    /// Port on the node.
    pub local_port: u32,
    /// Address of the other side.
    pub remote_address: String,
    /// Port of the other side; 0 while nobody is there.
    pub remote_port: u32,
    /// `established`, `listen`, `time-wait`, …
    pub state: String,
    /// Bytes that wait to be sent.
    pub send_queue_bytes: u64,
    /// Bytes that wait to be read.
    pub receive_queue_bytes: u64,
    /// Number of the process; absent when the kernel does not tell.
    pub pid: Option<u32>,
    /// Name of the process.
    pub process: Option<String>,
    /// Number of its user.
    pub uid: u32,
    /// Network namespace; empty for the host's.
    pub network_namespace: String,
}

impl From<ConnectRecord> for Connection {
    fn from(record: ConnectRecord) -> Self {
        let process = record.process.filter(|p| p.pid != 0);
        Connection {
            protocol: record.l4proto,
            local_address: record.localip,
            local_port: record.localport,
            remote_address: record.remoteip,
            remote_port: record.remoteport,
            state: name_of(record.state, "", connect_record::State::as_str_name),
            send_queue_bytes: record.txqueue,
            receive_queue_bytes: record.rxqueue,
            pid: process.as_ref().map(|p| p.pid),
            process: process.map(|p| p.name),
            uid: record.uid,
            network_namespace: record.netns,
        }
    }
}

/// Which connections to look at: all of TCP and UDP on the host's own network,
/// unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NetstatOptions {
    /// Only sockets that wait for connections.
    pub listening: bool,
    /// Raw sockets and UDP-Lite too.
    pub all_protocols: bool,
    /// The networks of pods too.
    pub all_namespaces: bool,
}

impl NetstatOptions {
    /// Only sockets that wait for connections.
    #[must_use]
    pub fn listening(mut self) -> Self {
        self.listening = true;
        self
    }

    /// Raw sockets and UDP-Lite too.
    #[must_use]
    pub fn all_protocols(mut self) -> Self {
        self.all_protocols = true;
        self
    }

    /// The networks of pods too.
    #[must_use]
    pub fn all_namespaces(mut self) -> Self {
        self.all_namespaces = true;
        self
    }

    /// All flags are set: what is not asked for by name is not answered.
    fn request(self) -> NetstatRequest {
        let more = self.all_protocols;
        NetstatRequest {
            filter: if self.listening {
                Filter::Listening.into()
            } else {
                Filter::All.into()
            },
            feature: Some(Feature { pid: true }),
            l4proto: Some(L4proto {
                tcp: true,
                tcp6: true,
                udp: true,
                udp6: true,
                udplite: more,
                udplite6: more,
                raw: more,
                raw6: more,
            }),
            netns: Some(NetNs {
                hostnetwork: true,
                netns: Vec::new(),
                allnetns: self.all_namespaces,
            }),
        }
    }
}

impl NodeClient {
    /// The connections of the node. Without options: TCP and UDP in the host's network,
    /// listening or not, with the processes they belong to.
    ///
    /// # Errors
    /// Those of every call ([`NodeClient`]).
    pub async fn netstat(&self, options: NetstatOptions) -> Result<Vec<Connection>> {
        let m = self
            .ask("Netstat", options.request(), |raw, request| async move {
                raw.machine().netstat(request).await
            })
            .await?;
        Ok(m.connectrecord.into_iter().map(Connection::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_the_wires_defaults() {
        let request = NetstatOptions::default().request();
        let l4 = request.l4proto.unwrap();
        assert!(l4.tcp && l4.tcp6 && l4.udp && l4.udp6 && !l4.raw);
        assert!(request.netns.unwrap().hostnetwork);
        assert!(request.feature.unwrap().pid);
    }

    #[test]
    fn unknown_states_are_numbers() {
        let connection = Connection::from(ConnectRecord {
            state: 77,
            ..ConnectRecord::default()
        });
        assert_eq!((connection.state.as_str(), connection.pid), ("77", None));
    }
}
