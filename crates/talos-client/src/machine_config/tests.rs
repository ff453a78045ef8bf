//! Configurations as people have them.

use homelab_core::{ErrorKind, ExposeSecret};
use proptest::prelude::*;

use super::*;

const CONFIG: &str = "\
version: v1alpha1
machine:
    type: controlplane
    token: abcdef.0123456789abcdef
    certSANs:
        - talos.lab
    network:
        hostname: cp-1
        interfaces:
            - interface: eth0
              dhcp: false
              addresses:
                  - 172.16.1.50/24
              vlans:
                  - vlanId: 20
                    mtu: 1500
              vip:
                  ip: 172.16.1.49
            - deviceSelector:
                  hardwareAddr: bc:24:11:*
              mtu: 9000
    install:
        disk: /dev/sda
        image: factory.talos.dev/installer/abc:v1.13.0
        wipe: false
    files:
        - permissions: 0o600
          path: /var/x
          content: hunter2
    kubelet:
        image: ghcr.io/siderolabs/kubelet:v1.34.0
        nodeIP:
            validSubnets:
                - 172.16.1.0/24
    systemDiskEncryption:
        state:
            provider: luks2
            keys:
                - nodeID: {}
                  slot: 0
    features:
        rbac: true
        kubePrism:
            enabled: true
    notKnownHere:
        - 1.10
cluster:
    clusterName: lab
    controlPlane:
        endpoint: https://172.16.1.49:6443
    network:
        podSubnets:
            - 10.244.0.0/16
    apiServer:
        admissionControl:
            - name: PodSecurity
              configuration:
                  kind: PodSecurityConfiguration
---
apiVersion: v1alpha1
kind: FutureConfig
name: x
anything:
    - goes
";

fn config() -> MachineConfig {
    MachineConfig::parse("cp.yaml", CONFIG).unwrap()
}

fn patched(patch: &str) -> MachineConfig {
    let mut config = config();
    config
        .apply(&Patch::parse("p.yaml", patch).unwrap())
        .unwrap();
    config
}

/// `path kind old -> new` of what a patch did.
fn effect(patch: &str) -> Vec<String> {
    let show = |v: &Option<String>| v.clone().unwrap_or_default();
    config()
        .diff(&patched(patch))
        .iter()
        .map(|c| format!("{} {:?} {}>{}", c.path, c.kind, show(&c.old), show(&c.new)))
        .collect()
}

