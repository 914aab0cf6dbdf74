//! The file that `init` writes, put together from the declarations of the keys.

/// The comment at the head of the file.
const HEAD: &str = "\
# Transload's configuration. Every value is at its default; a line that begins with # and no space shows an example.
# After a change: `transload check`, and `transload reload` if the bench is running.
";

/// The file, in blocks: each a section with its keys, or an example of a table.
#[derive(Default)]
pub struct Template {
    blocks: Vec<String>,
}

impl Template {
    /// Begins a section. `text` is the comment above its header.
    pub fn section(&mut self, name: &str, text: &str) {
        self.blocks.push(format!("{}[{name}]\n", comment(text)));
    }

    /// Adds an example of a table, with comments.
    pub fn block(&mut self, lines: &str) {
        self.blocks.push(unindented(lines));
    }

    /// Adds a key of the section that was begun last. `text` is the comment above it.
    pub fn key(&mut self, text: &str, line: &str) {
        if let Some(block) = self.blocks.last_mut() {
            block.push_str(&comment(text));
            block.push_str(&unindented(line));
        }
    }

    /// Adds the blocks of an inner table.
    pub fn append(&mut self, mut other: Self) {
        self.blocks.append(&mut other.blocks);
    }

    /// The head of the file and its blocks.
    pub fn blocks(mut self) -> Vec<String> {
        self.blocks.insert(0, HEAD.to_owned());
        self.blocks
    }
}

fn comment(text: &str) -> String {
    text.lines().flat_map(|line| ["# ", line.trim(), "\n"]).collect()
}

fn unindented(lines: &str) -> String {
    lines.lines().flat_map(|line| [line.trim(), "\n"]).collect()
}
