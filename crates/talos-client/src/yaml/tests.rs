//! What is read is written back.

use proptest::prelude::*;

use super::*;

fn again(text: &str) -> String {
    let documents = parse(text).unwrap();
    documents_to_text(documents.iter().map(|(_, d)| d))
}

#[test]
fn order_spelling_and_unknown_keys_survive() {
    let text = "\
version: v1alpha1
later: {x: 1}
machine:
    files:
        - permissions: 0o644
          old: 0644
          content: |
              #!/bin/sh
                echo hi

              exit
          mode: \"on\"
        - - a
          - b: ~
    empty: {}
    none: []
    nothing: ~
    float: 1.10
---
kind: Other
";
    let written = again(text);
    assert_eq!(
        written,
        text.replace("{x: 1}", "\n    x: 1")
            .replace("later: ", "later:")
    );
    assert_eq!(again(&written), written);
}

#[test]
fn anchors_and_merges_are_expanded() {
    assert_eq!(
        again("a: &x {k: 1, m: 2}\nb: *x\nc: {<<: *x, m: 3}\n"),
        "a:\n    k: 1\n    m: 2\nb:\n    k: 1\n    m: 2\nc:\n    m: 3\n    k: 1\n"
    );
}

#[test]
fn bombs_and_nonsense_are_refused() {
    let line = |n: usize| {
        let alias = format!("*a{}", n - 1);
        format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 10].join(", "))
    };
    let bomb = format!("a0: &a0 [x, x]\n{}", (1..30).map(line).collect::<String>());
    assert!(parse(&bomb).unwrap_err().message.contains("aliases"));
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&"- ".repeat(100_000)).is_err());
    assert!(parse("a: 1\na: 2\n").unwrap_err().message.contains("twice"));
    assert!(parse("a: &a [*a]").is_err());
    assert!(parse("? [a]\n: b\n").is_err());
    assert!(parse("a: !!binary aGk=\n").is_err());
}

#[test]
fn words_that_are_no_texts_are_quoted() {
    for word in [
        "true", "no", "5", "0644", "~", "", "1e3", "a: b", "#x", "- x", "é\n", "<<", "*a",
    ] {
        let value = Value::Map([("k", Value::text(word))].into_iter().collect());
        let text = documents_to_text([&value]);
        assert_eq!(parse(&text).unwrap()[0].1, value, "{text}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::text),
        "[a-z \n:#-]{0,12}".prop_map(Value::text),
        any::<i64>().prop_map(Value::number),
        any::<bool>().prop_map(Value::boolean),
        Just(Value::null()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec(("[a-z~0-9.]{0,4}", inner), 0..4)
                .prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_tree_comes_back(value in value().prop_filter("a document", |v| !v.is_null())) {
        let text = documents_to_text([&value]);
        let back = parse(&text).map_err(|e| TestCaseError::fail(format!("{e:?} in\n{text}")))?;
        prop_assert_eq!(&back[0].1, &value, "{}", text);
    }

    #[test]
    fn no_text_panics(text in "[ -~\n\t]{0,80}|\\PC{0,40}") {
        if let Ok(documents) = parse(&text) {
            let written = documents_to_text(documents.iter().map(|(_, d)| d));
            let back = parse(&written).map_err(|e| TestCaseError::fail(format!("{e:?} in\n{written}")))?;
            prop_assert_eq!(
                back.into_iter().map(|d| d.1).collect::<Vec<_>>(),
                documents.into_iter().map(|d| d.1).collect::<Vec<_>>()
            );
        }
    }
}
