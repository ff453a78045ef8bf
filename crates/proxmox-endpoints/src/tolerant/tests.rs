use super::*;
use proptest::prelude::*;

fn read<T: Scalar>(json: &str) -> Option<T> {
    serde_json::from_str::<Loose<T>>(json).unwrap().0
}

#[test]
fn one_truth_in_many_forms() {
    for json in ["1", "\"1\"", "true", "\"yes\"", "\"on\"", "1.0", "2"] {
        assert_eq!(read::<bool>(json), Some(true), "{json}");
    }
    for json in ["0", "\"0\"", "false", "\"\"", "\"no\"", "0.0"] {
        assert_eq!(read::<bool>(json), Some(false), "{json}");
    }
    assert_eq!(read::<bool>("null"), None);
}

#[test]
fn absence_and_placeholders_are_none() {
    for json in ["null", "\"\"", "\" \"", "\"N/A\""] {
        assert_eq!(read::<u64>(json), None, "{json}");
    }
    assert!(serde_json::from_str::<Loose<u64>>("\"many\"").is_err());
    assert!(serde_json::from_str::<Loose<u32>>("-1").is_err());
    assert!(serde_json::from_str::<Loose<u64>>("{}").is_err());
}

#[test]
fn texts_take_numbers_and_times_take_seconds() {
    assert_eq!(read::<String>("512").as_deref(), Some("512"));
    assert_eq!(
        read::<Time>("\"1795375941\"")
            .map(Time::into_text)
            .as_deref(),
        Some("2026-11-22T19:32:21Z")
    );
}

proptest! {
    // Up to 512 TiB: beyond, a JSON reader may round `n.0` to a neighbour.
    #[test]
    fn a_number_reads_the_same_in_every_form(n in 0u64..=(1 << 49)) {
        prop_assert_eq!(read::<u64>(&n.to_string()), Some(n));
        prop_assert_eq!(read::<u64>(&format!("\"{n}\"")), Some(n));
        prop_assert_eq!(read::<u64>(&format!("{n}.0")), Some(n));
        prop_assert_eq!(read::<i64>(&format!("\"-{n}\"")), Some(-i64::try_from(n).unwrap()));
    }

    #[test]
    fn no_text_panics(text in ".*") {
        let json = serde_json::to_string(&text).unwrap();
        let _ = serde_json::from_str::<Loose<u32>>(&json);
        let _ = serde_json::from_str::<Loose<f64>>(&json);
        let _ = serde_json::from_str::<Loose<bool>>(&json);
        let _ = serde_json::from_str::<Loose<Time>>(&json);
        prop_assert_eq!(serde_json::from_str::<Loose<String>>(&json).is_ok(), true);
    }
}
