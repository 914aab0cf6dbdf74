//! Product numbers of migration licenses (Cisco, "Phone Firmware Migration", April 2019, Customer Flow).

use crate::catalog::name;
use crate::load::Direction;

/// The product for one phone's license; it differs by series. The model may be in any spelling. `None` for a model of
/// another series.
pub fn product(direction: Direction, model: &str) -> Option<String> {
    let product = name::read(model).filter(|product| product.is_phone() && product.is_of_our_series())?;
    let series = if product.number.starts_with("78") { "78XX" } else { "88XX" };
    Some(order(direction, series))
}

/// The product for phones of both series whose users have a Flex plan, at no additional cost.
pub fn flex_product(direction: Direction) -> String {
    order(direction, "FLEX")
}

fn order(direction: Direction, series: &str) -> String {
    format!("L-CP-{}-{series}-CNV=", direction.to_string().to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_procedure() {
        assert_eq!(product(Direction::E2m, "7841").as_deref(), Some("L-CP-E2M-78XX-CNV="));
        assert_eq!(product(Direction::M2e, "8851NR").as_deref(), Some("L-CP-M2E-88XX-CNV="));
        assert_eq!(product(Direction::M2e, "CP-8832-NR-K9").as_deref(), Some("L-CP-M2E-88XX-CNV="));
        for other in ["6841", "8851-BEKEM", "8851-ZZ"] {
            assert_eq!(product(Direction::M2e, other), None);
        }
        assert_eq!(flex_product(Direction::E2m), "L-CP-E2M-FLEX-CNV=");
    }
}
