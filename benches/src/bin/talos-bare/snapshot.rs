//! A stream of bytes to disk: TLS and hashing, nothing else.

use std::path::Path;

use homelab_benches::contest::measured;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt;

use crate::tls::{client_tls, read, tls};

pub(crate) async fn to_disk(folder: &Path) {
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