fn refusal(patch: &str) -> String {
    let result = Patch::parse("p.yaml", patch).and_then(|p| config().apply(&p));
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn nothing_is_lost() {
    assert_eq!(config().to_yaml().expose_secret(), CONFIG);
    assert_eq!(config().diff(&config()), []);
    let ids: Vec<_> = config()
        .documents()
        .iter()
        .map(|d| format!("{d:?}"))
        .collect();
    assert_eq!(ids, ["v1alpha1", "FutureConfig/x"]);
    assert!(!format!("{:?}", config()).contains("hunter2"));
}

#[test]
fn what_is_no_configuration_is_said() {
    for (text, says) in [
        ("", "there is no document"),
        ("- a\n", "must be a mapping"),
        ("machine: {}\n", "needs `kind`"),
        ("version: v1alpha1\n---\nversion: v1alpha1\n", "comes twice"),
        ("version: [\n", ""),
    ] {
        let error = MachineConfig::parse("c.yaml", text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(says), "{error}");
        assert_eq!(error.location().unwrap().file, "c.yaml");
    }
}

#[test]
fn the_view_has_what_the_model_needs() {
    let view = config().view();
    assert_eq!(view.machine_type.as_deref(), Some("controlplane"));
    assert_eq!(view.hostname.as_deref(), Some("cp-1"));
    assert_eq!(view.cert_sans, ["talos.lab"]);
    let [eth0, vlan, other] = view.interfaces.as_slice() else {
        panic!("{view:?}");
    };
    assert_eq!(vlan.name.as_deref(), Some("eth0.20"));
    assert_eq!(eth0.vip.as_deref(), Some("172.16.1.49"));
    assert_eq!(eth0.addresses, ["172.16.1.50/24"]);
    assert_eq!((eth0.dhcp, other.mtu), (Some(false), Some(9000)));
    assert_eq!(other.selector["hardwareAddr"], "bc:24:11:*");
    assert_eq!(view.install.disk.as_deref(), Some("/dev/sda"));
    assert_eq!(view.kubelet.node_ip_subnets, ["172.16.1.0/24"]);
    assert_eq!(
        view.cluster.endpoint.as_deref(),
        Some("https://172.16.1.49:6443")
    );
    assert_eq!(view.encryption["STATE"].key_kinds, ["nodeID"]);
    let features = ["kubePrism", "rbac"].map(|name| (name.to_owned(), true));
    assert_eq!(view.features, features.into());
}

#[test]
fn mappings_merge_and_lists_append() {
    assert_eq!(
        effect("machine: {network: {hostname: cp-9}, certSANs: [b.lab], sysctls: {a.b: '1'}}"),
        [
            "machine.certSANs[1] Added >b.lab",
            "machine.network.hostname Changed cp-1>cp-9",
            "machine.sysctls Added >{\"a.b\":\"1\"}",
        ]
    );
    // An empty value says nothing.
    assert!(effect("machine: {network: {hostname: }}").is_empty());
}

#[test]
fn some_lists_merge_by_key_and_some_are_replaced() {
    let patch = "
machine:
  network:
    interfaces:
      - interface: eth0
        mtu: 9000
        vlans: [{vlanId: 20, mtu: 1400}, {vlanId: 30}]
      - deviceSelector: {hardwareAddr: 'bc:24:11:*'}
        dhcp: true
      - interface: eth1
cluster:
  network: {podSubnets: [10.9.0.0/16]}
  apiServer: {admissionControl: [{name: PodSecurity, configuration: {kind: Other}}]}
";
    assert_eq!(
        effect(patch),
        [
            "machine.network.interfaces[0].vlans[0].mtu Changed 1500>1400",
            "machine.network.interfaces[0].vlans[1] Added >{\"vlanId\":\"30\"}",
            "machine.network.interfaces[0].mtu Added >9000",
            "machine.network.interfaces[1].dhcp Added >true",
            "machine.network.interfaces[2] Added >{\"interface\":\"eth1\"}",
            "cluster.network.podSubnets[0] Changed 10.244.0.0/16>10.9.0.0/16",
            "cluster.apiServer.admissionControl[0].configuration.kind Changed PodSecurityConfiguration>Other",
        ]
    );
}

#[test]
fn documents_of_v1_14_have_rules_of_their_own() {
    let text = "
version: v1alpha1
---
apiVersion: v1alpha1
kind: KubeNetworkConfig
podSubnets: [10.244.0.0/16]
---
apiVersion: v1alpha1
kind: KubeAPIServerConfig
extraArgs: {feature-gates: [A=true, B=true], v: '2'}
certExtraSANs: [a.lab]
---
apiVersion: v1alpha1
kind: KubeAuditPolicyConfig
configuration: {kind: Policy, rules: [{level: Metadata}], omitStages: [RequestReceived]}
";
    let before = MachineConfig::parse("c", text).unwrap();
    let mut after = before.clone();
    let patch = "
apiVersion: v1alpha1
kind: KubeNetworkConfig
podSubnets: [10.9.0.0/16]
---
apiVersion: v1alpha1
kind: KubeAPIServerConfig
extraArgs: {feature-gates: [C=true]}
certExtraSANs: [b.lab]
---
apiVersion: v1alpha1
kind: KubeAuditPolicyConfig
configuration: {kind: Policy, rules: [{level: None}]}
";
    after.apply(&Patch::parse("p", patch).unwrap()).unwrap();
    let changed: Vec<_> = before
        .diff(&after)
        .into_iter()
        .map(|c| (c.path, c.old.unwrap_or_default(), c.new.unwrap_or_default()))
        .collect();
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(
        changed,
        [
            row("podSubnets[0]", "10.244.0.0/16", "10.9.0.0/16"),
            row("extraArgs.feature-gates[0]", "A=true", "C=true"),
            row("extraArgs.feature-gates[1]", "B=true", ""),
            row("certExtraSANs[1]", "", "b.lab"),
            row("configuration.rules[0].level", "Metadata", "None"),
            row("configuration.omitStages", "[\"RequestReceived\"]", ""),
        ]
    );
}

#[test]
fn deletions_take_away() {
    let gone = effect(
        "machine: {install: {$patch: delete}, network: {interfaces: [{interface: eth0, $patch: delete}]}}",
    );
    let [interface, install] = gone.as_slice() else {
        panic!("{gone:?}");
    };
    assert!(interface.starts_with("machine.network.interfaces[0] Removed {"));
    assert_eq!(
        install,
        r#"machine.install Removed {"disk":"/dev/sda","image":"factory.talos.dev/installer/abc:v1.13.0","wipe":"false"}>"#
    );
    let gone = patched("apiVersion: v1alpha1\nkind: FutureConfig\nname: x\n$patch: delete\n");
    assert_eq!(gone.documents().len(), 1);
    assert!(refusal("apiVersion: v1alpha1\nkind: Nope\n$patch: delete\n").contains("Nope"));
}

#[test]
fn a_patch_brings_new_documents() {
    let new = patched("apiVersion: v1alpha1\nkind: WatchdogTimerConfig\ndevice: /dev/watchdog0\n");
    assert_eq!(new.documents().len(), 3);
    let changes = config().diff(&new);
    assert_eq!(
        (changes[0].document.as_str(), changes[0].path.as_str()),
        ("WatchdogTimerConfig", "")
    );
}

#[test]
fn json_patches_do_what_the_rfc_says() {
    let (main, _) = CONFIG.split_once("---").unwrap();
    let apply = |patch: &str| {
        let mut config = MachineConfig::parse("cp.yaml", main).unwrap();
        let before = config.clone();
        let result = Patch::parse("p.json", patch).and_then(|p| config.apply(&p));
        if result.is_err() {
            assert_eq!(config, before, "a failure changes nothing");
        }
        result.map(|()| config)
    };
    let done = apply(
        r#"[
        {"op": "test", "path": "/machine/network/hostname", "value": "cp-1"},
        {"op": "replace", "path": "/machine/network/hostname", "value": "cp-9"},
        {"op": "add", "path": "/machine/certSANs/0", "value": "first"},
        {"op": "add", "path": "/machine/certSANs/-", "value": "last"},
        {"op": "add", "path": "/machine/a~1b", "value": {"x": null}},
        {"op": "copy", "from": "/machine/type", "path": "/machine/copied"},
        {"op": "move", "from": "/machine/copied", "path": "/machine/moved"},
        {"op": "remove", "path": "/machine/network/interfaces/1"}
    ]"#,
    )
    .unwrap();
    assert_eq!(done.view().cert_sans, ["first", "talos.lab", "last"]);
    // eth0 and the VLAN on it.
    assert_eq!(done.view().interfaces.len(), 2);
    let machine = done.main().unwrap().value().get("machine").unwrap();
    assert_eq!(machine.get("moved").unwrap().as_str(), Some("controlplane"));
    assert!(machine.path(&["a/b", "x"]).unwrap().is_null());
    for (patch, says) in [
        (
            r#"[{"op": "test", "path": "/machine/token", "value": "x"}]"#,
            "not what the test expects",
        ),
        (
            r#"[{"op": "remove", "path": "/machine/nope"}]"#,
            "there is no /machine/nope",
        ),
        (
            r#"[{"op": "add", "path": "/machine/certSANs/01", "value": 1}]"#,
            "there is no",
        ),
        (
            r#"[{"op": "add", "path": "/machine/certSANs/9", "value": 1}]"#,
            "there is no",
        ),
        (
            r#"[{"op": "move", "from": "/machine", "path": "/machine/x"}]"#,
            "into itself",
        ),
        (r#"[{"op": "mend", "path": ""}]"#, "not one of RFC 6902"),
        (
            r#"[{"op": "add", "path": "machine", "value": 1}]"#,
            "does not begin",
        ),
    ] {
        let error = apply(patch).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(
            error.contains("operation 1") && !error.contains("abcdef"),
            "{error}"
        );
    }
    assert!(refusal(r#"[{"op": "remove", "path": "/machine"}]"#).contains("several documents"));
}

#[test]
fn secrets_are_masked() {
    let changes = effect("machine: {token: x, files: [{content: y}], ca: {key: LS0t}}");
    assert_eq!(
        changes,
        [
            "machine.token Changed ***>***",
            r#"machine.files[1] Added >{"content":"***"}"#,
            r#"machine.ca Added >{"key":"***"}"#,
        ]
    );
    // Documents that hold secrets, those of v1.14 among them.
    for text in [
        "kind: DiscoveryIdentityConfig\nclusterSecret: hush",
        "kind: KubeServiceAccountConfig\nissuer: {privateKey: hush}",
        "kind: KubeAPIServerCAConfig\nissuingCA: {cert: public, key: hush}",
        "kind: KubeEtcdEncryptionConfig\nconfig: {resources: [{providers: [{secretbox: {keys: [{name: a, secret: hush}]}}]}]}",
        "kind: KubeExternalManifestConfig\nname: a\nheaders: {Authorization: Bearer hush}",
        "kind: SideroLinkConfig\napiUrl: https://omni.lab?jointoken=hush",
        "kind: ExtensionServiceConfig\nname: tailscale\nenvironment: [TS_AUTHKEY=hush]",
        "kind: RegistryAuthConfig\nname: r.lab\npassword: hush",
        "kind: VolumeConfig\nname: STATE\nencryption: {keys: [{static: {passphrase: hush}}]}",
    ] {
        let [change] = effect(&format!("apiVersion: v1alpha1\n{text}\n"))
            .try_into()
            .unwrap();
        assert!(
            change.contains("***") && !change.contains("hush"),
            "{change}"
        );
    }
    let mut other = config();
    let text = CONFIG.replace("hunter2", "hunter3");
    let new = MachineConfig::parse("c", &text).unwrap();
    let change = &other.diff(&new)[0];
    assert_eq!(
        (change.path.as_str(), change.new.as_deref()),
        ("machine.files[0].content", Some("***"))
    );
    other
        .apply(&Patch::parse("p", "machine: {type: worker}").unwrap())
        .unwrap();
}

fn yamlish() -> impl Strategy<Value = String> {
    "(machine|cluster|version: v1alpha1|kind|a|[$]patch: delete|- |op|path|/|: |\n|  |[{]|[}]|[\\[]|[\\]]|,|&x|[*]x|---\n|\"|'|1){0,40}"
}

proptest! {
    #[test]
    fn no_configuration_panics(text in yamlish()) {
        if let Ok(config) = MachineConfig::parse("c", &text) {
            let _ = config.view();
            let written = config.to_yaml();
            prop_assert_eq!(&MachineConfig::try_from(&written).unwrap(), &config);
        }
    }

    #[test]
    fn no_patch_panics(text in yamlish()) {
        if let Ok(patch) = Patch::parse("p", &text) {
            let mut config = config();
            if config.apply(&patch).is_ok() {
                let _ = (config.view(), super::tests::config().diff(&config));
            }
        }
    }
}
