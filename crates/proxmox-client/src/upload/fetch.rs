//! `pve.node("pve1").download_url(…)`: the node fetches a file by itself.

use homelab_core::{Error, ErrorKind, Result};
use proxmox_endpoints::Method;
use proxmox_endpoints::params::{Params, Rule, segment};
use serde::{Deserialize, Serialize};

use super::{Checksum, StoredContent, VolumeTask, stored_name};
use crate::Node;
use crate::task::ByHand;

const FETCH: &str = "POST /nodes/{node}/storage/{storage}/download-url";
const METADATA: &str = "GET /nodes/{node}/query-url-metadata";

/// How a node fetches a URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchOptions {
    /// What it is; told by the name's suffix unless set.
    pub content: Option<StoredContent>,
    /// The name to keep it under; the last part of the URL unless set.
    pub file_name: Option<String>,
    /// What the file must be. With it, fetching again what is there already is
    /// a success; without, it is refused.
    pub checksum: Option<Checksum>,
    /// How it is packed: `gz`, `lzo`, `zst` or `bz2`; only disc images are
    /// unpacked, and not from `xz`.
    pub compression: Option<String>,
    /// Whether the node verifies the certificate of the URL's server; it does
    /// unless told otherwise.
    pub verify_certificates: bool,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            content: None,
            file_name: None,
            checksum: None,
            compression: None,
            verify_certificates: true,
        }
    }
}

impl FetchOptions {
    /// Says what it is.
    #[must_use]
    pub fn content(mut self, content: StoredContent) -> Self {
        self.content = Some(content);
        self
    }

    /// Keeps it under this name.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// What the file must be.
    #[must_use]
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Has the node unpack it.
    #[must_use]
    pub fn compression(mut self, packed: impl Into<String>) -> Self {
        self.compression = Some(packed.into());
        self
    }

    /// Lets the node take the file from a server whose certificate it cannot
    /// verify. Give a checksum then.
    #[must_use]
    pub fn verify_certificates(mut self, verify: bool) -> Self {
        self.verify_certificates = verify;
        self
    }
}

/// What a URL leads to, as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UrlMetadata {
    /// The name that the URL's server gives it.
    pub file_name: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its size.
    pub size_bytes: Option<u64>,
}

impl Node {
    /// Has the node fetch a URL into one of its storages. The node needs a way
    /// to it (the datacenter's `http_proxy` is used); this machine does not.
    ///
    /// Privileges: `Datastore.AllocateTemplate` on the storage, and
    /// `Sys.AccessNetwork` on the node (or `Sys.Audit` and `Sys.Modify` on `/`).
    ///
    /// # Errors
    /// * `InvalidArgument`: no http(s) URL, a suffix that does not fit, a
    ///   compression that this content cannot have.
    /// * otherwise see [`ProxmoxClient::send`](crate::ProxmoxClient::send). That
    ///   the file is there already, cannot be fetched or is another one is the
    ///   failure of the task.
    pub async fn download_url(
        &self,
        storage: &str,
        url: &str,
        options: &FetchOptions,
    ) -> Result<VolumeTask> {
        let named = |e: Error| e.operation(FETCH);
        let (params, volume) = self.fetch_params(storage, url, options).map_err(named)?;
        let path = format!(
            "/nodes/{}/storage/{}/download-url",
            segment(&self.name().to_owned()),
            segment(&storage.to_owned())
        );
        let client = self.client();
        let task = client.begin(ByHand::post(FETCH, path, params)).await?;
        Ok(VolumeTask { task, volume })
    }

    fn fetch_params(
        &self,
        storage: &str,
        url: &str,
        options: &FetchOptions,
    ) -> Result<(Params, String)> {
        Params::check_path("node", &self.name().to_owned(), Rule::Node)?;
        Params::check_path("storage", &storage.to_owned(), Rule::Id)?;
        check_url(url)?;
        let last = url
            .split(['?', '#'])
            .next()
            .and_then(|plain| plain.rsplit('/').next())
            .unwrap_or_default();
        let mut name = options.file_name.as_deref().unwrap_or(last);
        if let Some(packed) = &options.compression {
            if !matches!(packed.as_str(), "gz" | "lzo" | "zst" | "bz2") {
                return Err(bad(format!(
                    "a node cannot unpack {packed}: it knows gz, lzo, zst and bz2"
                )));
            }
            // The name is that of what comes out.
            name = name.strip_suffix(&format!(".{packed}")).unwrap_or(name);
        }
        let (content, name) = stored_name(name, options.content)?;
        if options.compression.is_some() && content != StoredContent::Iso {
            return Err(bad(format!(
                "a node unpacks only disc images, not content {}",
                content.as_str()
            )));
        }
        let mut params = Params::new();
        params.push("content", content.as_str());
        params.push("filename", name.as_str());
        params.push("url", url);
        if let Some(checksum) = &options.checksum {
            params.push("checksum-algorithm", checksum.algorithm().as_str());
            params.push("checksum", checksum.hex());
        }
        if let Some(packed) = &options.compression {
            params.push("compression", packed.as_str());
        }
        if !options.verify_certificates {
            params.push("verify-certificates", "0");
        }
        Ok((params, format!("{storage}:{}/{name}", content.as_str())))
    }

    /// Asks the node what a URL leads to, without fetching it.
    ///
    /// # Errors
    /// `InvalidArgument`: no http(s) URL, or its server refused; otherwise see
    /// [`ProxmoxClient::send`](crate::ProxmoxClient::send).
    pub async fn url_metadata(&self, url: &str) -> Result<UrlMetadata> {
        #[derive(Deserialize)]
        struct Wire {
            filename: Option<String>,
            mimetype: Option<String>,
            #[serde(default, deserialize_with = "proxmox_endpoints::tolerant::opt")]
            size: Option<u64>,
        }
        let named = |e: Error| e.operation(METADATA);
        Params::check_path("node", &self.name().to_owned(), Rule::Node).map_err(named)?;
        check_url(url).map_err(named)?;
        let path = format!(
            "/nodes/{}/query-url-metadata",
            segment(&self.name().to_owned())
        );
        let params: Params = [("url", url)].into_iter().collect();
        let wire: Wire = self
            .client()
            .call(METADATA, Method::Get, &path, &params)
            .await?;
        Ok(UrlMetadata {
            file_name: wire.filename,
            media_type: wire.mimetype,
            size_bytes: wire.size,
        })
    }
}

fn check_url(url: &str) -> Result<()> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && url.bytes().all(|b| b.is_ascii_graphic()) => Ok(()),
        _ => Err(bad(format!(
            "'{url}' is no URL that a node can fetch: it starts with https:// or http://"
        ))),
    }
}

fn bad(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
