use proxmox_client::endpoints::Resource;
use serde_json::json;

use super::{Cell, Cells, Rows, RowsOf};

fn decoded(text: &str) -> Rows {
    serde_json::from_str::<RowsOf<Resource>>(text).unwrap().rows
}

/// What the server might send, in all its forms.
fn answer(rows: u32) -> serde_json::Value {
    let row = |n: u32| {
        let mut row = json!({
            "id": format!("qemu/ä{n}"), "type": if n.is_multiple_of(2) { "qemu" } else { "novel" },
            "status": (["running", "stopped", ""][n as usize % 3]),
            "node": if n.is_multiple_of(5) { json!(n) } else { json!(format!("pve{}", n % 3)) },
            "vmid": if n.is_multiple_of(2) { json!(n) } else { json!(n.to_string()) },
            "template": ([json!(0), json!("1"), json!(true), json!(null), json!("")][n as usize % 5]),
            "tags": (["a;b", "ab", "b;a", "", "a b,c"][n as usize % 5]),
            "cpu": ([json!(0.25), json!(1), json!("0.5"), json!("N/A"), json!([1])][n as usize % 5]),
            "maxmem": ([json!(1u64 << 40), json!("7"), json!(7.9), json!(-1), json!({})][n as usize % 5]),
            "content": ([json!("iso,images"), json!(["x", "y"]), json!(null)][n as usize % 3]),
            "pool": json!({"a": n}), "unknown": [1, {"a": null}],
        });
        if n.is_multiple_of(7) {
            row.as_object_mut().unwrap().remove("tags");
        }
        row
    };
    (0..rows).map(row).collect()
}

#[test]
fn every_cell_is_what_the_struct_has() {
    let answer = answer(2_000).to_string();
    let rows: Vec<Resource> = serde_json::from_str(&answer).unwrap();
    let block = decoded(&answer);
    assert_eq!(block.len(), rows.len());
    for (n, row) in rows.iter().enumerate() {
        let row = serde_json::to_value(row).unwrap();
        for column in block.columns() {
            let expected = &row[column.name];
            let cell = match column.cells.get(n) {
                Cell::Absent => json!(null),
                Cell::Truth(truth) => json!(truth),
                Cell::Whole(number) => json!(number),
                Cell::Number(number) => json!(number),
                Cell::Text(text) => json!(text),
                Cell::List(list) => json!(list),
            };
            // A list that is not there is an empty one in the struct.
            let empty = expected.as_array().is_some_and(Vec::is_empty) && cell.is_null();
            assert!(
                *expected == cell || empty,
                "{} of row {n}: {cell}",
                column.name
            );
        }
    }
    let fields = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(block.columns().len(), fields.as_object().unwrap().len());
    assert_eq!(block.columns()[0].cells.get(rows.len()), Cell::Absent);
}

#[test]
fn ends_are_counted_as_javascript_counts() {
    let block = decoded(&answer(2_000).to_string());
    let Cells::Texts(texts) = &block.columns()[0].cells else {
        panic!("ids repeat?");
    };
    let ends = texts.ends_utf16();
    let units: Vec<u16> = texts.text.encode_utf16().collect();
    let second = &units[ends[0] as usize..ends[1] as usize];
    assert_eq!(String::from_utf16(second).unwrap(), "qemu/ä1");
}

#[test]
fn nothing_is_an_empty_list() {
    for text in ["null", "[]"] {
        let nothing = decoded(text);
        assert!(nothing.is_empty() && nothing.columns().len() > 30);
    }
}

#[test]
fn what_the_structs_refuse_is_refused() {
    for (text, why) in [
        (r#"[{"type":"qemu"}]"#, "missing field `id`"),
        (r#"[{"id":null,"type":"qemu"}]"#, "found none"),
        (
            r#"[{"id":"a","type":"qemu","id":"b"}]"#,
            "duplicate field `id`",
        ),
        (r#"{"id":"a"}"#, "expected a list"),
        (r#"["a"]"#, "expected an object"),
        (r#"[{"id":"a","type":"qemu"}"#, "EOF"),
    ] {
        let error = serde_json::from_str::<RowsOf<Resource>>(text).unwrap_err();
        assert!(error.to_string().contains(why), "{text}: {error}");
        assert!(
            serde_json::from_str::<Vec<Resource>>(text).is_err(),
            "{text}"
        );
    }
}
