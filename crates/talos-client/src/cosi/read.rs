//! Get and list, typed and as text; and a method for each known type.

use homelab_core::{Error, ErrorKind, Result};
use talos_proto::cosi::resource as proto;
use tonic::Status;

use super::query::ListOptions;
use super::resource::{Resource, ResourceType, Typed};
use super::types::{
    Disk, ExtensionStatus, HostnameStatus, LinkStatus, LocalEtcdMember, MachineStatus, Member,
    NodeAddress, Nodename, SecurityState, SystemInformation,
};
use crate::node::NodeClient;

impl NodeClient {
    /// One resource.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id; `PermissionDenied` also for a
    /// type that this release does not know.
    pub async fn get<R: ResourceType>(&self, id: &str) -> Result<Typed<R>> {
        let resource = self.get_raw(R::NAMESPACE, R::TYPE, id).await?;
        Typed::from_proto(resource).map_err(|e| {
            e.operation(format!("Get {}", R::TYPE))
                .target(self.target())
        })
    }

    /// All resources of a type.
    ///
    /// # Errors
    /// `PermissionDenied` also for a type that this release does not know.
    pub async fn list<R: ResourceType>(&self) -> Result<Vec<Typed<R>>> {
        self.list_with(&ListOptions::default()).await
    }

    /// The resources of a type that the node picks by label or id.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list); `InvalidArgument` for a wrong pattern.
    pub async fn list_with<R: ResourceType>(&self, options: &ListOptions) -> Result<Vec<Typed<R>>> {
        self.list_raw(R::NAMESPACE, R::TYPE, options)
            .await?
            .into_iter()
            .map(Typed::from_proto)
            .collect::<Result<_>>()
            .map_err(|e| {
                e.operation(format!("List {}", R::TYPE))
                    .target(self.target())
            })
    }

    /// One resource of any type, as YAML and as data. `type_name` is the full canonical
    /// name (`Members.cluster.talos.dev`), case-sensitive;
    /// [`get_by_alias`](NodeClient::get_by_alias) takes others.
    ///
    /// ```no_run
    /// # async fn example(node: talos_client::NodeClient) -> homelab_core::Result<()> {
    /// let link = node.get_dynamic("network", "LinkStatuses.net.talos.dev", "eth0").await?;
    /// println!("{} {}", link.metadata.version, link.spec["mtu"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`get`](NodeClient::get). There is no default namespace on the wire: a wrong
    /// one is `PermissionDenied` too.
    pub async fn get_dynamic(
        &self,
        namespace: &str,
        type_name: &str,
        id: &str,
    ) -> Result<Resource> {
        Ok(self.get_raw(namespace, type_name, id).await?.into())
    }

    /// All resources of any type, as YAML and as data, under the names that
    /// [`get_dynamic`](NodeClient::get_dynamic) takes.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list).
    pub async fn list_dynamic(&self, namespace: &str, type_name: &str) -> Result<Vec<Resource>> {
        self.list_dynamic_with(namespace, type_name, &ListOptions::default())
            .await
    }

    /// The resources of any type that the node picks by label or id, as YAML.
    ///
    /// # Errors
    /// As [`list_with`](NodeClient::list_with).
    pub async fn list_dynamic_with(
        &self,
        namespace: &str,
        type_name: &str,
        options: &ListOptions,
    ) -> Result<Vec<Resource>> {
        let resources = self.list_raw(namespace, type_name, options).await?;
        Ok(resources.into_iter().map(Resource::from).collect())
    }

