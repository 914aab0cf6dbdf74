//! A small tree of elements and its writer, the only one for XML.

use std::borrow::Cow;
use std::fmt::Display;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

/// The document would be misread by phones.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The text is no name of an XML element.
    #[error(
        "{0:?} is not the name of a phone parameter; write it as the phone's own cfg.xml does, for example Profile_Rule"
    )]
    Name(String),
    /// Phones read ASCII only (Cisco administration guide, Provisioning Formats), and XML forbids control characters.
    #[error(
        "the value of {element} contains {character:?}, which phones cannot read; write it on one line, in plain ASCII"
    )]
    Character {
        /// The element.
        element: String,
        /// The first forbidden character.
        character: char,
    },
    /// Cisco's guide gives three different meanings to an empty element.
    #[error(
        "{0} has an empty value, and phones differ in what they make of that; give it a value or leave it out"
    )]
    Empty(String),
    /// The document could not be written.
    #[error("the document could not be written: {0}")]
    Write(#[from] io::Error),
}

/// An element: its name, at most one attribute, and its content.
pub(super) struct Element {
    name: Cow<'static, str>,
    attribute: Option<(&'static str, String)>,
    content: ElementContent,
}

enum ElementContent {
    Text(String),
    Elements(Vec<Element>),
}

/// An element with text.
pub(super) fn text(name: impl Into<Cow<'static, str>>, value: impl Display) -> Element {
    Element { name: name.into(), attribute: None, content: ElementContent::Text(value.to_string()) }
}

/// An element with children.
pub(super) fn parent(name: &'static str, children: Vec<Element>) -> Element {
    Element { name: name.into(), attribute: None, content: ElementContent::Elements(children) }
}

impl Element {
    /// Adds an attribute.
    pub(super) fn with(self, name: &'static str, value: impl Display) -> Self {
        Self { attribute: Some((name, value.to_string())), ..self }
    }

    /// The document with this root: ASCII, indented, with a final line feed.
    pub(super) fn into_document(self) -> Result<Vec<u8>, DocumentError> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        self.write(&mut writer)?;
        let mut document = writer.into_inner();
        document.push(b'\n');
        Ok(document)
    }

    /// The element alone, on one line without blanks between elements.
    pub(super) fn into_line(self) -> Result<Vec<u8>, DocumentError> {
        let mut writer = Writer::new(Vec::new());
        self.write(&mut writer)?;
        Ok(writer.into_inner())
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> Result<(), DocumentError> {
        // Names written in this program may carry a namespace prefix.
        if let Cow::Owned(name) = &self.name {
            check_name(name)?;
        }
        let mut start = BytesStart::new(self.name.as_ref());
        if let Some((name, value)) = &self.attribute {
            check_value(&self.name, value)?;
            start.push_attribute((*name, value.as_str()));
        }
        writer.write_event(Event::Start(start))?;
        match &self.content {
            ElementContent::Text(value) => {
                check_value(&self.name, value)?;
                writer.write_event(Event::Text(BytesText::new(value)))?;
            }
            ElementContent::Elements(children) if children.is_empty() => {
                return Err(DocumentError::Empty(self.name.clone().into_owned()));
            }
            ElementContent::Elements(children) => {
                children.iter().try_for_each(|child| child.write(writer))?;
            }
        }
        Ok(writer.write_event(Event::End(BytesEnd::new(self.name.as_ref())))?)
    }
}

/// Checks the name of an element.
pub(super) fn check_name(name: &str) -> Result<(), DocumentError> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.starts_with(first) && name.chars().all(rest) {
        Ok(())
    } else {
        Err(DocumentError::Name(name.chars().take(80).collect()))
    }
}

/// Checks the value of an element. The writer escapes markup, but not control characters.
pub(super) fn check_value(element: &str, value: &str) -> Result<(), DocumentError> {
    if let Some(character) = value.chars().find(|c| !matches!(c, ' '..='~')) {
        return Err(DocumentError::Character { element: element.to_owned(), character });
    }
    if value.trim().is_empty() {
        return Err(DocumentError::Empty(element.to_owned()));
    }
    Ok(())
}
