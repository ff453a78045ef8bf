//! `cosi.resource.State` of one node: its resources, to read and to watch.
//! Writing is refused: the API is read-only.
//!
//! | file | what |
//! |---|---|
//! | `types` | the types a node knows |
//! | `resources/` | the resources, made from the world |
//! | `store` | versions, and the history for watches |
//! | `query` | label queries |
//! | `watch` | the stream of changes |
//! | `definitions` | types and namespaces as resources |
//! | `yaml` | the text form of a spec |

mod definitions;
mod query;
mod resources;
mod store;
mod types;
mod watch;
mod yaml;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream;
use talos_proto::cosi::resource as pb;
use talos_proto::cosi::resource::state_server::State as StateService;
use tonic::codegen::BoxStream;
use tonic::{Extensions, Request, Response, Status, async_trait};

use self::query::Query;
use self::store::Store;
use self::types::Type;
use super::rbac::ADMIN;
use super::services::Caller;
use crate::shared::Shared;

/// `cosi.resource.State` of one node.
#[derive(Clone, Debug)]
pub(super) struct Cosi {
    shared: Shared,
    name: String,
    store: Arc<Mutex<Store>>,
}

impl Cosi {
    pub(super) fn new(shared: Shared, name: &str) -> Self {
        Cosi {
            shared,
            name: name.to_owned(),
            store: Arc::default(),
        }
    }

    /// Looks at the store once it has caught up with the world.
    fn store<T>(&self, look: impl FnOnce(&Store) -> T) -> Result<T, Status> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.catch_up(&self.shared.world, &self.name)?;
        Ok(look(&store))
    }

    /// All resources of a type, by id.
    fn all(&self, r#type: &Type) -> Result<Vec<pb::Resource>, Status> {
        match definitions::list(r#type) {
            Some(list) => Ok(list),
            None => self.store(|store| store.list(r#type.name)),
        }
    }
}

/// The type, if the caller may read it. What does not exist is denied, too.
fn readable(namespace: &str, name: &str, extensions: &Extensions) -> Result<&'static Type, Status> {
    let denied = |why: &str| Status::permission_denied(format!("{why} {namespace}/{name}"));
    let known = types::find(name).ok_or_else(|| denied("access denied: unknown resource type"))?;
    if known.namespace != namespace {
        return Err(denied("access denied: no such namespace for"));
    }
    let admin = extensions
        .get::<Caller>()
        .is_some_and(|caller| caller.roles.iter().any(|role| role == ADMIN));
    if known.sensitive && !admin {
        return Err(denied("access to sensitive resource denied:"));
    }
    Ok(known)
}

fn read_only<T>() -> Result<T, Status> {
    Err(Status::permission_denied(
        "write access denied: the API is read-only",
    ))
}

#[async_trait]
impl StateService for Cosi {
    async fn get(
        &self,
        request: Request<pb::GetRequest>,
    ) -> Result<Response<pb::GetResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let r#type = readable(&request.namespace, &request.r#type, &extensions)?;
        let found = self.all(r#type)?.into_iter().find(|r| id(r) == request.id);
        match found {
            Some(resource) => Ok(Response::new(pb::GetResponse {
                resource: Some(resource),
            })),
            None => Err(Status::not_found(format!(
                "resource {}({}/{}@undefined) doesn't exist",
                request.r#type, request.namespace, request.id
            ))),
        }
    }

    async fn list(
        &self,
        request: Request<pb::ListRequest>,
    ) -> Result<Response<BoxStream<pb::ListResponse>>, Status> {
        let (_, extensions, request) = request.into_parts();
        let r#type = readable(&request.namespace, &request.r#type, &extensions)?;
        let options = request.options.unwrap_or_default();
        let query = Query::new(options.label_query, options.id_query.as_ref())?;
        let all = self
            .all(r#type)?
            .into_iter()
            .filter(move |r| query.matches(r));
        let answers = all.map(|resource| {
            Ok(pb::ListResponse {
                resource: Some(resource),
            })
        });
        Ok(Response::new(Box::pin(stream::iter(
            answers.collect::<Vec<_>>(),
        ))))
    }

    async fn watch(
        &self,
        request: Request<pb::WatchRequest>,
    ) -> Result<Response<BoxStream<pb::WatchResponse>>, Status> {
        let (_, extensions, request) = request.into_parts();
        let r#type = readable(&request.namespace, &request.r#type, &extensions)?;
        watch::start(self.clone(), r#type, request).map(Response::new)
    }

    async fn create(
        &self,
        _: Request<pb::CreateRequest>,
    ) -> Result<Response<pb::CreateResponse>, Status> {
        read_only()
    }

    async fn update(
        &self,
        _: Request<pb::UpdateRequest>,
    ) -> Result<Response<pb::UpdateResponse>, Status> {
        read_only()
    }

    async fn destroy(
        &self,
        _: Request<pb::DestroyRequest>,
    ) -> Result<Response<pb::DestroyResponse>, Status> {
        read_only()
    }
}

fn id(resource: &pb::Resource) -> &str {
    resource.metadata.as_ref().map_or("", |m| m.id.as_str())
}

/// A resource that is not there: names only, no version, no spec.
fn tombstone(r#type: &Type, id: &str) -> pb::Resource {
    pb::Resource {
        metadata: Some(pb::Metadata {
            namespace: r#type.namespace.to_owned(),
            r#type: r#type.name.to_owned(),
            id: id.to_owned(),
            version: "undefined".to_owned(),
            phase: "running".to_owned(),
            ..pb::Metadata::default()
        }),
        spec: Some(pb::Spec::default()),
    }
}
