//! talosconfig files as people have them, with certificates made here.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ED25519, date_time_ymd,
};

use super::*;

/// A CA as Talos makes it, and a client certificate with `roles`.
struct Pki {
    ca: String,
    crt: String,
    key: String,
}

fn pki(roles: &[&str], last_year: i32) -> Pki {
    pki_for(roles, last_year, vec![ExtendedKeyUsagePurpose::ClientAuth])
}

fn pki_for(roles: &[&str], last_year: i32, usages: Vec<ExtendedKeyUsagePurpose>) -> Pki {
    let ca_key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let mut ca = CertificateParams::default();
    ca.distinguished_name = rcgen::DistinguishedName::new();
    ca.distinguished_name
        .push(DnType::OrganizationName, "talos");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);

    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let mut client = CertificateParams::default();
    client.distinguished_name = rcgen::DistinguishedName::new();
    for role in roles {
        client
            .distinguished_name
            .push(DnType::OrganizationName, *role);
    }
    client.not_before = date_time_ymd(2020, 1, 1);
    client.not_after = date_time_ymd(last_year, 6, 30);
    client.extended_key_usages = usages;
    Pki {
        ca: ca_pem,
        crt: client.signed_by(&key, &issuer).unwrap().pem(),
        // The label that Talos writes, and that PEM readers do not know.
        key: key
            .serialize_pem()
            .replace("PRIVATE KEY", "ED25519 PRIVATE KEY"),
    }
}

fn talosconfig(ca: &str, crt: &str, key: &str) -> String {
    let pack = |pem: &str| STANDARD.encode(pem);
    format!(
        "context: lab\ncontexts:\n  lab:\n    endpoints: [172.16.1.50]\n    ca: {}\n    crt: {}\n    key: {}\n",
        pack(ca),
        pack(crt),
        pack(key)
    )
}

fn describe(text: &str) -> Result<ContextInfo> {
    TalosConfig::parse("talosconfig", text)?
        .context(None)?
        .describe()
}

/// `file:line` of an error.
fn place(error: &Error) -> String {
    let at = error.location().unwrap();
    format!("{}:{}", at.file, at.line)
}

#[test]
fn roles_and_dates_come_from_the_certificate() {
    let p = pki(&["os:admin"], 2099);
    let info = describe(&talosconfig(&p.ca, &p.crt, &p.key)).unwrap();
    assert_eq!(info.roles, ["os:admin"]);
    assert_eq!(info.not_before.as_deref(), Some("2020-01-01T00:00:00Z"));
    assert_eq!(info.not_after.as_deref(), Some("2099-06-30T00:00:00Z"));
    assert_eq!(info.endpoints, ["172.16.1.50:50000"]);
    assert_eq!(info.ca_count, 1);
    let year = Duration::from_secs(366 * 24 * 3600);
    let end_of_2098 = SystemTime::UNIX_EPOCH + year * 128;
    assert!(!info.expired(end_of_2098));
    assert!(info.expired(end_of_2098 + year * 2));
}

#[test]
fn a_bundle_of_cas_counts_each() {
    let (old, new) = (pki(&["os:reader"], 2099), pki(&[], 2099));
    let bundle = format!("{}{}", old.ca, new.ca);
    let info = describe(&talosconfig(&bundle, &old.crt, &old.key)).unwrap();
    assert_eq!(info.ca_count, 2);
}

#[test]
fn keys_of_other_labels_are_read_too() {
    let p = pki(&["os:admin"], 2099);
    let plain = p.key.replace("ED25519 PRIVATE KEY", "PRIVATE KEY");
    describe(&talosconfig(&p.ca, &p.crt, &plain)).unwrap();
}

#[test]
fn no_certificate_is_no_error() {
    let info = describe("context: omni\ncontexts: {omni: {endpoints: [omni.lab]}}").unwrap();
    assert_eq!((info.roles.len(), info.ca_count), (0, 0));
    assert_eq!(info.not_after, None);
    assert!(!info.expired(SystemTime::now()));
}

