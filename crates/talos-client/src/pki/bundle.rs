//! `secrets.yaml`: the secrets of a cluster.

use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, ExposeSecret, Location, Result, SecretString, Sent};

use super::authority::KeyPair;
use super::generate::ServiceAccountKey;
use crate::config::write_secret;
use crate::yaml::{Map, Value, documents_to_text, parse};

/// The secrets of a cluster, as `talosctl gen secrets` writes them to
/// `secrets.yaml`. `Debug` shows none of them.
///
/// ```
/// use std::time::SystemTime;
/// use talos_client::pki::{ClientCertificateOptions, SecretsBundle, ServiceAccountKey};
///
/// let secrets = SecretsBundle::generate_with(SystemTime::now(), ServiceAccountKey::EcdsaP256)?;
/// let reader = secrets.issue(&ClientCertificateOptions::role("os:reader"))?;
/// let context = reader.context("lab", ["172.16.1.50"]);
/// assert_eq!(context.describe()?.roles, ["os:reader"]);
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SecretsBundle {
    /// Names the cluster in the discovery service.
    pub cluster_id: String,
    /// Encrypts what members tell each other there.
    pub cluster_secret: SecretString,
    /// Lets kubelets join.
    pub bootstrap_token: SecretString,
    /// Encrypts Kubernetes' secrets in etcd (config of Talos v1.3 or newer).
    pub secretbox_encryption_secret: Option<SecretString>,
    /// The same in clusters that began with Talos v1.2 or older.
    pub aescbc_encryption_secret: Option<SecretString>,
    /// Lets workers ask control planes for a certificate.
    pub trustd_token: SecretString,
    /// CA of etcd.
    pub etcd: KeyPair,
    /// CA of Kubernetes.
    pub kubernetes: KeyPair,
    /// CA of Kubernetes' aggregation layer.
    pub kubernetes_aggregator: KeyPair,
    /// Key that signs service account tokens, PEM.
    pub kubernetes_service_account: SecretString,
    /// CA of the Talos API: signs nodes and clients.
    pub os: KeyPair,
}

impl SecretsBundle {
    /// Secrets for a new cluster: CAs for ten years from `now`, Ed25519 for the
    /// Talos API and ECDSA P-256 for the others, an RSA key of 4096 bits for
    /// service accounts, tokens from the system's random numbers.
    ///
    /// The RSA key takes a second or more; [`generate_with`](Self::generate_with)
    /// offers a quicker one.
    ///
    /// # Errors
    /// `Internal` when the system has no random numbers.
    pub fn generate(now: SystemTime) -> Result<Self> {
        Self::generate_with(now, ServiceAccountKey::Rsa4096)
    }

