//! Releases of Talos, as far as they have to be compared.

/// `v1.13.9`, `v1.14.0-rc.1`: major, minor and patch; pre-releases count as the
/// release that they lead to. `None` for anything else.
pub(crate) fn release(tag: &str) -> Option<(u32, u32, u32)> {
    let numbers = tag.strip_prefix('v').unwrap_or(tag);
    let numbers = numbers.split(['-', '+']).next()?;
    let mut parts = numbers.split('.').map(str::parse);
    let mut next = || parts.next()?.ok();
    let release = (next()?, next()?, next()?);
    parts.next().is_none().then_some(release)
}

/// Whether `tag` is of this minor release or a later one.
pub(crate) fn at_least(tag: &str, major: u32, minor: u32) -> bool {
    release(tag).is_some_and(|(a, b, _)| (a, b) >= (major, minor))
}

/// The release that an installer image is of, by its tag: there is none in a
/// reference by digest, and people name tags as they like.
pub(crate) fn of_image(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    let (_, tag) = name.rsplit('/').next()?.rsplit_once(':')?;
    release(tag).map(|_| tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_are_compared_by_number() {
        assert_eq!(release("v1.13.9"), Some((1, 13, 9)));
        assert_eq!(release("v1.14.0-rc.1"), Some((1, 14, 0)));
        assert_eq!(release("1.9.0"), Some((1, 9, 0)));
        for wrong in ["", "latest", "v1.13", "v1.13.9.1", "vX.1.2"] {
            assert_eq!(release(wrong), None, "{wrong}");
        }
        assert!(at_least("v1.13.0-alpha.2", 1, 13));
        assert!(!at_least("v1.9.5", 1, 13));
        assert!(!at_least("main", 1, 13));
    }

    #[test]
    fn an_image_may_name_its_release() {
        let of = of_image;
        assert_eq!(of("ghcr.io/siderolabs/installer:v1.13.9"), Some("v1.13.9"));
        assert_eq!(
            of("factory.talos.dev/metal-installer/376567:v1.13.9@sha256:ab"),
            Some("v1.13.9")
        );
        assert_eq!(of("registry.lab:5000/installer"), None);
        assert_eq!(of("registry.lab:5000/installer:mine"), None);
        assert_eq!(of("ghcr.io/siderolabs/installer@sha256:abcd"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = (release(&text), of_image(&text));
        }
    }
}
