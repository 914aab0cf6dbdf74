//! Any datagram on the well-known port: no panic, and what is agreed on was asked for, within its limits, and read by
//! tftpd's codec as it was meant.

use tftpd::{OptionType, Packet};
use transload_tftp::{
    request::{self, ParsedRequest, TransferMode},
    terms::{self, TermLimits},
};

const LIMITS: TermLimits = TermLimits { block_size: 1468, window: 64 };
const SIZE: u64 = 90_000_001;

pub fn check(datagram: &[u8]) {
    let ParsedRequest::Read(request) = request::read(datagram) else {
        // Only a request gets an answer.
        return;
    };
    assert_eq!(datagram[..2], [0, 1]);
    assert!(request.name.len() <= 3 * datagram.len());
    let options = request.options;
    let (terms, oack) = terms::agree(&request, LIMITS, SIZE);
    assert!((8..=1468).contains(&terms.block_size), "{terms:?}");
    assert!(terms.block_size <= options.block_size.unwrap_or(512), "{terms:?} {options:?}");
    assert!((1..=64).contains(&terms.window) && terms.window <= options.window.unwrap_or(1), "{terms:?}");
    assert_eq!(terms.timeout, options.timeout);
    let told = oack.map(|oack| {
        assert!(oack.len() <= 512);
        match Packet::deserialize(&oack) {
            Ok(Packet::Oack(told)) => told,
            other => panic!("not an OACK: {other:?}"),
        }
    });
    let told = told.unwrap_or_default();
    let value = |wanted: OptionType| {
        let mut values = told.iter().filter(|told| told.option == wanted).map(|told| told.value);
        let value = values.next();
        assert_eq!(values.next(), None, "{wanted:?} twice");
        value
    };
    assert_eq!(value(OptionType::BlockSize), options.block_size.map(|_| u64::from(terms.block_size)));
    assert_eq!(value(OptionType::WindowSize), options.window.map(|_| u64::from(terms.window)));
    assert_eq!(value(OptionType::Timeout), options.timeout.map(u64::from));
    let sized = options.size && request.mode == TransferMode::Octet;
    assert_eq!(value(OptionType::TransferSize), sized.then_some(SIZE));
}