    async fn get_raw(&self, namespace: &str, type_name: &str, id: &str) -> Result<proto::Resource> {
        let message = proto::GetRequest {
            namespace: namespace.to_owned(),
            r#type: type_name.to_owned(),
            id: id.to_owned(),
            options: None,
        };
        let operation = format!("Get {type_name}");
        self.read(operation.clone(), message, |raw, request| async move {
            raw.state().get(request).await
        })
        .await?
        .into_inner()
        .resource
        .ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the answer holds no resource")
                .operation(operation)
                .target(self.target())
        })
    }

    async fn list_raw(
        &self,
        namespace: &str,
        type_name: &str,
        options: &ListOptions,
    ) -> Result<Vec<proto::Resource>> {
        let message = proto::ListRequest {
            namespace: namespace.to_owned(),
            r#type: type_name.to_owned(),
            options: options.to_proto(),
        };
        let operation = format!("List {type_name}");
        self.read(operation, message, |raw, request| async move {
            let mut stream = raw.state().list(request).await?.into_inner();
            let mut resources = Vec::new();
            while let Some(message) = stream.message().await? {
                resources.extend(message.resource);
            }
            Ok::<_, Status>(resources)
        })
        .await
    }

    async fn specs<R: ResourceType>(&self) -> Result<Vec<R>> {
        let resources = self.list::<R>().await?;
        Ok(resources.into_iter().map(|r| r.spec).collect())
    }

    async fn spec<R: ResourceType>(&self, id: &str) -> Result<R> {
        Ok(self.get::<R>(id).await?.spec)
    }

    /// The nodes of the cluster, as discovery knows them: name, kind, addresses and
    /// release of each. A node that was shut down leaves after half an hour.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list).
    pub async fn members(&self) -> Result<Vec<Member>> {
        self.specs().await
    }

    /// The stage the machine is in, whether it is ready, and if not, for want of what.
    ///
    /// # Errors
    /// As [`get`](NodeClient::get).
    pub async fn machine_status(&self) -> Result<MachineStatus> {
        self.spec("machine").await
    }

    /// The node's host name, as it was configured, told by DHCP or made up.
    ///
    /// # Errors
    /// `NotFound` until it has one; otherwise as [`get`](NodeClient::get).
    pub async fn hostname(&self) -> Result<HostnameStatus> {
        self.spec("hostname").await
    }

    /// The node's addresses, in several selections by id: `default` is the one that it
    /// is known by, `current` all that it has, `routed` without those of VIPs and
    /// `accumulative` all that it has had since boot.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list).
    pub async fn node_addresses(&self) -> Result<Vec<NodeAddress>> {
        self.specs().await
    }

    /// Network interfaces: of metal, of Talos' own making and of pods' networks.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list).
    pub async fn links(&self) -> Result<Vec<LinkStatus>> {
        self.specs().await
    }

    /// Manufacturer, serial number and UUID, from SMBIOS. On Proxmox VE the UUID is the
    /// guest's `smbios1`.
    ///
    /// # Errors
    /// `NotFound` in a container and on boards without SMBIOS; otherwise as
    /// [`get`](NodeClient::get).
    pub async fn system_information(&self) -> Result<SystemInformation> {
        self.spec("systeminformation").await
    }

    /// System extensions that are part of the running image. Image factory adds one
    /// that is named after the schematic.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list).
    pub async fn extensions(&self) -> Result<Vec<ExtensionStatus>> {
        self.specs().await
    }

    /// Block devices, loop devices and CD drives among them. Since Talos v1.8;
    /// [`storage_disks`](NodeClient::storage_disks) asks older ones.
    ///
    /// # Errors
    /// As [`list`](NodeClient::list).
    pub async fn disks(&self) -> Result<Vec<Disk>> {
        self.specs().await
    }

    /// Whether the machine was booted with secure boot, and what signed its image.
    ///
    /// # Errors
    /// As [`get`](NodeClient::get).
    pub async fn security_state(&self) -> Result<SecurityState> {
        self.spec("securitystate").await
    }

    /// The id of the etcd member on this node.
    ///
    /// # Errors
    /// `NotFound` on a node without etcd.
    pub async fn etcd_member(&self) -> Result<LocalEtcdMember> {
        self.spec("local").await
    }

    /// The name under which Kubernetes knows the node.
    ///
    /// # Errors
    /// `NotFound` until its configuration has been applied; otherwise as
    /// [`get`](NodeClient::get).
    pub async fn nodename(&self) -> Result<Nodename> {
        self.spec("nodename").await
    }
}
