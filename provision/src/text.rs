//! Makes outside text safe to show on a terminal, in a table, on a page, or in a log.

/// True for a character that shows nothing and can change how the text around it is shown: controls, line and
/// paragraph separators, marks of writing direction, and characters without width. Joiners, which some scripts need,
/// are not among them.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text in one line without hidden content: controls and line ends become spaces, other hidden characters are
/// dropped.
pub fn line(text: &str) -> String {
    let shown = |letter: char| match letter {
        '\u{2028}' | '\u{2029}' => Some(' '),
        letter if letter.is_control() => Some(' '),
        letter => (!is_hidden(letter)).then_some(letter),
    };
    text.chars().filter_map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_not_there() {
        assert_eq!(line("Room 1\u{202e}gpj.exe\u{2066}\u{200f}\u{61c}\u{feff}"), "Room 1gpj.exe");
        assert_eq!(line("a\tb\r\nc\u{1b}[2J\u{9b}\0\u{2028}"), "a b  c [2J   ");
        // Joiners belong to words and signs.
        let kept = "Zürich – 東京 – نمی\u{200c}خواهم – 👩\u{200d}💻 – עברית";
        assert_eq!(line(kept), kept);
    }
}
