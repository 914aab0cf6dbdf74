//! How long a lease lasts, and when its client renews and rebinds it (RFC 2131 §4.4.5).

use std::ops::Range as Bytes;
use std::time::Duration;

use toml::Spanned;

use super::LeaseTimes;
use super::findings::Findings;
use super::values::Text;

type Written<'a> = Option<&'a Spanned<Text<Duration>>>;

/// The times as a section writes them.
pub(super) struct WrittenTimes<'a> {
    pub(super) lease: Written<'a>,
    pub(super) renewal: Written<'a>,
    pub(super) rebinding: Written<'a>,
}

/// The times of a section that stands at `place`, and has those it does not write from elsewhere. Whatever is not in its
/// order is noted: renewal before rebinding before the end.
pub(super) fn times(
    written: &WrittenTimes<'_>,
    section: &str,
    place: Option<&Bytes<usize>>,
    inherited: LeaseTimes,
    f: &mut Findings<'_>,
) -> LeaseTimes {
    let key = |name: &str| format!("{section}.{name}");
    let lease = f.span(written.lease, &key("lease"), inherited.lease);
    let mut read = |own: Written<'_>, name: &str, default: Duration, inherited: Option<Duration>| {
        let own = own.map(|own| f.span(Some(own), &key(name), default));
        own.or(inherited)
    };
    let renewal = read(written.renewal, "renewal-time", lease / 2, inherited.renewal);
    let rebinding = read(written.rebinding, "rebinding-time", lease / 8 * 7, inherited.rebinding);
    let times = LeaseTimes { lease, renewal, rebinding };
    let at = |own: Written<'_>| {
        own.or(written.lease).map(Spanned::span).or_else(|| place.cloned()).unwrap_or_default()
    };
    let whole = |time: Duration| format!("{} s", time.as_secs());
    let rebinds = rebinding.unwrap_or(lease / 8 * 7);
    if let Some(rebinding) = rebinding.filter(|rebinding| *rebinding >= lease || rebinding.as_secs() < 2) {
        let cause = format!(
            "{}: {} is not between 2 s and the end of the lease after {}",
            key("rebinding-time"),
            whole(rebinding),
            whole(lease)
        );
        let cure =
            format!("write a shorter time than the lease, or leave it out for {}", whole(lease / 8 * 7));
        f.problem(at(written.rebinding), &cause, cure);
    } else if let Some(renewal) = renewal.filter(|renewal| *renewal >= rebinds) {
        let cause = format!(
            "{}: {} is not before the rebinding time of {}",
            key("renewal-time"),
            whole(renewal),
            whole(rebinds)
        );
        let cure = format!("write a shorter time, or leave it out for {}", whole(lease / 2));
        f.problem(at(written.renewal), &cause, cure);
    }
    times
}
