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

    /// One resource of any type, as YAML. `type_name` is the full canonical
    /// name (`Members.cluster.talos.dev`); [`get_by_alias`](NodeClient::get_by_alias)
    /// takes others.
    pub async fn get_dynamic(
        &self,
        namespace: &str,
        type_name: &str,
        id: &str,
    ) -> Result<Resource> {
        Ok(self.get_raw(namespace, type_name, id).await?.into())
    }

    /// All resources of any type, as YAML.
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

    /// The nodes of the cluster, as discovery knows them.
    pub async fn members(&self) -> Result<Vec<Member>> {
        self.specs().await
    }

    /// The stage the machine is in, and whether it is ready.
    pub async fn machine_status(&self) -> Result<MachineStatus> {
        self.spec("machine").await
    }

    /// The node's host name.
    pub async fn hostname(&self) -> Result<HostnameStatus> {
        self.spec("hostname").await
    }

    /// The node's addresses, in several selections: `default`, `current`,
    /// `routed`, `accumulative`.
    pub async fn node_addresses(&self) -> Result<Vec<NodeAddress>> {
        self.specs().await
    }

    /// Network interfaces.
    pub async fn links(&self) -> Result<Vec<LinkStatus>> {
        self.specs().await
    }

    /// Manufacturer, serial number and UUID, from SMBIOS.
    pub async fn system_information(&self) -> Result<SystemInformation> {
        self.spec("systeminformation").await
    }

    /// System extensions that are part of the running image.
    pub async fn extensions(&self) -> Result<Vec<ExtensionStatus>> {
        self.specs().await
    }

    /// Block devices (since Talos v1.8).
    pub async fn disks(&self) -> Result<Vec<Disk>> {
        self.specs().await
    }

    /// Secure boot and the like.
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
    pub async fn nodename(&self) -> Result<Nodename> {
        self.spec("nodename").await
    }
}
