//! Tables for a terminal.

use std::io::{IsTerminal, stdout};

use transload_provision::text;

/// Rows under a heading, as wide as they need to be; the last column is cut where the terminal ends.
pub fn render(heading: &[&str], rows: &[Vec<String>], width: Option<usize>) -> String {
    let columns = heading.len();
    let head = heading.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let lines = || std::iter::once(&head).chain(rows);
    let wide = |column: usize| {
        lines()
            .map(|row| row.get(column).map_or(0, |cell| text::line(cell).chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    lines().map(|row| line(row, &widths, width)).collect()
}

fn line(row: &[String], widths: &[usize], width: Option<usize>) -> String {
    let padded = row.iter().zip(widths).map(|(cell, wide)| format!("{:wide$}", text::line(cell)));
    let text = padded.collect::<Vec<_>>().join("  ");
    cut(text.trim_end(), width) + "\n"
}

/// One line, cut where the terminal ends.
pub fn cut(text: &str, width: Option<usize>) -> String {
    let text = text::line(text);
    match width {
        Some(width) if text.chars().count() > width => {
            text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => text,
    }
}

/// A line broken between words where the terminal ends, and continued further in than it began: nobody can act on
/// half a cure.
pub fn wrapped(line: &str, width: Option<usize>) -> String {
    const FURTHER: usize = 4;
    let indent = " ".repeat(line.len() - line.trim_start_matches(' ').len() + FURTHER);
    let printable = text::line(line);
    let Some(width) = width.filter(|width| printable.chars().count() > *width) else {
        return printable + "\n";
    };
    let (mut text, mut used) = (String::new(), 0);
    for word in printable.split_inclusive(' ') {
        let length = word.trim_end().chars().count();
        if used > indent.len() && used + length > width {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&indent);
            used = indent.len();
        }
        text.push_str(word);
        used += word.chars().count();
    }
    text + "\n"
}

/// The terminal's width; `None` where standard output is something else, which gets everything.
pub fn width() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size()?;
    (stdout().is_terminal() && columns >= 20).then_some(usize::from(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_the_terminal() {
        let rows = [vec!["a".to_owned(), "lon\u{202e}\u{1b}ger".to_owned(), "x".repeat(30)]];
        let text = render(&["one", "two", "three"], &rows, Some(20));
        assert_eq!(text, "one  two      three\na    lon ger  xxxxx…\n");
        assert!(render(&["one", "two", "three"], &rows, None).contains(&"x".repeat(30)));
    }
}
