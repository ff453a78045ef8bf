//! What comes to storages, lies there and goes.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::life::lab;
use super::{Lab, Reply};

/// Parts of a form; the file comes as `(field, file name, content)`.
fn multipart(parts: &[(&str, Option<&str>, &str)]) -> String {
    use std::fmt::Write as _;
    let mut body = String::new();
    for (name, file, content) in parts {
        let file = file.map_or(String::new(), |f| {
            format!("; filename=\"{f}\"\r\nContent-Type: application/octet-stream")
        });
        let _ = write!(
            body,
            "--b0\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n"
        );
    }
    body + "--b0--\r\n"
}

impl Lab {
    async fn upload_to(&self, asked: &str, path: &str, body: &str) -> Reply {
        let request = format!(
            "POST /api2/json{path}/upload HTTP/1.1\r\nHost: {asked}\r\n\
             Authorization: PVEAPIToken={}\r\n\
             Content-Type: multipart/form-data; boundary=b0\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.raw(asked, &request).await.unwrap()
    }

    async fn upload(&self, parts: &[(&str, Option<&str>, &str)]) -> Reply {
        self.upload_to("pve1", "/nodes/pve1/storage/local", &multipart(parts))
            .await
    }

    async fn volumes(&self, storage: &str, content: &str) -> Vec<Value> {
        let path = format!("/nodes/pve1/storage/{storage}/content?content={content}");
        self.get(&path).await.data().as_array().unwrap().clone()
    }
}

const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[tokio::test]
async fn an_upload_is_read_counted_and_kept() {
    let lab = lab();
    let upid = lab
        .done(
            lab.upload(&[
                ("content", None, "iso"),
                ("checksum-algorithm", None, "sha256"),
                ("checksum", None, SHA256_OF_ABC),
                ("filename", Some("my disk (1).iso"), "abc"),
            ])
            .await,
        )
        .await;
    assert!(upid.contains(":imgcopy::root@pam!sim:"), "{upid}");
    let rows = lab.volumes("local", "iso").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["volid"], "local:iso/my_disk__1_.iso");
    assert_eq!(
        (rows[0]["size"].as_u64(), &rows[0]["format"]),
        (Some(3), &"iso".into())
    );
    // A file of the same name is overwritten without a word.
    let again = [
        ("content", None, "iso"),
        ("filename", Some("my_disk__1_.iso"), "abcdef"),
    ];
    lab.done(lab.upload(&again).await).await;
    assert_eq!(lab.volumes("local", "iso").await[0]["size"], 6);
    let one = lab
        .get("/nodes/pve1/storage/local/content/local:iso%2Fmy_disk__1_.iso")
        .await
        .data();
    assert_eq!(one["path"], "/var/lib/vz/template/iso/my_disk__1_.iso");
    // The other hosts have a `local` of their own.
    let other = lab
        .get("/nodes/pve2/storage/local/content?content=iso")
        .await
        .data();
    assert_eq!(other.as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_large_upload_comes_in_pieces() {
    let lab = lab();
    let content = "0123456789\r\n--x".repeat(200_000);
    let parts = [
        ("content", None, "iso"),
        ("filename", Some("a.img"), content.as_str()),
    ];
    lab.done(lab.upload(&parts).await).await;
    let rows = lab.volumes("local", "iso").await;
    assert_eq!(rows[0]["size"].as_u64(), Some(content.len() as u64));
}

#[tokio::test]
async fn the_parser_knows_one_order_of_fields() {
    let lab = lab();
    let file = ("filename", Some("a.iso"), "abc");
    let iso = ("content", None, "iso");
    let reply = lab.upload(&[file, iso]).await;
    assert_eq!(reply.line(), "400 Parameter verification failed.");
    assert_eq!(
        reply.json()["errors"]["content"],
        "property is missing and it is not optional"
    );
    let sum = ("checksum", None, SHA256_OF_ABC);
    let algorithm = ("checksum-algorithm", None, "sha256");
    for parts in [
        vec![iso, sum, algorithm, file],
        vec![iso, ("foo", None, "bar"), file],
    ] {
        let reply = lab.upload(&parts).await;
        assert_eq!(
            (reply.line().as_str(), reply.body.as_str()),
            ("400 Bad Request", "")
        );
    }
    let reply = lab.upload(&[iso, ("file", Some("a.iso"), "abc")]).await;
    assert!(
        reply.line().starts_with("500 wrong field name 'file'"),
        "{reply:?}"
    );
    let reply = lab.upload(&[iso, ("filename", Some("a.txt"), "abc")]).await;
    assert_eq!(reply.json()["errors"]["filename"], "wrong file extension");
    let body = multipart(&[iso, file]);
    let reply = lab
        .upload_to("pve1", "/nodes/pve1/storage/nope", &body)
        .await;
    assert_eq!(reply.line(), "500 storage 'nope' does not exist");
    let import = multipart(&[
        ("content", None, "import"),
        ("filename", Some("a.raw"), "abc"),
    ]);
    let reply = lab
        .upload_to("pve1", "/nodes/pve1/storage/local", &import)
        .await;
    assert_eq!(
        reply.line(),
        "500 storage 'local' does not support 'import' content"
    );
    let wrong = [iso, algorithm, ("checksum", None, "00"), file];
    let end = lab.ended(lab.upload(&wrong).await).await;
    assert_eq!(
        end,
        format!("checksum mismatch: got '{SHA256_OF_ABC}' != expect '00'")
    );
    assert!(lab.volumes("local", "iso").await.is_empty());
}

#[tokio::test]
async fn an_upload_needs_a_privilege_but_no_csrf_token() {
    let lab = lab();
    let body = multipart(&[("content", None, "iso"), ("filename", Some("a.iso"), "abc")]);
    let send = |authorization: String| {
        format!(
            "POST /api2/json/nodes/pve1/storage/local/upload HTTP/1.1\r\nHost: pve1\r\n\
             {authorization}Content-Type: multipart/form-data; boundary=b0\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let audit = lab
        .cluster
        .accounts()
        .token_text("monitor@pve!audit")
        .unwrap();
    let request = send(format!("Authorization: PVEAPIToken={audit}\r\n"));
    let reply = lab.raw("pve1", &request).await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (403, ""));
    let login = "username=root%40pam&password=homelab-sim";
    let login = lab
        .call_with("pve1", "POST", "/access/ticket", "", login)
        .await
        .data();
    let ticket = login["ticket"].as_str().unwrap();
    let reply = lab
        .raw("pve1", &send(format!("Cookie: PVEAuthCookie={ticket}\r\n")))
        .await;
    lab.done(reply.unwrap()).await;
}

#[tokio::test]
async fn the_host_that_is_asked_receives_the_file() {
    let lab = lab();
    let body = multipart(&[("content", None, "iso"), ("filename", Some("r.iso"), "abc")]);
    let reply = lab
        .upload_to("pve1", "/nodes/pve2/storage/local", &body)
        .await;
    let upid = lab.done(reply).await;
    assert!(upid.starts_with("UPID:pve1:"), "{upid}");
    let there = lab
        .get("/nodes/pve2/storage/local/content?content=iso")
        .await
        .data();
    assert_eq!(there[0]["volid"], "local:iso/r.iso");
    assert!(lab.volumes("local", "iso").await.is_empty());
}

#[tokio::test]
async fn a_full_storage_takes_nothing() {
    let lab = lab();
    lab.world().change(|state| {
        let local = state.storage_mut("local").unwrap();
        local.used_bytes = local.total_bytes;
    });
    let parts = [("content", None, "iso"), ("filename", Some("a.iso"), "abc")];
    assert_eq!(
        lab.ended(lab.upload(&parts).await).await,
        "No space left on device"
    );
}

#[tokio::test]
async fn files_are_noted_protected_and_removed() {
    let lab = lab();
    let parts = [("content", None, "iso"), ("filename", Some("a.iso"), "abc")];
    lab.done(lab.upload(&parts).await).await;
    let iso = "/nodes/pve1/storage/local/content/local:iso/a.iso";
    let upid = lab.done(lab.delete(iso).await).await;
    assert!(upid.contains(":imgdel:local:"), "{upid}");
    // What is gone can be removed again.
    let upid = lab.done(lab.delete(iso).await).await;
    assert_eq!(
        lab.log(&upid).await[..2],
        [
            "disk image '/var/lib/vz/template/iso/a.iso' does not exist",
            "Removed volume 'local:iso/a.iso'"
        ]
    );
    let reply = lab.get(iso).await;
    assert_eq!(
        reply.line(),
        "500 volume_size_info on 'local:iso/a.iso' failed - no format"
    );
}

#[tokio::test]
async fn images_are_allocated_and_attached() {
    let lab = lab();
    let content = "/nodes/pve1/storage/local/content";
    let form = "filename=vm-101-disk-7.qcow2&size=1G&vmid=101&format=qcow2";
    assert_eq!(
        lab.post(content, form).await.data(),
        "local:101/vm-101-disk-7.qcow2"
    );
    assert_eq!(
        lab.post(content, form).await.line(),
        "500 disk image '/var/lib/vz/images/101/vm-101-disk-7.qcow2' already exists"
    );
    lab.done(lab.post("/nodes/pve1/qemu", "vmid=300").await)
        .await;
    let form = "filename=vm-300-disk-0.raw&size=1048576&vmid=300";
    assert_eq!(
        lab.post(content, form).await.data(),
        "local:300/vm-300-disk-0.raw"
    );
    let set = lab
        .put(
            "/nodes/pve1/qemu/300/config",
            "scsi0=local:300/vm-300-disk-0.raw",
        )
        .await;
    assert_eq!(set.data(), Value::Null);
    let config = lab.get("/nodes/pve1/qemu/300/config").await.data();
    assert_eq!(config["scsi0"], "local:300/vm-300-disk-0.raw,size=1G");
    let rows = lab
        .get("/nodes/pve1/storage/local/content?vmid=300")
        .await
        .data();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    lab.done(lab.delete("/nodes/pve1/qemu/300").await).await;
    let rows = lab
        .get("/nodes/pve1/storage/local/content?vmid=300")
        .await
        .data();
    assert_eq!(rows, serde_json::json!([]));
}

/// A server of one file that answers once.
async fn file_server(body: &'static [u8]) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(body).await;
        }
    });
    port
}

