//! A snapshot to disk: at the limit of TLS and hashing, and ours.

use std::path::Path;

use homelab_benches::contest::measured;
use sha2::{Digest as _, Sha256};
use talos_client::{ClientOptions, TalosClient};
use tokio::io::AsyncReadExt;

use crate::tls::{client_tls, context, read, tls};

pub(crate) async fn bare(folder: &Path) {
    use std::io::Write as _;
    let config = client_tls(
        &read(folder, "ca.pem"),
        &read(folder, "crt.pem"),
        &read(folder, "key.pem"),
    );
    let address = read(folder, "bare");
    let to = folder.join("bare.db");
    measured(async {
        let mut stream = tls(&address, config).await;
        let mut file = std::fs::File::create(&to)?;
        let (mut hash, mut block) = (Sha256::new(), vec![0; 256 << 10]);
        loop {
            // As much as there is, up to a whole block.
            let mut filled = 0;
            while filled < block.len() {
                match stream.read(&mut block[filled..]).await? {
                    0 => break,
                    count => filled += count,
                }
            }
            if filled == 0 {
                break;
            }
            hash.update(&block[..filled]);
            file.write_all(&block[..filled])?;
        }
        assert_ne!(hash.finalize()[..], [0; 32]);
        file.sync_all()
    })
    .await
    .unwrap();
    std::fs::remove_file(to).unwrap();
}

pub(crate) async fn ours(folder: &Path) {
    let client = TalosClient::connect(&context(folder), ClientOptions::default())
        .await
        .unwrap();
    let to = folder.join("ours.db");
    let node = client.endpoint();
    measured(async { node.etcd_snapshot(&to, |_| ()).await.map(|_| ()) })
        .await
        .unwrap();
    std::fs::remove_file(to).unwrap();
}
