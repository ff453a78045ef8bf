//! Files that come to a storage: uploaded, or downloaded by the host.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::answer::{Answer, ApiError, Result};
use super::super::config_keys::disks;
use super::super::operation::{Found, Job, Work};
use super::super::params::{Kind, Param, optional, required};
use super::super::router::{Access, Call, Route, get};
use super::{content, fetch};
use crate::world::{State, Volume};

/// What a storage may be sent, and the endings that it takes.
const ENDINGS: &[(&str, &[&str])] = &[
    ("iso", &["iso", "img"]),
    ("vztmpl", &["tar.gz", "tar.xz", "tar.zst", "tar.bz2", "tar"]),
    ("import", &["ova", "qcow2", "raw", "vmdk"]),
];
const CONTENTS: &[&str] = &["iso", "vztmpl", "import"];
const ALGORITHMS: &[&str] = &["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

/// A file that is about to come.
#[derive(Clone, Debug)]
struct Arrival {
    storage: String,
    host: String,
    volume: Volume,
    /// Where it will lie.
    path: String,
    /// What the client says that its checksum is: algorithm and value.
    expected: Option<(String, String)>,
}

impl Arrival {
    /// Checks what the client wants, in the server's order.
    fn of(call: &Call<'_>, wanted_name: &str) -> Result<Self> {
        let content = call.text("content").unwrap_or_default();
        let expected = expected_checksum(call)?;
        call.cluster.world().read(|state| {
            let storage = content::place(state, call)?;
            if !storage.keeps_files() {
                let text = format!("can't upload to storage type '{}'", storage.kind);
                return Err(ApiError::die(text));
            }
            let name = normal(wanted_name);
            let endings = ENDINGS.iter().find(|(kind, _)| *kind == content);
            let ending = endings
                .and_then(|(_, all)| all.iter().find(|e| name.ends_with(&format!(".{e}"))))
                .ok_or_else(|| ApiError::param("filename", "wrong file extension"))?;
            if !storage.content.contains(&content) {
                let id = &storage.id;
                return Err(ApiError::die(format!(
                    "storage '{id}' does not support '{content}' content"
                )));
            }
            let volume = Volume {
                name: format!("{content}/{name}"),
                host: call.node(),
                format: format_of(&content, ending),
                content,
                size_bytes: 0,
                created_at: state.now,
                notes: None,
                protected: false,
                guest: None,
                checksums: BTreeMap::new(),
            };
            Ok(Arrival {
                storage: storage.id.clone(),
                host: call.node(),
                path: content::file_path(storage, &volume),
                volume,
                expected,
            })
        })
    }

    /// The file's name without its folder.
    fn file(&self) -> &str {
        self.volume.name.split_once('/').map_or("", |(_, f)| f)
    }

    /// Keeps the file, unless its checksum is another one.
    fn keep(mut self, state: &mut State) -> std::result::Result<(), String> {
        self.volume.created_at = state.now;
        let known = &self.volume.checksums;
        if let Some((algorithm, wanted)) = &self.expected
            && let Some(got) = known.get(algorithm)
            && got != wanted
        {
            return Err(format!(
                "checksum mismatch: got '{got}' != expect '{wanted}'"
            ));
        }
        let gone = || format!("storage '{}' does not exist", self.storage);
        state
            .storage_mut(&self.storage)
            .ok_or_else(gone)?
            .keep(self.volume)
    }

    /// Whether the file is there already and is the one that is wanted.
    fn existing(&self, state: &State) -> Option<bool> {
        let storage = state.storage(&self.storage, &self.host)?;
        let volume = storage.volume(&self.volume.name, &self.host)?;
        let (algorithm, wanted) = self.expected.as_ref()?;
        Some(
            volume
                .checksums
                .get(algorithm)
                .is_none_or(|got| got == wanted),
        )
    }
}

fn expected_checksum(call: &Call<'_>) -> Result<Option<(String, String)>> {
    let algorithm = call.text("checksum-algorithm");
    let checksum = call.text("checksum");
    match (algorithm, checksum) {
        (Some(algorithm), Some(checksum)) => Ok(Some((algorithm, checksum.to_ascii_lowercase()))),
        (None, Some(_)) => Err(missing("checksum-algorithm")),
        (Some(_), None) => Err(missing("checksum")),
        (None, None) => Ok(None),
    }
}

fn missing(other: &str) -> ApiError {
    let text = format!(
        "missing property - '{}' requires this property",
        match other {
            "checksum" => "checksum-algorithm",
            _ => "checksum",
        }
    );
    ApiError::param(other, text)
}

/// A name as the server keeps it: no folder, and nothing unusual.
fn normal(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let usual = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.chars()
        .map(|c| if usual(c) { c } else { '_' })
        .collect()
}

fn format_of(content: &str, ending: &str) -> String {
    match (content, ending) {
        ("iso", _) => "iso".into(),
        // `tgz` for `tar.gz`.
        ("vztmpl", ending) => format!("t{}", ending.trim_start_matches("tar.")),
        (_, ending) => ending.to_owned(),
    }
}

/// `POST …/upload`: the file has come in; a task puts it in its place. It runs
/// on the host that was asked, whichever the path names.
fn upload(call: &Call<'_>) -> Result<Answer> {
    let Some(file) = &call.file else {
        return Err(ApiError::die("missing temporary file name"));
    };
    let mut arrival = Arrival::of(call, &file.name)?;
    arrival.volume.size_bytes = file.size_bytes;
    arrival.volume.checksums.clone_from(&file.checksums);
    let (host, path, size) = (
        call.contacted.to_owned(),
        arrival.path.clone(),
        file.size_bytes,
    );
    let spool = format!(
        "/var/tmp/pveupload-{:032x}",
        call.cluster.world().revision()
    );
    let lines = vec![
        format!("starting file import from: {spool}"),
        format!("target node: {}", arrival.host),
        format!("target file: {path}"),
        format!("file size is: {}", disks::human(size)),
        format!("command: cp -- {spool} {path}"),
        "finished file import successfully".to_owned(),
    ];
    let speed = call.cluster.0.options.copy_bytes_per_second;
    let job = Job::new(call, "imgcopy", "", move |state| arrival.keep(state));
    Ok(job
        .on(&host)
        .lines(lines)
        .carries(size, speed)
        .stopped("import failed")
        .start(call))
}

/// `POST …/download-url`: the host fetches a file.
fn download(call: &Call<'_>) -> Result<Answer> {
    if !call.may("/", "Sys.Audit") || !call.may("/", "Sys.Modify") {
        call.need(&format!("/nodes/{}", call.node()), "Sys.AccessNetwork")?;
    }
    let url = call.text("url").unwrap_or_default();
    let name = call.text("filename").unwrap_or_default();
    let mut arrival = Arrival::of(call, &name)?;
    let file = arrival.file().to_owned();
    let world = call.cluster.world().clone();
    let before = format!("downloading {url} to {}", arrival.path);
    let seed = call.cluster.world().read(|state| state.seed);
    let (first, place) = (arrival.clone(), arrival.path.clone());
    let found = async move {
        match world.read(|state| first.existing(state)) {
            Some(true) => {
                let (algorithm, sum) = arrival.expected.clone().unwrap_or_default();
                return Found {
                    lines: vec![
                        format!("calculating checksum of existing file...got '{sum}'"),
                        format!("OK, got correct file already, no need to download ({algorithm})"),
                    ],
                    bytes: 0,
                    work: Ok(Box::new(|_| Ok(()))),
                };
            }
            Some(false) => {
                let text = "mismatch - file exists with another checksum, aborting.";
                return Found {
                    lines: Vec::new(),
                    bytes: 0,
                    work: Err(text.into()),
                };
            }
            None => {}
        }
        let there = world.read(|state| {
            let storage = state.storage(&arrival.storage, &arrival.host)?;
            storage
                .volume(&arrival.volume.name, &arrival.host)
                .map(drop)
        });
        if there.is_some() {
            return Found {
                lines: Vec::new(),
                bytes: 0,
                work: Err(format!("refusing to override existing file '{place}'")),
            };
        }
        let algorithm = arrival.expected.as_ref().map(|(name, _)| name.clone());
        let fetched = fetch::fetch(seed, &url, &place, algorithm.as_deref(), world.now()).await;
        let work = fetched.result.map(|got| {
            arrival.volume.size_bytes = got.size_bytes;
            if let (Some((name, wanted)), computed) = (&arrival.expected, got.checksum) {
                // What nobody fetched is what the client says it is.
                let sum = computed.unwrap_or_else(|| wanted.clone());
                arrival.volume.checksums.insert(name.clone(), sum);
            }
            Box::new(move |state: &mut State| arrival.keep(state)) as Work
        });
        Found {
            lines: fetched.lines,
            bytes: fetched.bytes,
            work,
        }
    };
    let job = Job::new(call, "download", file, |_| Ok(()));
    Ok(job
        .lines([before])
        .search(found)
        .stopped("download failed")
        .start(call))
}

/// `GET …/query-url-metadata`: name, size and type of what is at a URL.
fn url_metadata(call: &Call<'_>) -> Result<Answer> {
    let url = call.text("url").unwrap_or_default();
    let name = url
        .split(['?', '#'])
        .next()
        .and_then(|u| u.rsplit('/').next());
    let seed = call.cluster.world().read(|state| state.seed);
    if fetch::unknown(&url) {
        let text = format!("invalid server response: '500 Can't connect to {url}'");
        return Err(ApiError::die(text));
    }
    Ok(json!({
        "filename": normal(name.unwrap_or_default()),
        "size": fetch::pretended_size(seed, &url),
        "mimetype": "application/octet-stream",
    })
    .into())
}

/// `POST …/oci-registry-pull`: an image of a registry as a container template.
fn pull(call: &Call<'_>) -> Result<Answer> {
    call.need(&format!("/nodes/{}", call.node()), "Sys.AccessNetwork")?;
    let reference = call.text("reference").unwrap_or_default();
    let name = call.text("filename").unwrap_or_else(|| {
        reference
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .replace(':', "_")
    });
    let name = normal(&format!("{name}.tar"));
    let (node, id) = (call.node(), call.text("storage").unwrap_or_default());
    let size = call.cluster.world().read(|state| {
        content::place(state, call)?;
        Ok::<_, ApiError>(fetch::pretended_size(state.seed, &reference))
    })?;
    let line = format!("pulling '{reference}' to '{id}:vztmpl/{name}'");
    let speed = call.cluster.0.options.copy_bytes_per_second;
    let job = Job::new(call, "ociregistrypull", name.clone(), move |state| {
        let volume = Volume {
            name: format!("vztmpl/{name}"),
            host: node,
            content: "vztmpl".into(),
            format: "tar".into(),
            size_bytes: size,
            created_at: state.now,
            notes: None,
            protected: false,
            guest: None,
            checksums: BTreeMap::new(),
        };
        let gone = || format!("storage '{id}' does not exist");
        state.storage_mut(&id).ok_or_else(gone)?.keep(volume)
    });
    Ok(job.lines([line]).carries(size, speed).start(call))
}

const TEMPLATE: Access = Access::Any("/storage/{storage}", &["Datastore.AllocateTemplate"]);
const UPLOAD: &[Param] = &[
    required("content", Kind::Word(CONTENTS)),
    required("filename", Kind::Text),
    optional("checksum-algorithm", Kind::Word(ALGORITHMS)),
    optional("checksum", Kind::Text),
    optional("tmpfilename", Kind::Text),
];
const DOWNLOAD: &[Param] = &[
    required("content", Kind::Word(CONTENTS)),
    required("filename", Kind::Text),
    required("url", Kind::Text),
    optional("checksum-algorithm", Kind::Word(ALGORITHMS)),
    optional("checksum", Kind::Text),
    optional("compression", Kind::Text),
    optional("verify-certificates", Kind::Bool),
];

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/storage/{storage}/upload", TEMPLATE, upload)
        .method("POST")
        .with(UPLOAD)
        .here(),
    get(
        "/nodes/{node}/storage/{storage}/download-url",
        TEMPLATE,
        download,
    )
    .method("POST")
    .with(DOWNLOAD),
    get(
        "/nodes/{node}/storage/{storage}/oci-registry-pull",
        TEMPLATE,
        pull,
    )
    .method("POST")
    .with(&[
        required("reference", Kind::Text),
        optional("filename", Kind::Text),
    ]),
    get(
        "/nodes/{node}/query-url-metadata",
        Access::User,
        url_metadata,
    )
    .with(&[
        required("url", Kind::Text),
        optional("verify-certificates", Kind::Bool),
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_usual() {
        assert_eq!(normal("my disk (1).iso"), "my_disk__1_.iso");
        assert_eq!(normal("C:\\x\\a.iso"), "a.iso");
        assert_eq!(normal("../../etc/a.iso"), "a.iso");
    }

    #[test]
    fn formats_are_short() {
        assert_eq!(format_of("vztmpl", "tar.zst"), "tzst");
        assert_eq!(format_of("iso", "img"), "iso");
        assert_eq!(format_of("import", "qcow2"), "qcow2");
    }
}
