//! What can be told of a text without knowing what it is about.

use super::schema::{Field, Item, Kind};

/// Refuses texts that say a sentence twice, and flags that do not read as one.
///
/// A flag is a question: "Whether …". What does not begin like this was written for
/// something else of the same name, and a wrong word at a flag that deletes costs data.
pub(crate) fn check(item: &Item) -> Result<(), String> {
    if matches!(item.kind, Kind::Format { .. }) {
        return Ok(());
    }
    if let Some(sentence) = repeated(&item.docs) {
        return Err(format!("{} says `{sentence}` twice", item.name));
    }
    for field in &item.fields {
        let at = format!("{}.{}", item.name, field.wire);
        if let Some(sentence) = repeated(&field.docs) {
            return Err(format!("{at} says `{sentence}` twice"));
        }
        if field.ty == "bool" && !reads_as_flag(field) {
            return Err(format!(
                "{at} is a flag, but its words are not `Whether …`: {}",
                field.docs.join(" ")
            ));
        }
    }
    Ok(())
}

fn reads_as_flag(field: &Field) -> bool {
    let text = field.docs.join(" ");
    text.starts_with("Whether ") || text.contains(": whether ")
}

/// The first sentence that stands there twice.
pub(crate) fn repeated(lines: &[String]) -> Option<String> {
    let text = lines.join(" ");
    let mut seen = std::collections::BTreeSet::new();
    text.split_inclusive(". ")
        .map(|sentence| sentence.trim().trim_end_matches('.'))
        .find(|sentence| !sentence.is_empty() && !seen.insert(sentence.to_owned()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::proxmox::schema::Schema;

    fn fault(field: &str) -> String {
        let schema = Schema::parse(&format!("struct Thing\n  | A thing.\n  {field}\n")).unwrap();
        super::check(&schema.items[0]).err().unwrap_or_default()
    }

    #[test]
    fn a_sentence_said_twice_is_refused() {
        let twice = "force?: bool | Whether it is forced. Yes when absent. Yes when absent.";
        assert!(fault(twice).contains("Thing.force says `Yes when absent` twice"));
        assert_eq!(fault("force?: bool | Whether it is. Yes when absent."), "");
    }

    #[test]
    fn a_flag_with_the_words_of_something_else_is_refused() {
        let fault_of = fault("delete?: bool | Settings to take out.");
        assert!(fault_of.contains("Thing.delete is a flag"), "{fault_of}");
        assert_eq!(fault("local?: bool | Node: whether it answers."), "");
        assert_eq!(fault("delete?: words | Settings to take out."), "");
    }
}
