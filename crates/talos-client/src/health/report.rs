//! The checks by name, and what came of them.

use std::fmt;

use homelab_core::{PerNode, Result};
use serde::{Deserialize, Serialize};

use crate::flows::passes;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A check, in the order in which they are made.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum CheckName {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl CheckName {
            /// All checks, in order.
            pub const ALL: &'static [CheckName] = &[$(CheckName::$name,)+];

            /// Its name as text.
            pub const fn as_str(self) -> &'static str {
                match self { $(CheckName::$name => $text,)+ }
            }
        }
    };
}

checks! {
    /// etcd runs and is healthy on every control plane.
    EtcdService = "etcd-service",
    /// Every control plane knows the same members of etcd.
    EtcdAgreement = "etcd-agreement",
    /// Every member of etcd is one of the control planes.
    EtcdMembers = "etcd-members",
    /// Every node answers.
    Api = "api",
    /// Every node has the memory that it needs at least.
    Memory = "memory",
    /// Every node has the disk space that it needs at least.
    Disk = "disk",
    /// No node reports a problem with itself.
    Diagnostics = "diagnostics",
    /// kubelet runs and is healthy on every control plane.
    Kubelet = "kubelet",
    /// Every node has come to the end of its boot.
    Boot = "boot",
    /// Kubernetes knows these nodes and no others.
    KubernetesNodes = "kubernetes-nodes",
    /// Every control plane runs the parts of Kubernetes' own.
    StaticPods = "static-pods",
    /// The parts of Kubernetes' control plane are ready.
    ControlPlanePods = "control-plane-pods",
    /// Kubernetes calls every node ready.
    KubernetesReady = "kubernetes-ready",
    /// kube-proxy is ready, where there is one.
    KubeProxy = "kube-proxy",
    /// `CoreDNS` is ready, where there is one.
    CoreDns = "coredns",
    /// Kubernetes may place pods on every node.
    Schedulable = "schedulable",
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckOutcome {
    /// All is well.
    Passed,
    /// Something is not.
    Failed,
    /// There was nothing to look at, or no way to.
    Skipped,
}

/// One check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HealthCheck {
    /// Which.
    pub name: CheckName,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What is not well and where, or why it was skipped; empty when it passed.
    pub message: String,
}

/// All checks and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HealthReport {
    /// Whether no check failed.
    pub healthy: bool,
    /// The checks, in their order.
    pub checks: Vec<HealthCheck>,
    /// Addresses of the control planes that were looked at.
    pub control_planes: Vec<String>,
    /// Addresses of the workers that were looked at.
    pub workers: Vec<String>,
}

/// What one look has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

impl Verdict {
    /// Passed when nothing is missing.
    pub(super) fn from_missing(missing: &[String]) -> Self {
        if missing.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed(missing.join("; "))
        }
    }

    /// Judges every node's answer: `judge` says what is not well. A node that
    /// does not answer is not well; one that may not be asked is an error.
    pub(super) fn of_nodes<T>(
        asked: PerNode<T>,
        judge: impl Fn(&T) -> Option<String>,
    ) -> Result<Self> {
        let mut missing = Vec::new();
        for (node, answer) in asked {
            match answer {
                Ok(answer) => missing.extend(judge(&answer).map(|why| format!("{node}: {why}"))),
                Err(e) if passes(&e) => missing.push(format!("{node}: {}", e.message())),
                Err(e) => return Err(e),
            }
        }
        Ok(Verdict::from_missing(&missing))
    }

    pub(super) fn into_check(self, name: CheckName) -> HealthCheck {
        let (outcome, message) = match self {
            Verdict::Passed => (CheckOutcome::Passed, String::new()),
            Verdict::Failed(message) => (CheckOutcome::Failed, message),
            Verdict::Skipped(message) => (CheckOutcome::Skipped, message),
        };
        HealthCheck {
            name,
            outcome,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::{Error, ErrorKind};

    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_data() {
        assert_eq!(CheckName::ALL.len(), 16);
        for name in CheckName::ALL {
            let json = serde_json::to_string(name).unwrap();
            assert_eq!(json, format!("\"{name}\""));
        }
    }

    #[test]
    fn silence_is_not_well_and_a_refusal_is_an_error() {
        let asked = |kind| {
            PerNode::from(vec![
                ("a".to_owned(), Ok(1)),
                ("b".to_owned(), Err(Error::new(kind, "no"))),
            ])
        };
        let judge = |n: &i32| (*n > 1).then(|| "too many".to_owned());
        let verdict = Verdict::of_nodes(asked(ErrorKind::Unavailable), judge).unwrap();
        assert_eq!(verdict, Verdict::Failed("b: no".into()));
        assert!(Verdict::of_nodes(asked(ErrorKind::PermissionDenied), judge).is_err());
    }
}
