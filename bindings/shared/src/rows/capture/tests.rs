use serde::{Deserialize, Serialize};

use crate::rows::{Cell, Cells, Column, Rows, RowsOf};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Row {
    id: String,
    kind: String,
    vmid: Option<u32>,
    load: Option<f64>,
    template: Option<bool>,
    tags: Vec<String>,
    never: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Nested {
    inner: Row,
}

fn rows() -> Vec<Row> {
    (0..2_000)
        .map(|n| Row {
            id: format!("qemu/ä{n}"),
            kind: if n % 2 == 0 { "qemu" } else { "lxc" }.to_owned(),
            vmid: (n % 3 != 0).then_some(n),
            load: (n % 5 != 0).then(|| f64::from(n) / 8.0),
            template: (n % 7 != 0).then_some(n % 2 == 1),
            tags: (0..n % 4).map(|t| format!("t{t}")).collect(),
            never: None,
        })
        .collect()
}

fn block(rows: &[Row]) -> Rows {
    let text = serde_json::to_string(rows).unwrap();
    serde_json::from_str::<RowsOf<Row>>(&text).unwrap().rows
}

#[test]
fn every_cell_is_what_the_row_said() {
    let rows = rows();
    let block = block(&rows);
    let columns = block.columns();
    let names: Vec<_> = columns.iter().map(|c| c.name).collect();
    assert_eq!(
        names,
        ["id", "kind", "vmid", "load", "template", "tags", "never"]
    );
    for (n, row) in rows.iter().enumerate() {
        let cell = |column: usize| columns[column].cells.get(n);
        assert_eq!(cell(0), Cell::Text(&row.id));
        assert_eq!(cell(1), Cell::Text(&row.kind));
        let vmid = row.vmid.map_or(Cell::Absent, |v| Cell::Whole(v.into()));
        assert_eq!(cell(2), vmid);
        assert_eq!(cell(3), row.load.map_or(Cell::Absent, Cell::Number));
        assert_eq!(cell(4), row.template.map_or(Cell::Absent, Cell::Truth));
        assert_eq!(cell(5), Cell::List(&row.tags));
        assert_eq!(cell(6), Cell::Absent);
    }
    assert_eq!(columns[0].cells.get(rows.len()), Cell::Absent);
}

#[test]
fn ends_are_counted_as_javascript_counts() {
    let block = block(&rows());
    let Some(Column {
        cells: Cells::Texts(texts),
        ..
    }) = block.columns().first()
    else {
        panic!("ids repeat?");
    };
    let ends = texts.ends_utf16();
    let units: Vec<u16> = texts.text.encode_utf16().collect();
    let second = &units[ends[0] as usize..ends[1] as usize];
    assert_eq!(String::from_utf16(second).unwrap(), "qemu/ä1");
}

#[test]
fn lists_that_read_the_same_when_joined_stay_apart() {
    let tags = |tags: &[&str]| Row {
        tags: tags.iter().map(ToString::to_string).collect(),
        ..Row::default()
    };
    let rows = [
        tags(&["ab"]),
        tags(&["a", "b"]),
        tags(&["", "ab"]),
        tags(&["ab"]),
    ];
    let block = block(&rows);
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(block.columns()[5].cells.get(n), Cell::List(&row.tags));
    }
}

#[test]
fn nothing_is_an_empty_list() {
    let nothing = serde_json::from_str::<RowsOf<Row>>("null").unwrap().rows;
    assert!(nothing.is_empty() && nothing.columns().is_empty());
    assert!(block(&[]).is_empty());
}

#[test]
fn a_type_that_is_not_flat_says_so() {
    let text = serde_json::to_string(&[Nested::default()]).unwrap();
    let error = serde_json::from_str::<RowsOf<Nested>>(&text).unwrap_err();
    assert!(
        error.to_string().contains("field inner of row 0"),
        "{error}"
    );
}