#[tokio::test]
async fn a_host_downloads_once() {
    let lab = lab();
    let port = file_server(b"abc").await;
    let path = "/nodes/pve1/storage/local/download-url";
    let form = format!("content=iso&filename=a.iso&url=http%3A%2F%2F127.0.0.1%3A{port}%2Fx.iso");
    let upid = lab.done(lab.post(path, &form).await).await;
    assert!(upid.contains(":download:a.iso:"), "{upid}");
    assert_eq!(lab.volumes("local", "iso").await[0]["size"], 3);
    let end = lab.ended(lab.post(path, &form).await).await;
    assert_eq!(
        end,
        "refusing to override existing file '/var/lib/vz/template/iso/a.iso'"
    );
    // With its checksum the file is found to be there already; a fetched file
    // is compared with what came.
    let sum = |sum: &str| format!("{form}&checksum-algorithm=sha256&checksum={sum}");
    lab.done(lab.post(path, &sum(SHA256_OF_ABC)).await).await;
    let other = sum("00").replace("a.iso", "b.iso");
    let end = lab.ended(lab.post(path, &other).await).await;
    assert!(end.starts_with("checksum mismatch: got 'ba78"), "{end}");
    let reply = lab.post(path, &format!("{form}&checksum=00")).await;
    assert_eq!(reply.status, 400);
    let closed = "content=iso&filename=c.iso&url=http%3A%2F%2F127.0.0.1%3A9%2Fx.iso";
    assert_eq!(
        lab.ended(lab.post(path, closed).await).await,
        "download failed: Connecting to 127.0.0.1:9... failed: Connection refused."
    );
    // Nothing beyond this machine is reached: a file is made up.
    let far = "content=iso&filename=d.iso&url=https%3A%2F%2Fexample.org%2Fd.iso";
    let upid = lab.done(lab.post(path, far).await).await;
    assert!(
        lab.log(&upid)
            .await
            .iter()
            .any(|line| line.contains("100%"))
    );
}