    /// [`generate`](Self::generate) with another key for service accounts.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub fn generate_with(now: SystemTime, key: ServiceAccountKey) -> Result<Self> {
        super::generate::generate(now, key)
    }

    /// Reads a `secrets.yaml`.
    ///
    /// # Errors
    /// `NotFound` or `Io` when it cannot be read, otherwise as
    /// [`parse`](SecretsBundle::parse).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Parses `text`; `file_name` is what errors call it. Unknown keys are ignored.
    ///
    /// # Errors
    /// `Config`, naming the key that is missing or wrong. Never a value.
    pub fn parse(file_name: &str, text: &str) -> Result<Self> {
        let documents = parse(text).map_err(|bad| bad.into_error(file_name))?;
        let reader = Reader {
            file: file_name,
            root: documents.first().map(|(_, value)| value),
        };
        Ok(SecretsBundle {
            cluster_id: reader.text("cluster.id")?,
            cluster_secret: reader.text("cluster.secret")?.into(),
            bootstrap_token: reader.text("secrets.bootstraptoken")?.into(),
            secretbox_encryption_secret: reader.optional("secrets.secretboxencryptionsecret"),
            aescbc_encryption_secret: reader.optional("secrets.aescbcencryptionsecret"),
            trustd_token: reader.text("trustdinfo.token")?.into(),
            etcd: reader.pair("certs.etcd")?,
            kubernetes: reader.pair("certs.k8s")?,
            kubernetes_aggregator: reader.pair("certs.k8saggregator")?,
            kubernetes_service_account: reader.pem("certs.k8sserviceaccount.key")?,
            os: reader.pair("certs.os")?,
        })
    }

    /// The text of `secrets.yaml`.
    pub fn to_yaml(&self) -> SecretString {
        let secret = |s: &SecretString| Value::text(s.expose_secret());
        let pack = |pem: &str| Value::text(STANDARD.encode(pem));
        let pair = |pair: &KeyPair| {
            map([
                ("crt", pack(&pair.crt)),
                ("key", pack(pair.key.expose_secret())),
            ])
        };
        let mut secrets = vec![("bootstraptoken", secret(&self.bootstrap_token))];
        for (key, value) in [
            (
                "secretboxencryptionsecret",
                &self.secretbox_encryption_secret,
            ),
            ("aescbcencryptionsecret", &self.aescbc_encryption_secret),
        ] {
            secrets.extend(value.as_ref().map(|value| (key, secret(value))));
        }
        let account = pack(self.kubernetes_service_account.expose_secret());
        let bundle = map([
            (
                "cluster",
                map([
                    ("id", Value::text(&self.cluster_id)),
                    ("secret", secret(&self.cluster_secret)),
                ]),
            ),
            ("secrets", map(secrets)),
            ("trustdinfo", map([("token", secret(&self.trustd_token))])),
            (
                "certs",
                map([
                    ("etcd", pair(&self.etcd)),
                    ("k8s", pair(&self.kubernetes)),
                    ("k8saggregator", pair(&self.kubernetes_aggregator)),
                    ("k8sserviceaccount", map([("key", account)])),
                    ("os", pair(&self.os)),
                ]),
            ),
        ]);
        documents_to_text([&bundle]).into()
    }

    /// Writes `secrets.yaml`: mode 0600, its folder 0700 if it has to be made,
    /// and either the new file is there or the old one.
    ///
    /// # Errors
    /// `Io` naming the path; `AlreadyExists` when there is a file: the secrets
    /// of a running cluster are not written over.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path.try_exists().unwrap_or(true) {
            let message = format!("{} exists; a cluster may depend on it", path.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message).sent(Sent::No));
        }
        write_secret(path, &self.to_yaml())
    }
}

fn map(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Map(pairs.into_iter().collect::<Map>())
}

/// Looks keys up by their dotted path, and says which one is wrong.
struct Reader<'a> {
    file: &'a str,
    root: Option<&'a Value>,
}

impl Reader<'_> {
    fn find(&self, path: &str) -> Option<&str> {
        let keys: Vec<_> = path.split('.').collect();
        self.root?
            .path(&keys)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    fn wrong(&self, path: &str, what: &str) -> Error {
        let at = Location {
            file: self.file.to_owned(),
            line: 0,
            column: 0,
        };
        Error::config(at, format!("`{path}` {what}")).sent(Sent::No)
    }

    fn text(&self, path: &str) -> Result<String> {
        let found = self.find(path).map(str::to_owned);
        found.ok_or_else(|| self.wrong(path, "is missing"))
    }

    fn optional(&self, path: &str) -> Option<SecretString> {
        self.find(path).map(|text| text.to_owned().into())
    }

    fn pem(&self, path: &str) -> Result<SecretString> {
        let packed: String = self.text(path)?.split_whitespace().collect();
        let bytes = STANDARD
            .decode(packed)
            .map_err(|_| self.wrong(path, "is not base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| self.wrong(path, "holds no PEM text"))?;
        if !text.contains("-----BEGIN ") {
            return Err(self.wrong(path, "holds no PEM text"));
        }
        Ok(text.into())
    }

    fn pair(&self, path: &str) -> Result<KeyPair> {
        Ok(KeyPair {
            crt: self.pem(&format!("{path}.crt"))?.expose_secret().to_owned(),
            key: self.pem(&format!("{path}.key"))?,
        })
    }
}
