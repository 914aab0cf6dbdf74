//! Makes workbooks.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;

/// What a cell holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// In the table of strings.
    Text(String),
    /// In the cell itself.
    Inline(String),
    /// What a formula gave.
    Formula(String),
    Number(f64),
    Bool(bool),
}

pub type Sheets<'s> = &'s [(&'s str, Vec<Vec<Value>>)];

pub fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub fn packed(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    zipped(&files)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn column(mut at: usize) -> String {
    let mut name = String::new();
    loop {
        name.insert(0, char::from(b'A' + (at % 26) as u8));
        if at < 26 {
            return name;
        }
        at = at / 26 - 1;
    }
}

pub fn xlsx(sheets: Sheets<'_>) -> Vec<u8> {
    packed(&xlsx_parts(sheets))
}

/// The files of a workbook of Excel (ECMA-376, part 1).
pub fn xlsx_parts(sheets: Sheets<'_>) -> Vec<(String, Vec<u8>)> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let (mut book, mut links, mut strings) = (String::new(), String::new(), Vec::new());
    let mut parts = Vec::new();
    for (at, (name, rows)) in sheets.iter().enumerate() {
        let id = at + 1;
        write!(book, "<sheet name=\"{}\" sheetId=\"{id}\" r:id=\"rId{id}\"/>", escape(name)).unwrap();
        write!(
            links,
            "<Relationship Id=\"rId{id}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{id}.xml\"/>"
        )
        .unwrap();
        let mut data = String::new();
        for (row, cells) in rows.iter().enumerate() {
            write!(data, "<row r=\"{}\">", row + 1).unwrap();
            for (at, value) in cells.iter().enumerate() {
                let place = format!("{}{}", column(at), row + 1);
                data.push_str(&cell(&place, value, &mut strings));
            }
            data.push_str("</row>");
        }
        let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{data}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{id}.xml"), sheet.into_bytes()));
    }
    write!(
        links,
        "<Relationship Id=\"rId999\" Type=\"{OFFICE}/sharedStrings\" Target=\"sharedStrings.xml\"/>"
    )
    .unwrap();
    let count = strings.len();
    let strings = strings.iter().map(|text| format!("<si><t>{}</t></si>", escape(text)));
    let strings = strings.collect::<Vec<_>>().concat();
    for (name, content) in [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{book}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!("<Relationships xmlns=\"{RELATIONS}\">{links}</Relationships>"),
        ),
        (
            "xl/sharedStrings.xml",
            format!("<sst xmlns=\"{MAIN}\" count=\"{count}\" uniqueCount=\"{count}\">{strings}</sst>"),
        ),
    ] {
        parts.push((name.to_owned(), content.into_bytes()));
    }
    parts
}

fn cell(place: &str, value: &Value, strings: &mut Vec<String>) -> String {
    match value {
        Value::Text(text) if text.is_empty() => String::new(),
        Value::Text(text) => {
            strings.push(text.clone());
            format!("<c r=\"{place}\" t=\"s\"><v>{}</v></c>", strings.len() - 1)
        }
        Value::Inline(text) => {
            format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{}</t></is></c>", escape(text))
        }
        Value::Formula(text) => format!("<c r=\"{place}\" t=\"str\"><f>A1</f><v>{}</v></c>", escape(text)),
        Value::Number(number) => format!("<c r=\"{place}\"><v>{number:?}</v></c>"),
        Value::Bool(truth) => format!("<c r=\"{place}\" t=\"b\"><v>{}</v></c>", u8::from(*truth)),
    }
}

pub fn ods(sheets: Sheets<'_>) -> Vec<u8> {
    packed(&ods_parts(sheets))
}

/// The files of an `.ods` file (OASIS ODF 1.2, part 1).
pub fn ods_parts(sheets: Sheets<'_>) -> Vec<(String, Vec<u8>)> {
    let mut tables = String::new();
    for (name, rows) in sheets {
        write!(tables, "<table:table table:name=\"{}\">", escape(name)).unwrap();
        for cells in rows {
            tables.push_str("<table:table-row>");
            for value in cells {
                tables.push_str(&ods_cell(value));
            }
            // As LibreOffice ends a row and a table.
            tables.push_str("<table:table-cell table:number-columns-repeated=\"16000\"/></table:table-row>");
        }
        tables.push_str("<table:table-row table:number-rows-repeated=\"1048000\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row></table:table>");
    }
    ods_of(&tables)
}

fn ods_cell(value: &Value) -> String {
    match value {
        Value::Text(text) if text.is_empty() => "<table:table-cell/>".to_owned(),
        Value::Text(text) | Value::Inline(text) | Value::Formula(text) => {
            let text = escape(text);
            format!(
                "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
            )
        }
        Value::Number(number) => {
            format!("<table:table-cell office:value-type=\"float\" office:value=\"{number:?}\"/>")
        }
        Value::Bool(truth) => {
            format!("<table:table-cell office:value-type=\"boolean\" office:boolean-value=\"{truth}\"/>")
        }
    }
}

/// The same with what is written of the tables.
pub fn ods_of(tables: &str) -> Vec<(String, Vec<u8>)> {
    const NAMES: &str = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"";
    let content = format!(
        "<office:document-content {NAMES}><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    );
    let manifest =
        "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
    vec![
        ("mimetype".to_owned(), b"application/vnd.oasis.opendocument.spreadsheet".to_vec()),
        ("META-INF/manifest.xml".to_owned(), manifest.as_bytes().to_vec()),
        ("content.xml".to_owned(), content.into_bytes()),
    ]
}