#[test]
fn broken_material_names_its_line() {
    let p = pki(&["os:admin"], 2099);
    let good = talosconfig(&p.ca, &p.crt, &p.key);
    for (line, broken, says) in [
        (5, "    ca: '%%%'", "ca is not base64"),
        (5, "    ca: aGVsbG8=", "ca holds no PEM certificate"),
        (6, "    crt: aGVsbG8=", "crt holds no PEM certificate"),
        (7, "    key: aGVsbG8=", "key holds no PEM private key"),
        (7, "    nothing: x", "there is a crt but no key"),
        (6, "    nothing: x", "there is a key but no crt"),
    ] {
        let text: Vec<_> = good
            .lines()
            .enumerate()
            .map(|(i, l)| if i + 1 == line { broken } else { l })
            .collect();
        let error = describe(&text.join("\n")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(says), "{error}");
        assert!(place(&error).starts_with("talosconfig:"), "{error}");
        if !broken.contains("nothing") {
            assert_eq!(place(&error), format!("talosconfig:{line}"), "{error}");
        }
        assert!(!error.to_string().contains(&STANDARD.encode(&p.key)));
    }
}

#[test]
fn a_certificate_of_the_wrong_kind_is_found_before_anything_is_sent() {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let server = pki_for(&["os:admin"], 2099, vec![ServerAuth]);
    for (crt, says) in [
        (&server.crt, "crt is no client certificate"),
        (&server.ca, "crt is a CA"),
    ] {
        let error = describe(&talosconfig(&server.ca, crt, &server.key)).unwrap_err();
        assert_eq!(
            (error.kind(), place(&error).as_str()),
            (ErrorKind::Config, "talosconfig:6")
        );
        assert!(error.message().contains(says), "{error}");
    }
    // These some nodes take: they decide.
    for usages in [vec![], vec![ClientAuth, ServerAuth]] {
        let p = pki_for(&["os:admin"], 2099, usages);
        describe(&talosconfig(&p.ca, &p.crt, &p.key)).unwrap();
    }
    // A certificate where the key should be, and the key of somebody else.
    let p = pki(&["os:admin"], 2099);
    let error = describe(&talosconfig(&p.ca, &p.crt, &p.crt)).unwrap_err();
    assert!(
        error.message().contains("key holds no PEM private key"),
        "{error}"
    );
    let text = talosconfig(&p.ca, &p.crt, &server.key);
    let config = TalosConfig::parse("talosconfig", &text).unwrap();
    let error = crate::transport::client_config(config.context(None).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("crt and key"), "{error}");
}

#[test]
fn bombs_are_refused() {
    let line = |n: usize| {
        let alias = format!("*a{}", n - 1);
        format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 10].join(", "))
    };
    let lines: String = (1..30).map(line).collect();
    let bomb = format!("a0: &a0 [x, x]\n{lines}contexts: {{lab: {{endpoints: *a29}}}}\n");
    for text in [bomb, format!("contexts: {}", "[".repeat(100_000))] {
        let error = TalosConfig::parse("tc", &text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().len() < 500, "{error}");
    }
}