#[tokio::test]
async fn a_backup_is_made_listed_thinned_out_and_restored() {
    let lab = lab();
    lab.done(
        lab.post(
            "/nodes/pve1/qemu",
            "vmid=300&name=one&memory=1024&scsi0=local:2",
        )
        .await,
    )
    .await;
    let config = lab.get("/nodes/pve1/qemu/300/config").await.data();
    let dump = "vmid=300&storage=local&compress=zstd&notes-template=%7B%7Bguestname%7D%7D";
    let upid = lab.done(lab.post("/nodes/pve1/vzdump", dump).await).await;
    assert!(upid.contains(":vzdump:300:"), "{upid}");
    let log = lab.log(&upid).await;
    assert!(
        log.iter()
            .any(|l| l == "INFO: Starting Backup of VM 300 (qemu)"),
        "{log:?}"
    );
    assert!(
        log.iter()
            .any(|l| l.starts_with("INFO: 100% (2.0 GiB of 2.0 GiB)")),
        "{log:?}"
    );
    let rows = lab.volumes("local", "backup").await;
    let volid = rows[0]["volid"].as_str().unwrap().to_owned();
    assert!(
        volid.starts_with("local:backup/vzdump-qemu-300-"),
        "{volid}"
    );
    assert_eq!(
        (&rows[0]["subtype"], &rows[0]["notes"]),
        (&"qemu".into(), &"one".into())
    );
    let text = lab
        .get(&format!("/nodes/pve1/vzdump/extractconfig?volume={volid}"))
        .await
        .data();
    assert!(text.as_str().unwrap().contains("\nname: one\n"), "{text}");

    // Restored under another number it is another machine with the same config.
    let restore = format!("vmid=301&archive={volid}&storage=vm-storage&unique=1");
    let upid = lab.done(lab.post("/nodes/pve1/qemu", &restore).await).await;
    assert!(upid.contains(":qmrestore:301:"), "{upid}");
    let other = lab.get("/nodes/pve1/qemu/301/config").await.data();
    assert_eq!(other["scsi0"], "vm-storage:vm-301-disk-0,size=2G");
    assert_eq!(other["memory"], config["memory"]);
    assert_ne!(other["smbios1"], config["smbios1"]);
    let again = lab
        .post("/nodes/pve1/qemu", &format!("vmid=300&archive={volid}"))
        .await;
    assert_eq!(
        again.line(),
        "500 unable to restore VM 300 - VM 300 already exists on node 'pve1'"
    );
    // With force it becomes what it was.
    lab.put("/nodes/pve1/qemu/300/config", "name=changed")
        .await
        .data();
    lab.done(
        lab.post(
            "/nodes/pve1/qemu",
            &format!("vmid=300&archive={volid}&force=1"),
        )
        .await,
    )
    .await;
    assert_eq!(
        lab.get("/nodes/pve1/qemu/300/config").await.data()["name"],
        "one"
    );

    let volume = format!("/nodes/pve1/storage/local/content/{volid}");
    lab.put(&volume, "notes=first%0Asecond&protected=1")
        .await
        .data();
    let row = lab.volumes("local", "backup").await.remove(0);
    assert_eq!(
        (&row["notes"], &row["protected"]),
        (&"first".into(), &1.into())
    );
    assert_eq!(lab.get(&volume).await.data()["notes"], "first\nsecond");
    let end = lab.ended(lab.delete(&volume).await).await;
    assert_eq!(end, format!("can't remove protected volume '{volid}'"));
    lab.done(lab.post("/nodes/pve1/vzdump", dump).await).await;
    lab.done(lab.post("/nodes/pve1/vzdump", dump).await).await;
    let prune = "/nodes/pve1/storage/local/prunebackups";
    assert_eq!(
        lab.get(prune).await.line(),
        "500 no prune-backups options configured for storage 'local'"
    );
    let query = "?prune-backups=keep-last%3D1&vmid=300";
    let marks = lab.get(&format!("{prune}{query}")).await.data();
    let count = |mark: &str| {
        let rows = marks.as_array().unwrap().iter();
        rows.filter(|row| row["mark"] == mark).count()
    };
    assert_eq!(
        (count("keep"), count("remove"), count("protected")),
        (1, 1, 1)
    );
    let upid = lab.done(lab.delete(&format!("{prune}{query}")).await).await;
    assert!(upid.contains(":prunebackups:300@local:"), "{upid}");
    assert_eq!(lab.volumes("local", "backup").await.len(), 2);
}

#[tokio::test]
async fn a_file_that_is_no_backup_cannot_be_restored() {
    let lab = lab();
    let missing = lab
        .post(
            "/nodes/pve1/qemu",
            "vmid=300&archive=local:backup/vzdump-qemu-1.vma",
        )
        .await;
    assert_eq!(
        missing.line(),
        "500 volume 'local:backup/vzdump-qemu-1.vma' does not exist"
    );
    assert_eq!(
        lab.post("/nodes/pve1/vzdump", "vmid=101").await.data(),
        "OK",
        "a guest of another host is not this host's to save"
    );
    assert_eq!(
        lab.post("/nodes/pve1/vzdump", "vmid=100&storage=isos")
            .await
            .status,
        500
    );
}
