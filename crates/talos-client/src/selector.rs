//! Which nodes are meant, when they are not named one by one.

use std::fmt;
use std::str::FromStr;

use homelab_core::{Error, ErrorKind, Result, nearest};

use crate::client::TalosClient;
use crate::cosi::Member;
use crate::nodes::NodesClient;

/// Which members of a cluster are meant: all of its conditions must hold.
///
/// As text, conditions with commas between them; a bare one is a name:
///
/// | text | means |
/// |---|---|
/// | `*` | every node |
/// | `role=control-plane`, `role=worker` | nodes of that kind |
/// | `cp-*`, `name=cp-?` | host names; `*` and `?` stand for what they do in a shell |
/// | `address=172.16.1.5*` | nodes with such an address |
/// | `role=worker,version=v1.12.*` | workers that run such a release |
///
/// ```
/// use talos_client::NodeSelector;
///
/// let text: NodeSelector = "role=control-plane,cp-*".parse()?;
/// assert_eq!(text, NodeSelector::all().control_planes().name("cp-*"));
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeSelector {
    /// Whether control planes are meant, or workers; both when absent.
    pub control_plane: Option<bool>,
    /// What the host name must look like.
    pub name: Option<String>,
    /// What one of the addresses must look like.
    pub address: Option<String>,
    /// What the release must look like: `v1.12.*`.
    pub version: Option<String>,
}

impl NodeSelector {
    /// Every node.
    pub fn all() -> Self {
        NodeSelector::default()
    }

    /// Only nodes that run the control plane.
    #[must_use]
    pub fn control_planes(mut self) -> Self {
        self.control_plane = Some(true);
        self
    }

    /// Only nodes that do not.
    #[must_use]
    pub fn workers(mut self) -> Self {
        self.control_plane = Some(false);
        self
    }

    /// Only nodes whose host name looks like this.
    #[must_use]
    pub fn name(mut self, pattern: impl Into<String>) -> Self {
        self.name = Some(pattern.into());
        self
    }

    /// Only nodes with an address that looks like this.
    #[must_use]
    pub fn address(mut self, pattern: impl Into<String>) -> Self {
        self.address = Some(pattern.into());
        self
    }

    /// Only nodes whose release looks like this.
    #[must_use]
    pub fn version(mut self, pattern: impl Into<String>) -> Self {
        self.version = Some(pattern.into());
        self
    }

    /// Whether a member is meant.
    pub fn matches(&self, member: &Member) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_deref().is_none_or(|p| matches(p, text))
        };
        let kind = member.machine_type.is_control_plane();
        self.control_plane.is_none_or(|wanted| wanted == kind)
            && (fits(&self.name, &member.hostname) || fits(&self.name, &member.id))
            && (self.address.is_none() || member.addresses.iter().any(|a| fits(&self.address, a)))
            && fits(&self.version, release(&member.operating_system))
    }
}

/// The release in `Talos (v1.13.9)`.
fn release(operating_system: &str) -> &str {
    operating_system
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or(operating_system, |(release, _)| release)
}

/// Whether `text` looks like `pattern`: `*` is any number of characters, `?` is one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut retry = None;
    while let Some(char) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted.eq_ignore_ascii_case(char) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (p, t) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

impl FromStr for NodeSelector {
    type Err = Error;

    /// # Errors
    /// `InvalidArgument` that names the condition and what would be right.
    fn from_str(text: &str) -> Result<Self> {
        const KEYS: [&str; 4] = ["role", "name", "address", "version"];
        let wrong = |condition: &str, why: String| {
            let message = format!("selector {text:?}: {condition:?}: {why}");
            Error::new(ErrorKind::InvalidArgument, message)
        };
        let mut selector = NodeSelector::default();
        for condition in text.split(',').map(str::trim) {
            let (key, value) = condition.split_once('=').unwrap_or(("name", condition));
            let (key, value) = (key.trim(), value.trim());
            if value.is_empty() {
                return Err(wrong(condition, "nothing is asked for".into()));
            }
            let twice = match key {
                "role" => {
                    let kind = match value {
                        "control-plane" | "controlplane" => true,
                        "worker" => false,
                        _ => {
                            let why = "a role is control-plane or worker".to_owned();
                            return Err(wrong(condition, why));
                        }
                    };
                    selector.control_plane.replace(kind).is_some()
                }
                "name" => selector.name.replace(value.to_owned()).is_some(),
                "address" => selector.address.replace(value.to_owned()).is_some(),
                "version" => selector.version.replace(value.to_owned()).is_some(),
                other => {
                    let hint = nearest(other, KEYS).map_or_else(
                        || format!("it asks for one of {}", KEYS.join(", ")),
                        |near| format!("did you mean {near}?"),
                    );
                    return Err(wrong(condition, hint));
                }
            };
            if twice {
                return Err(wrong(condition, format!("{key} is asked for twice")));
            }
        }
        Ok(selector)
    }
}

