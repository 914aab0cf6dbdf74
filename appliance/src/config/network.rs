//! Which addresses of a network are given.

use std::net::Ipv4Addr;

use toml::Spanned;

use super::validate::Findings;
use super::values::{Prefix, Range, Ranges};

/// A pool as written, weighed against its network where that is known.
pub(super) fn pool(
    written: Option<&Spanned<Ranges>>,
    key: &str,
    network: Option<Prefix>,
    f: &mut Findings<'_>,
) -> Vec<Range> {
    let Some(written) = written else { return Vec::new() };
    let ranges = &written.get_ref().0;
    if ranges.is_empty() {
        f.problem(
            written.span(),
            &format!("{key} is empty"),
            "name addresses, or leave the key out",
        );
    }
    if let Some((network, range)) = network.and_then(|network| Some((network, outside(network, ranges)?))) {
        let room = default_pool(network);
        f.problem(
            written.span(),
            &format!("{key}: {range} is not within the network of {network}"),
            format!("write addresses of that network, such as \"{room}\""),
        );
    }
    ranges.clone()
}

/// The first range that has an address no host of the network can have.
pub fn outside(network: Prefix, ranges: &[Range]) -> Option<Range> {
    ranges
        .iter()
        .copied()
        .find(|range| !network.has_host(range.first) || !network.has_host(range.last))
}

/// The upper part of a network: from two fifths of it on, with a few addresses left at the end. For a /24 that is
/// .100 to .250, which leaves the usual places of routers and servers alone.
pub fn default_pool(network: Prefix) -> Range {
    let size = u64::from(u32::from(network.broadcast()) - u32::from(network.network())) + 1;
    let at = |offset: u64| Ipv4Addr::from(u32::from(network.network()).saturating_add(offset as u32));
    let first = (size * 100 / 256).max(1);
    // A pool larger than this is never filled on a bench; the engine's memory grows with it.
    let last = (size * 250 / 256)
        .min(size.saturating_sub(2))
        .min(first + 65_535)
        .max(first);
    Range {
        first: at(first),
        last: at(last),
    }
}
