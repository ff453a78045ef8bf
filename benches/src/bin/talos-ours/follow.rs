//! A watch, or a log that is followed, read to its end.

use std::path::Path;

use futures_util::StreamExt;
use homelab_benches::contest::{EVENTS, LINES, measured};
use homelab_core::Error;
use talos_client::LogOptions;
use talos_client::cosi::{HostnameStatus, WatchOptions};

use crate::client;

pub(crate) async fn watch(folder: &Path) {
    let client = client(folder).await;
    let options = WatchOptions::default().changes_only();
    let mut watch = client
        .endpoint()
        .watch::<HostnameStatus>(options)
        .await
        .unwrap();
    measured(async {
        for _ in 0..EVENTS {
            let event = watch.next().await.unwrap()?;
            assert_eq!(event.spec.unwrap().hostname, "cp-1");
        }
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
}

pub(crate) async fn logs(folder: &Path) {
    let client = client(folder).await;
    let mut lines = client
        .endpoint()
        .logs("kubelet", LogOptions::default().follow());
    measured(async {
        for n in 0..LINES.0 {
            let line = lines.next().await.unwrap()?;
            // A line that is lost or cut would not be the next number.
            assert_eq!(line.len(), LINES.1 - 1);
            assert_eq!(line.trim_start_matches('0').parse().unwrap_or(0), n);
        }
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
}
