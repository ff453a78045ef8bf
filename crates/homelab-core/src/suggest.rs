//! "Did you mean": the nearest of the words that would have been right.

/// The candidate nearest to `word`, if one is near enough to be a likely slip.
///
/// ```
/// assert_eq!(homelab_core::nearest("hots", ["hosts", "guests"]), Some("hosts"));
/// assert_eq!(homelab_core::nearest("zebra", ["hosts", "guests"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likely = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= likely)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