impl fmt::Display for NodeSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self
            .control_plane
            .map(|c| if c { "control-plane" } else { "worker" });
        let conditions = [
            ("role", role),
            ("name", self.name.as_deref()),
            ("address", self.address.as_deref()),
            ("version", self.version.as_deref()),
        ];
        let given: Vec<_> = conditions
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", value?)))
            .collect();
        match given.as_slice() {
            [] => f.write_str("*"),
            given => f.write_str(&given.join(",")),
        }
    }
}

impl TalosClient {
    /// The nodes that `selector` means, by host name, each by its internal address.
    /// The endpoint is asked which members the cluster has; nodes that discovery
    /// does not know are not among them.
    ///
    /// ```no_run
    /// # async fn example(talos: talos_client::TalosClient) -> homelab_core::Result<()> {
    /// use talos_client::NodeSelector;
    ///
    /// let workers = talos.select(&NodeSelector::all().workers()).await?;
    /// println!("{:?}", workers.memory().await);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` when it means nobody; it names the members that there are.
    pub async fn select(&self, selector: &NodeSelector) -> Result<NodesClient> {
        let mut members = self.endpoint().members().await?;
        members.sort_by(|a, b| a.hostname.cmp(&b.hostname));
        let chosen: Vec<_> = members
            .iter()
            .filter(|member| selector.matches(member))
            .filter_map(|member| member.addresses.first())
            .collect();
        if chosen.is_empty() {
            let names: Vec<_> = members.iter().map(|m| m.hostname.as_str()).collect();
            let message = match names.as_slice() {
                [] => "discovery knows no members".to_owned(),
                names => format!("no member fits {selector}; there are {}", names.join(", ")),
            };
            return Err(Error::new(ErrorKind::NotFound, message)
                .operation("select")
                .target(self.context_info().name.clone()));
        }
        Ok(self.nodes(chosen))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cosi::MachineType;

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("cp-*", "cp-1", true),
            ("cp-*", "worker-1", false),
            ("*-1", "cp-1", true),
            ("*-1", "cp-11", false),
            ("c*p*1", "cp-p-11", true),
            ("cp-?", "cp-1", true),
            ("cp-?", "cp-10", false),
            ("CP-1", "cp-1", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let member = Member {
            id: "cp-1".into(),
            hostname: "cp-1".into(),
            machine_type: MachineType::ControlPlane,
            operating_system: "Talos (v1.12.3)".into(),
            addresses: vec!["172.16.1.50".into(), "fd00::50".into()],
            ..Member::default()
        };
        for (text, fits) in [
            ("*", true),
            ("role=control-plane", true),
            ("role=controlplane,cp-*", true),
            ("role=worker", false),
            ("address=fd00:*", true),
            ("address=10.*", false),
            ("version=v1.12.*", true),
            ("version=v1.13.*,cp-1", false),
        ] {
            let selector: NodeSelector = text.parse().unwrap();
            assert_eq!(selector.matches(&member), fits, "{text}");
            assert_eq!(
                selector.to_string().parse::<NodeSelector>().unwrap(),
                selector
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("", "nothing is asked for"),
            ("role=", "nothing is asked for"),
            ("cp-1,", "nothing is asked for"),
            ("role=master", "a role is control-plane or worker"),
            ("nam=cp-1", "did you mean name?"),
            ("cp-1,name=cp-2", "name is asked for twice"),
        ] {
            let error = text.parse::<NodeSelector>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(pattern in ".{0,20}", text in ".{0,20}") {
            let _ = matches(&pattern, &text);
            let _ = pattern.parse::<NodeSelector>();
        }
    }
}
