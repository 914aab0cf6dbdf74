//! Workbooks that are damaged, or made to fill memory. `TRANSLOAD_WORKBOOKS` says how many are mutated,
//! `TRANSLOAD_SEED` from which seed on, any otherwise; one workbook is made again with `TRANSLOAD_WORKBOOKS=1` and the seed told.

use super::*;
use crate::state::inventory::books::{ods_of, ods_parts, packed, xlsx_parts};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn mutated_workbooks_crash_nothing() {
    let seed = number("TRANSLOAD_SEED").unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let count = number("TRANSLOAD_WORKBOOKS").unwrap_or(400);
    println!("TRANSLOAD_SEED={seed} TRANSLOAD_WORKBOOKS={count}");
    let books = [xlsx_parts(&assets()), ods_parts(&assets())];
    let (mut whole, mut phones) = (0, 0);
    for seed in seed..seed + count {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut parts = books[random.usize(..books.len())].clone();
        // Half of them within their parts, where no checksum tells.
        if random.bool() {
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..parts.len());
                mutate(&mut random, &mut parts[at].1);
            }
        }
        let mut file = packed(&parts);
        if random.bool() {
            mutate(&mut random, &mut file);
        }
        let read = std::panic::catch_unwind(|| read(&file));
        let Ok(read) = read else { panic!("TRANSLOAD_SEED={seed} TRANSLOAD_WORKBOOKS=1") };
        for sheet in read.iter().flatten() {
            assert!(sheet.grid.rows.len() < 2_000_000, "TRANSLOAD_SEED={seed} TRANSLOAD_WORKBOOKS=1");
            phones += sheet.roster.entries.len();
        }
        whole += usize::from(read.is_ok());
    }
    println!("{whole} of {count} were read all the same, with {phones} phones");
}

fn mutate(random: &mut fastrand::Rng, content: &mut Vec<u8>) {
    const NUMBERS: [&str; 8] =
        ["0", "-1", "65536", "1048577", "4294967296", "18446744073709551615", "1e400", "XFD1048576"];
    for _ in 0..random.usize(1..8) {
        if content.is_empty() {
            return;
        }
        let at = random.usize(..content.len());
        let end = (at + random.usize(1..40)).min(content.len());
        match random.u8(..7) {
            0 => content[at] ^= 1 << random.u8(..8),
            1 => content[at] = random.u8(..),
            2 => drop(content.drain(at..end)),
            3 => content.truncate(at),
            4 => {
                let piece = content[at..end].to_vec();
                let to = random.usize(..content.len());
                content.splice(to..to, piece.repeat(random.usize(1..200)));
            }
            5 => {
                let digits = content.iter().skip(at).position(u8::is_ascii_digit).map(|found| at + found);
                let text = NUMBERS[random.usize(..NUMBERS.len())];
                let Some(at) = digits else { continue };
                content.splice(at..=at, text.bytes());
            }
            _ => content[at..end].fill(random.u8(..)),
        }
    }
}

fn refused(file: &[u8]) -> String {
    read(file).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_workbook_that_would_fill_memory_is_refused() {
    let with = |name: &str, content: Vec<u8>| {
        let mut parts = xlsx_parts(&assets());
        parts.retain(|(known, _)| known != name);
        parts.push((name.to_owned(), content));
        packed(&parts)
    };
    let strings = |inner: &str| format!("<sst {inner}</sst>").into_bytes();
    let row = |cell: &str| format!("<worksheet><sheetData><row>{cell}</row></sheetData></worksheet>");
    let cell = |attributes: &str, text: &str| {
        format!(
            "<table:table-cell office:value-type=\"string\" {attributes}><text:p>{text}</text:p></table:table-cell>"
        )
    };
    let table = |rows: &str| packed(&ods_of(&format!("<table:table table:name=\"a\">{rows}</table:table>")));
    let many = "table:number-columns-repeated=\"16384\"";
    let wide = format!("<table:table-row>{}</table:table-row>", cell(many, "x"));
    let long = format!("<table:table-row>{}</table:table-row>", cell(many, &"x".repeat(30_000)));
    let tall = format!(
        "<table:table-row>{one}</table:table-row><table:table-row table:number-rows-repeated=\"1000000\"/>\
         <table:table-row>{one}</table:table-row>",
        one = cell("", "x")
    );
    let files: Vec<(String, Vec<u8>)> =
        (0..3_000).map(|at| (format!("xl/{at}"), Vec::new())).chain(xlsx_parts(&assets())).collect();
    for (what, file) in [
        ("announced", with("xl/sharedStrings.xml", strings("uniqueCount=\"99999999999999\">"))),
        (
            "announced with spaces",
            with("xl/sharedStrings.xml", strings("uniqueCount = '18446744073709551615'>")),
        ),
        (
            "many empty strings",
            with("xl/sharedStrings.xml", strings(&format!(">{}", "<si/>".repeat(3_000_000)))),
        ),
        ("one huge part", with("xl/styles.xml", vec![b' '; 30 << 20])),
        (
            "many cells",
            with("xl/worksheets/sheet1.xml", row(&"<c><v>1</v></c></row><row>".repeat(700_000)).into_bytes()),
        ),
        ("everything huge", with("xl/worksheets/sheet1.xml", vec![b' '; 200 << 20])),
        ("many files", packed(&files)),
        ("wide", table(&wide.repeat(40))),
        ("long", table(&long)),
        ("tall", table(&format!("{tall}{wide}"))),
        (
            "repeated rows",
            table(
                &wide
                    .replace("<table:table-row>", "<table:table-row table:number-rows-repeated=\"1000000\">"),
            ),
        ),
    ] {
        let said = refused(&file);
        assert!(said.contains("; "), "{what}: {said:?}");
    }
}

#[test]
fn cells_far_apart_cost_nothing() {
    let mut parts = xlsx_parts(&[("a", vec![text(&["MAC"]), text(&[MAC])])]);
    let sheet = &mut parts[0].1;
    let far =
        "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c><c r=\"B1048576\"><v>1</v></c></row></sheetData>";
    *sheet = String::from_utf8(sheet.clone()).unwrap().replace("</sheetData>", far).into_bytes();
    let sheets = read(&packed(&parts)).unwrap();
    assert_eq!(macs(&sheets[0]), [MAC]);
    assert_eq!(sheets[0].grid.rows.len(), 3);
}

#[test]
fn a_table_without_an_end_is_refused() {
    let cell = "<table:table-cell office:value-type=\"string\"><text:p>MAC</text:p></table:table-cell>";
    let row = format!("<table:table-row>{cell}</table:table-row>");
    for tables in [
        format!("<table:table table:name=\"a\">{row}"),
        format!("<table:table table:name=\"a\">{row}</table:table><table:table table:name=\"b\">"),
        format!("<table:table table:name=\"a\"><table:table-row>{cell}</table:table>"),
        format!("<table:table table:name=\"a\"><table:table-row>{cell}"),
    ] {
        assert!(refused(&packed(&ods_of(&tables))).contains("no end"), "{tables}");
    }
}
