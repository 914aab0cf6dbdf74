//! Netascii: the same text on every retransmission, wherever the block borders fall.

use crate::common::{MemorySource, noise};
use proptest::prelude::*;
use transload_tftp::{blocks::Blocks, request::TransferMode};

/// The whole translation at once (RFC 764: LF is CR LF, CR is CR NUL).
fn translated(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        match byte {
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\r' => out.extend_from_slice(b"\r\0"),
            other => out.push(*other),
        }
    }
    out
}

fn make(blocks: &mut Blocks, block: u64) -> (Vec<u8>, bool) {
    let mut packet = Vec::new();
    let ends = blocks.write(block, block as u16, &mut packet).unwrap();
    (packet.split_off(4), ends)
}

#[test]
pub fn t10_line_ends_are_translated_even_across_a_block_border() {
    let mut blocks =
        Blocks::new(Box::new(MemorySource::new(b"1234567\n\r".to_vec())), TransferMode::Netascii, 8);
    blocks.answered();
    assert_eq!(make(&mut blocks, 1), (b"1234567\r".to_vec(), false));
    assert_eq!(make(&mut blocks, 2), (b"\n\r\0".to_vec(), true));
    assert_eq!(make(&mut blocks, 1), (b"1234567\r".to_vec(), false), "a retransmission is the same");
    assert_eq!(blocks.acknowledge(1), 7, "the LF is not yet through");
    assert_eq!(make(&mut blocks, 2), (b"\n\r\0".to_vec(), true));
    assert_eq!(blocks.acknowledge(2), 9);
}

#[test]
pub fn t04_a_full_last_netascii_block_is_followed_by_an_empty_one() {
    let mut blocks =
        Blocks::new(Box::new(MemorySource::new(b"\n\n\n\n".to_vec())), TransferMode::Netascii, 8);
    assert_eq!(make(&mut blocks, 1), (b"\r\n\r\n\r\n\r\n".to_vec(), false));
    assert_eq!(make(&mut blocks, 2), (Vec::new(), true));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_window_can_be_made_again(
        text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x')], 0..3000),
        block_size in 8_u16..100,
        window in 1_u64..9,
    ) {
        let expected = translated(&text);
        let mut blocks = Blocks::new(Box::new(MemorySource::new(text.clone())), TransferMode::Netascii, block_size);
        let (mut received, mut base, mut over) = (Vec::new(), 0, false);
        while !over {
            let mut once = Vec::new();
            let mut end = base;
            for block in base + 1..=base + window {
                let (bytes, ends) = make(&mut blocks, block);
                once.extend_from_slice(&bytes);
                end = block;
                over = ends;
                if ends { break; }
            }
            let again: Vec<u8> = (base + 1..=end).flat_map(|block| make(&mut blocks, block).0).collect();
            prop_assert_eq!(&once, &again);
            received.extend_from_slice(&once);
            base = end;
            blocks.answered();
            blocks.acknowledge(base);
        }
        prop_assert_eq!(blocks.acknowledge(base), text.len() as u64);
        prop_assert_eq!(received, expected);
    }
}

#[test]
fn a_file_that_became_shorter_is_an_error_and_not_a_short_file() {
    for mode in [TransferMode::Octet, TransferMode::Netascii] {
        let content = MemorySource { cut_at: Some(40_000), ..MemorySource::new(noise(100_000, 5)) };
        let mut blocks = Blocks::new(Box::new(content), mode, 512);
        let mut packet = Vec::new();
        let failed = (1..=196).find_map(|block| blocks.write(block, 1, &mut packet).err()).unwrap();
        assert_eq!(failed.kind(), std::io::ErrorKind::UnexpectedEof, "{mode:?}");
    }
}
