//! Names of enum values.

/// The name of a value without its prefix, in lower case with dashes; the number
/// when a newer server sends one that this release does not know.
pub(crate) fn name_of<E: TryFrom<i32>>(
    value: i32,
    prefix: &str,
    name: fn(&E) -> &'static str,
) -> String {
    E::try_from(value).map_or_else(
        |_| value.to_string(),
        |e| {
            let name = name(&e);
            name.strip_prefix(prefix)
                .unwrap_or(name)
                .to_lowercase()
                .replace('_', "-")
        },
    )
}
