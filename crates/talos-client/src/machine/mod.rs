//! The machine's own answers: version, services, memory, counters, etcd.

pub(crate) mod answer;
mod etcd;
mod etcd_care;
mod inspection;
mod load;
mod memory;
mod netstat;
mod service;
mod system_stat;
mod version;
mod workloads;

pub(crate) use answer::{Answer, Element};
pub use etcd::{EtcdMember, EtcdStatus};
pub use etcd_care::EtcdAlarm;
pub use inspection::{ControllerDependency, NodeTime, StorageDisk};
pub use load::{
    CpuFrequency, DiskCounters, DiskStats, LoadAverage, NetworkCounters, NetworkStats, Processor,
};
pub use memory::Memory;
pub use netstat::{Connection, NetstatOptions};
pub use service::{Service, ServiceEvent};
pub use system_stat::{CpuTime, SystemStat};
pub use version::Version;
pub use workloads::{Container, ContainerStats, Mount, Process};

use homelab_core::{Error, ErrorKind, Result};
use talos_proto::common::Metadata;

/// Answers of the machine's services come as a list with one element per node.
/// We ask one node, so there is one, and it is not an error element.
pub(crate) fn only<T>(messages: Vec<T>, metadata: impl Fn(&T) -> Option<&Metadata>) -> Result<T> {
    let first = messages
        .into_iter()
        .next()
        .ok_or_else(|| Error::new(ErrorKind::Protocol, "the answer is empty"))?;
    match metadata(&first).and_then(element_error) {
        Some(error) => Err(error),
        None => Ok(first),
    }
}

/// How a node failed inside an answer that says OK: what merged answers, and
/// streams before Talos v1.14, do.
pub(crate) fn element_error(metadata: &Metadata) -> Option<Error> {
    if let Some(status) = &metadata.status {
        let code = tonic::Code::from_i32(status.code);
        if code != tonic::Code::Ok {
            return Some(crate::status::to_error(tonic::Status::new(
                code,
                status.message.clone(),
            )));
        }
    }
    (!metadata.error.is_empty()).then(|| crate::status::unknown(metadata.error.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use talos_proto::google::rpc::Status;

    #[test]
    fn an_error_element_is_an_error() {
        let refused = Metadata {
            hostname: "172.16.1.50".into(),
            error: "rpc error".into(),
            status: Some(Status {
                code: 14,
                message: "connection refused".into(),
                details: vec![],
            }),
        };
        let error = only(vec![refused], |m| Some(m)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.message(), "connection refused");

        let words = Metadata {
            error: "only words".into(),
            ..Metadata::default()
        };
        let error = only(vec![words], |m| Some(m)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unknown);
    }

    #[test]
    fn an_empty_answer_is_a_protocol_error() {
        let error = only(Vec::<Metadata>::new(), |m| Some(m)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
