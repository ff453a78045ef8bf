//! A snapshot to disk, verified.

use std::path::Path;

use homelab_benches::contest::measured;

use crate::client;

pub(crate) async fn to_disk(folder: &Path) {
    let client = client(folder).await;
    let to = folder.join("ours.db");
    let node = client.endpoint();
    measured(async { node.etcd_snapshot(&to, |_| ()).await.map(|_| ()) })
        .await
        .unwrap();
    std::fs::remove_file(to).unwrap();
}
