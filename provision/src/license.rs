//! What migration licenses are ordered as (Cisco, "Phone Firmware Migration", April 2019, Customer Flow).

use crate::load::Direction;

/// The orderable product for one phone's license; they differ by series. `None` for a model of no such series.
pub fn product(direction: Direction, model: &str) -> Option<String> {
    let series = match model.as_bytes() {
        [b'7', b'8', ..] => "78XX",
        [b'8', b'8', ..] => "88XX",
        _ => return None,
    };
    Some(name(direction, series))
}

/// The product for phones of both series whose users have a Flex plan, at no additional cost.
pub fn flex_product(direction: Direction) -> String {
    name(direction, "FLEX")
}

fn name(direction: Direction, series: &str) -> String {
    format!("L-CP-{}-{series}-CNV=", direction.to_string().to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_procedure() {
        assert_eq!(product(Direction::E2m, "7841").as_deref(), Some("L-CP-E2M-78XX-CNV="));
        assert_eq!(product(Direction::M2e, "8851NR").as_deref(), Some("L-CP-M2E-88XX-CNV="));
        assert_eq!(product(Direction::M2e, "6841"), None);
        assert_eq!(flex_product(Direction::E2m), "L-CP-E2M-FLEX-CNV=");
    }
}
