//! Interfaces and addresses inside the guest.

use std::net::IpAddr;

use homelab_core::Result;
use proxmox_endpoints::tolerant;
use serde::{Deserialize, Serialize};

use super::Agent;

/// A network interface inside a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct GuestInterface {
    /// Its name in the guest.
    pub name: String,
    /// Its MAC address, in lower case.
    pub mac: Option<String>,
    /// Its addresses.
    pub addresses: Vec<GuestAddress>,
}

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct GuestAddress {
    /// The address.
    pub address: String,
    /// The length of its network's prefix.
    pub prefix: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireInterface {
    #[serde(default)]
    name: String,
    #[serde(default)]
    hardware_address: Option<String>,
    #[serde(default)]
    ip_addresses: Vec<WireAddress>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireAddress {
    #[serde(default)]
    ip_address: String,
    #[serde(default, deserialize_with = "tolerant::opt")]
    prefix: Option<u32>,
}

impl From<WireInterface> for GuestInterface {
    fn from(wire: WireInterface) -> Self {
        GuestInterface {
            name: wire.name,
            mac: wire.hardware_address.map(|mac| mac.to_ascii_lowercase()),
            addresses: wire
                .ip_addresses
                .into_iter()
                .map(|address| GuestAddress {
                    address: address.ip_address,
                    prefix: address.prefix.unwrap_or(0),
                })
                .collect(),
        }
    }
}

/// From the agent's answer as it is.
#[cfg(any(test, fuzzing))]
pub(crate) fn interfaces(answer: serde_json::Value) -> Result<Vec<GuestInterface>> {
    let wire: Vec<WireInterface> = super::call::unwrapped(answer)?;
    let interfaces: Vec<GuestInterface> = wire.into_iter().map(GuestInterface::from).collect();
    let macs: Vec<String> = interfaces.iter().filter_map(|i| i.mac.clone()).collect();
    let _ = reachable(&interfaces, macs.iter().map(String::as_str));
    Ok(interfaces)
}

impl Agent {
    /// All interfaces, loopback included.
    ///
    /// # Errors
    /// `FailedPrecondition`, `Unsupported`: the agent cannot be asked;
    /// otherwise see [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn interfaces(&self) -> Result<Vec<GuestInterface>> {
        let wire: Vec<WireInterface> = self.get("network-get-interfaces").await?;
        Ok(wire.into_iter().map(GuestInterface::from).collect())
    }

    /// The addresses by which others reach the guest: those of the interfaces
    /// whose MAC address is in the guest's configuration, `net0` first. What a
    /// container runtime or a bridge inside adds is not among them, nor are
    /// loopback and link-local addresses.
    ///
    /// # Errors
    /// As [`interfaces`](Agent::interfaces).
    pub async fn addresses(&self) -> Result<Vec<IpAddr>> {
        let config = self.guest.config().await?;
        let interfaces = self.interfaces().await?;
        let macs = config
            .networks
            .values()
            .filter_map(|device| device.mac_address.as_deref());
        Ok(reachable(&interfaces, macs))
    }
}

fn reachable<'a>(
    interfaces: &[GuestInterface],
    macs: impl Iterator<Item = &'a str>,
) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for mac in macs {
        let own = interfaces.iter().filter(|i| {
            i.mac
                .as_deref()
                .is_some_and(|m| m.eq_ignore_ascii_case(mac))
        });
        for address in own.flat_map(|interface| &interface.addresses) {
            if let Ok(address) = address.address.parse::<IpAddr>()
                && is_reachable(address)
                && !found.contains(&address)
            {
                found.push(address);
            }
        }
    }
    found
}

fn is_reachable(address: IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(local || address.is_loopback() || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, mac: &str, addresses: &[&str]) -> GuestInterface {
        GuestInterface {
            name: name.into(),
            mac: Some(mac.into()),
            addresses: addresses
                .iter()
                .map(|a| GuestAddress {
                    address: (*a).into(),
                    prefix: 24,
                })
                .collect(),
        }
    }

    #[test]
    fn only_what_others_reach_counts() {
        let seen = [
            interface("lo", "00:00:00:00:00:00", &["127.0.0.1", "::1"]),
            interface("cni0", "aa:aa:aa:aa:aa:aa", &["10.244.0.1"]),
            interface(
                "eth0",
                "bc:24:11:00:00:01",
                &["10.0.0.5", "fe80::1", "fd00::5"],
            ),
        ];
        let found = reachable(&seen, ["BC:24:11:00:00:01"].into_iter());
        assert_eq!(
            found,
            [
                "10.0.0.5".parse::<IpAddr>().unwrap(),
                "fd00::5".parse().unwrap()
            ]
        );
    }
}
