//! What the operating system says of a file, without its number for it.

use std::io;

/// The sentence of an error, as a person reads it.
#[must_use]
pub fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error ").map_or_else(|| text.clone(), |(words, _)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn the_number_is_left_out() {
        let missing = std::fs::read("/nowhere/at/all").unwrap_err();
        assert_eq!(in_words(&missing), "No such file or directory");
        assert_eq!(in_words(&std::io::Error::other("own words")), "own words");
    }
}