#[test]
fn broken_yaml_names_its_line() {
    for (text, line) in [
        ("context: a\ncontexts: {a: [}\n", 2),
        ("context: a\ncontexts:\n  a:\n    endpoints: {x: y}\n", 4),
        (
            "context: a\ncontexts:\n  a: {endpoints: [x]}\n  a: {endpoints: [y]}\n",
            4,
        ),
    ] {
        let error = TalosConfig::parse("tc.yaml", text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(place(&error), format!("tc.yaml:{line}"), "{error}");
        assert!(!error.message().contains('\n'), "{error}");
    }
}

#[test]
fn unknown_keys_and_nulls_are_ignored() {
    let config = TalosConfig::parse(
        "tc",
        "context: a\nnew: 1\ncontexts:\n  a:\n    endpoints: null\n    nodes:\n    ca:\n    later: [1]\n  b:\n",
    )
    .unwrap();
    assert!(config.context(None).unwrap().endpoints.is_empty());
    assert!(config.context(Some("b")).unwrap().nodes.is_empty());
    for empty in ["", "# nothing\n\n", "contexts: {}\n", "contexts:\n"] {
        let config = TalosConfig::parse("tc", empty).unwrap();
        assert!(config.context(None).is_err());
    }
}

#[test]
fn the_deprecated_target_is_one_more_endpoint() {
    let config = TalosConfig::parse(
        "tc",
        "context: a\ncontexts: {a: {endpoints: [x], target: y, cluster: c, proxy-url: direct}}",
    )
    .unwrap();
    let context = config.context(None).unwrap();
    assert_eq!(context.endpoints, ["x", "y"]);
    assert_eq!(context.cluster.as_deref(), Some("c"));
    assert_eq!(context.proxy_url.as_deref(), Some("direct"));
}

#[test]
fn a_wrong_endpoint_is_the_contexts_fault() {
    let error = describe("context: a\ncontexts:\n  a: {endpoints: ['h:port']}\n").unwrap_err();
    assert_eq!(place(&error), "talosconfig:3");
    assert!(error.message().contains("\"h:port\""), "{error}");
}

#[test]
fn a_wrong_name_suggests_the_nearest() {
    let config = TalosConfig::parse("tc", "contexts: {prod: {}, staging: {}}").unwrap();
    let error = config.context(Some("prd")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tc: no context \"prd\"; did you mean \"prod\"?"
    );
    let error = config.context(Some("zzzzzz")).unwrap_err();
    assert!(
        error.message().ends_with("there are prod, staging"),
        "{error}"
    );
    let error = config.context(None).unwrap_err();
    assert!(
        error.message().contains("no context is selected"),
        "{error}"
    );
}

#[test]
fn merging_renames_what_collides() {
    let text = |endpoint: &str| {
        format!(
            "context: lab\ncontexts:\n  lab: {{endpoints: [{endpoint}]}}\n  lab-1: {{endpoints: [z]}}\n"
        )
    };
    let mut ours = TalosConfig::parse("a", &text("x")).unwrap();
    let names = ours.merge(TalosConfig::parse("b", &text("y")).unwrap());
    assert_eq!(names["lab"], "lab-2");
    assert_eq!(names["lab-1"], "lab-1-1");
    assert_eq!(ours.current(), Some("lab-2"));
    assert_eq!(ours.context(None).unwrap().endpoints, ["y"]);
    assert_eq!(ours.context(Some("lab")).unwrap().endpoints, ["x"]);

    let mut ours = TalosConfig::parse("a", &text("x")).unwrap();
    ours.merge(TalosConfig::parse("b", "contexts: {other: {}}").unwrap());
    assert_eq!(ours.current(), Some("lab"), "no current one to take over");
}

#[test]
fn debug_shows_no_secret() {
    let p = pki(&["os:admin"], 2099);
    let text = talosconfig(&p.ca, &p.crt, &p.key).replace(
        "    ca:",
        "    auth: {basic: {username: me, password: hunter2}}\n    ca:",
    );
    let config = TalosConfig::parse("tc", &text).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"));
    assert!(!shown.contains(&STANDARD.encode(&p.key)));
}

#[test]
fn a_missing_file_is_not_found() {
    let error = TalosConfig::from_file("/nonexistent/talosconfig").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("/nonexistent/talosconfig"));
}

proptest::proptest! {
    #[test]
    fn no_talosconfig_panics(text in "(context|contexts|endpoints|nodes|ca|crt|key|auth|: |\n|  |[{]|[}]|[\\[]|[\\]]|,|- |&x|[*]x|\"|'|a|1){0,40}") {
        if let Ok(config) = TalosConfig::parse("tc", &text) {
            for context in config.contexts() {
                let _ = context.describe();
            }
            let written = config.to_yaml();
            let back = TalosConfig::parse("tc", homelab_core::ExposeSecret::expose_secret(&written));
            let names = |c: &TalosConfig| c.contexts().map(|c| c.name.clone()).collect::<Vec<_>>();
            proptest::prop_assert_eq!(names(&back.unwrap()), names(&config));
        }
    }

    #[test]
    fn an_endpoint_is_refused_or_comes_back(text in "[a-z0-9:./\\[\\]@% -]{0,30}|\\PC{0,20}") {
        if let Ok(endpoint) = text.parse::<EndpointAddress>() {
            let again: EndpointAddress = endpoint.to_string().parse().unwrap();
            proptest::prop_assert_eq!(again, endpoint);
        }
    }
}
