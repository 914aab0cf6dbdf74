//! The floors of newer hardware: the routes above them, and the loads to add.

use super::*;

fn phone(model: &'static str, vid: u8, direction: Direction) -> RoutedPhone {
    RoutedPhone { model, vid: Some(Vid(vid)), direction, ..E2M_8851() }
}

#[test]
fn an_8832_of_v08_is_promised_no_load_that_its_hardware_refuses() {
    let newest = "sip8832.12-0-7MPP0501-123";
    let loads = ["sip8832.14-4-1-0301-6", "sip8832.11-3-6MPP0001-273"];
    let old = phone("8832", 7, Direction::E2m);
    let from = "sip8832.14-4-1-0301-6";
    assert_eq!(old.way_from(from, &loads), ["sip8832.11-3-6MPP0001-273"]);
    for model in ["8832", "8832NR"] {
        let new = phone(model, 8, Direction::E2m);
        let refused = new.refusal(from, &loads);
        let (cause, cure) = (refused.cause(), refused.cure());
        assert!(cause.contains("12.0(2)") && cause.contains("72583"), "{cause}");
        assert!(cure.contains(newest) && !cure.contains("11-2-3"), "{cure}");
        assert_eq!(new.way_from(from, &[loads[0], loads[1], newest]), [newest]);
        let cure = new.refusal(from, &loads[..1]).cure();
        assert!(cure.contains("12.0(2)") && cure.contains(newest), "nothing at hand: {cure}");
    }
}

#[test]
fn no_load_below_a_floor_is_suggested_to_any_hardware() {
    let catalog = Catalog::current();
    for model in catalog.models.iter().filter(|model| model.family.is_some()) {
        for (vid, direction, side) in [
            (Some(Vid(3)), Direction::E2m, Side::Enterprise),
            (Some(Vid(8)), Direction::E2m, Side::Enterprise),
            (Some(Vid(20)), Direction::E2m, Side::Enterprise),
            (Some(Vid(20)), Direction::M2e, Side::Multiplatform),
            (None, Direction::E2m, Side::Enterprise),
            (None, Direction::M2e, Side::Multiplatform),
        ] {
            let query = Query {
                model,
                vid,
                born: None,
                present: Present::Unknown(side),
                direction,
                pin: None,
                unknown_vid_proceeds: false,
            };
            let cure = plan(&query, &catalog, &Library::default()).unwrap_err().cure();
            let hardware = query.hardware();
            for name in cure.split([' ', '(', ')', ',', ';']).filter_map(|word| word.parse::<LoadName>().ok())
            {
                assert_eq!(catalog.fit(hardware, &name), Fit::Runs, "{} {vid:?}: {cure}", model.name);
            }
        }
    }
}

#[test]
fn a_7821_of_v20_goes_back_through_the_release_that_lets_it() {
    let (lets_go, enterprise) = ("sip78xx.11-3-7MPP0101-284", "sip78xx.12-5-1SR1-4");
    let (from, stuck) = ("sip78xx.11-3-6MPP0001-273", "sip78xx.TLexM2E-11-2-3C-4");
    let loads = [stuck, enterprise, lets_go];
    for model in ["7821", "7841", "7861"] {
        let new = phone(model, 20, Direction::M2e);
        assert_eq!(new.way_from(from, &loads), [lets_go, enterprise], "{model}");
        let refused = new.refusal(from, &[stuck, enterprise]);
        let (cause, cure) = (refused.cause(), refused.cure());
        assert!(cause.contains("11.3(7)SR1") && cause.contains("bought with Enterprise"), "{cause}");
        assert!(cure.contains("11.3(7)SR1") && cure.contains("12-0-7MPP0501-123"), "{cure}");
        assert_eq!(phone(model, 19, Direction::M2e).way_from(from, &loads), [enterprise]);
        let bought = RoutedPhone { born: Some(Side::Multiplatform), ..phone(model, 20, Direction::M2e) };
        assert_eq!(bought.way_from(from, &loads), [enterprise], "it was bought with Multiplatform firmware");
        let unknown = RoutedPhone { vid: None, ..phone(model, 20, Direction::M2e) };
        assert_eq!(unknown.way_from(from, &loads), [lets_go, enterprise], "the way that every VID takes");
    }
}
