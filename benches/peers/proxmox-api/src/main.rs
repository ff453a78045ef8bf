//! `homelab-bench-proxmox-api CONTEST WHO URL CA TIMES`: the crate
//! `proxmox-api`, with its own settings but for the CA.

#[path = "../../src/measure.rs"]
mod measure;

use measure::{at_once, measure};
use proxmox_api::ReqwestClient;
use proxmox_api::cluster::resources::{GetParams, ResourcesClient};
use proxmox_api::version::VersionClient;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [contest, _, url, ca, times] = args.as_slice() else {
        panic!("run.py knows how to call this");
    };
    let times = times.parse().unwrap();
    let ca = reqwest::Certificate::from_pem(&std::fs::read(ca).unwrap()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .build()
        .unwrap();
    let client =
        ReqwestClient::new(url, "root", "pam", Some(http)).with_api_token("bench", "secret");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if contest == "resources" {
            let resources = ResourcesClient::new(client, "/cluster");
            measure(times, 1, || async {
                assert_eq!(
                    resources.get(GetParams::default()).await.unwrap().len(),
                    10_000
                );
            })
            .await;
        } else {
            let version = VersionClient::new(client);
            measure(times, at_once(contest), || async {
                assert_eq!(version.get().await.unwrap().release, "9.2");
            })
            .await;
        }
    });
}
