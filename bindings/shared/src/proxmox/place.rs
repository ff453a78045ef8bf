//! What a handle of the Proxmox API holds: a client, and the arguments of its
//! paths that are known. A method is one typed request; what it is not given
//! by the handle comes from the call's arguments, by the API's own names with
//! `_` for `-`.

use homelab_core::{Error, ErrorKind, Result};
use proxmox_client::endpoints::describe::Shape;
use proxmox_client::endpoints::{Arguments, Endpoint};
use proxmox_client::{DataLoss, Lxc, Node, Pending, PendingTask, ProxmoxClient, Qemu, Upid};
use serde::Serialize;
use serde_json::{Map, Value};

use super::raw::texts;
use super::started;
use crate::handle::Object;
use crate::reply::{data, done};
use crate::{Args, Handle, Reply};

#[derive(Clone)]
pub(crate) struct Place {
    pub(super) pve: ProxmoxClient,
    known: Vec<(&'static str, String)>,
}

impl Place {
    pub(super) fn new(pve: &ProxmoxClient) -> Self {
        Place {
            pve: pve.clone(),
            known: Vec::new(),
        }
    }

    /// A handle of something below this one.
    pub(super) fn at(
        &self,
        name: &'static str,
        value: String,
        object: fn(Place) -> Object,
    ) -> Reply {
        Handle::new(object(self.clone().with(name, value))).into()
    }

    /// The same place with one more argument known.
    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.known.push((name, value));
        self
    }

    /// Another handle of the same thing.
    pub(super) fn same(&self, object: fn(Place) -> Object) -> Reply {
        Handle::new(object(self.clone())).into()
    }

    pub(super) fn value(&self, name: &str) -> &str {
        let found = self.known.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn vmid(&self) -> Result<u32> {
        let text = self.value("vmid");
        let number = text.parse();
        number.map_err(|_| Error::new(ErrorKind::Internal, format!("no guest's number: '{text}'")))
    }

    pub(super) fn node(&self) -> Node {
        self.pve.node(self.value("node"))
    }

    pub(super) fn qemu(&self) -> Result<Qemu> {
        Ok(self.node().qemu(self.vmid()?))
    }

    pub(super) fn lxc(&self) -> Result<Lxc> {
        Ok(self.node().lxc(self.vmid()?))
    }

    fn request<E: Endpoint>(&self, args: &mut Args) -> Result<E> {
        let mut wire = Arguments::default();
        for (name, value) in &self.known {
            wire.add(*name, value.clone());
        }
        for param in &E::call().params {
            if self.known.iter().any(|(name, _)| *name == param.name) {
                continue;
            }
            let given: Option<Value> = args.take(&argument(param.name))?;
            push(&mut wire, param.name, param.shape, given)?;
        }
        for (name, value) in args
            .take::<Option<Map<String, Value>>>("settings")?
            .unwrap_or_default()
        {
            let shape = E::call().param(&name).map_or(Shape::One, |p| p.shape);
            push(&mut wire, &name, shape, Some(value))?;
        }
        E::from_arguments(&mut wire)
    }

    /// Makes a call of the face, which refuses what would lose data without
    /// the word, with the arguments of this one.
    pub(super) async fn asked<E, T>(&self, mut call: Pending<E, T>, args: &mut Args) -> Result<T>
    where
        E: Endpoint + Clone + Send + Sync + Unpin + 'static,
        T: Send + 'static,
    {
        *call = self.request(args)?;
        call.await
    }

    /// As [`asked`](Self::asked), for a call that starts a task.
    pub(super) async fn begun<E>(&self, call: PendingTask<E>, args: &mut Args) -> Result<Reply>
    where
        E: Endpoint + Clone + Send + Sync + Unpin + 'static,
    {
        Ok(started(self.asked(call, args).await?))
    }

    pub(super) async fn data<E>(&self, args: &mut Args) -> Result<Reply>
    where
        E: Endpoint + Send + Sync,
        E::Response: Serialize,
    {
        let request: E = self.request(args)?;
        data(&self.pve.send(&request).await?)
    }

    pub(super) async fn done<E: Endpoint + Send + Sync>(&self, args: &mut Args) -> Result<Reply> {
        let request: E = self.request(args)?;
        self.pve.send(&request).await?;
        Ok(done())
    }

    pub(super) async fn task<E>(&self, args: &mut Args) -> Result<Reply>
    where
        E: Endpoint<Response = Upid> + Clone + Send + Sync + Unpin + 'static,
    {
        let request: E = self.request(args)?;
        Ok(started(self.pve.send_task(request).await?))
    }

    pub(super) async fn maybe_task<E>(&self, args: &mut Args) -> Result<Reply>
    where
        E: Endpoint<Response = Option<Upid>> + Clone + Send + Sync + Unpin + 'static,
    {
        let request: E = self.request(args)?;
        let task = self.pve.send_maybe_task(request).await?;
        Ok(task.map_or_else(done, started))
    }
}

/// Deletes a guest with what the argument `scope` spells out.
pub(super) async fn destroy<E>(place: &Place, args: &mut Args) -> Result<Reply>
where
    E: Endpoint<Response = Upid> + Clone + Send + Sync + Unpin + 'static,
{
    let scope: String = args.take("scope")?;
    let (purge, unreferenced) = match scope.as_str() {
        "guest" => (false, false),
        "guest_and_references" => (true, false),
        "everything" => (true, true),
        other => {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "argument scope: '{other}' is none of guest, guest_and_references, everything"
                ),
            ));
        }
    };
    let mut args = Args::from(Map::from_iter([
        ("purge".to_owned(), Value::from(purge)),
        (
            "destroy_unreferenced_disks".to_owned(),
            Value::from(unreferenced),
        ),
    ]));
    place.task::<E>(&mut args).await
}

/// Refuses a call that loses data unless the argument `data_loss` says so.
pub(super) fn accepted(args: &mut Args) -> Result<()> {
    let word: String = args.take("data_loss")?;
    loss("data_loss", &word).map(|_| ())
}

/// Reads the word for what may be lost, the value of the argument `name`.
pub(super) fn loss(name: &str, word: &str) -> Result<DataLoss> {
    match word {
        "accepted" => Ok(DataLoss::Accepted),
        other => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("argument {name}: the word is 'accepted', not '{other}'"),
        )),
    }
}

/// `force-cpu` is `force_cpu`, `keepActive` is `keep_active`; `type` is a word
/// of the languages and goes as `kind`.
fn argument(wire: &str) -> String {
    if wire == "type" {
        return "kind".to_owned();
    }
    let mut name = String::with_capacity(wire.len() + 2);
    let mut lower = false;
    for c in wire.chars() {
        if c.is_ascii_uppercase() && lower {
            name.push('_');
        }
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        name.push(if matches!(c, '-' | '.') {
            '_'
        } else {
            c.to_ascii_lowercase()
        });
    }
    name
}

fn push(wire: &mut Arguments, name: &str, shape: Shape, value: Option<Value>) -> Result<()> {
    let texts = texts(name, value.unwrap_or_default())?;
    match shape {
        Shape::Array => texts.into_iter().for_each(|text| wire.add(name, text)),
        _ if texts.is_empty() => {}
        _ => wire.add(name, texts.join(",")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::argument;

    #[test]
    fn names_of_the_api_as_arguments() {
        for (wire, name) in [
            ("force-cpu", "force_cpu"),
            ("keepActive", "keep_active"),
            ("type", "kind"),
            ("dns1", "dns1"),
        ] {
            assert_eq!(argument(wire), name);
        }
    }
}
