use std::net::Ipv4Addr;

use super::*;

mod classes;
mod values;

const SERVER: FileServer = FileServer { address: Ipv4Addr::new(10, 23, 45, 67), port: 80 };
const US: [Ipv4Addr; 1] = [SERVER.address];
const HERE: Steering = Steering { server: SERVER, enterprise: &US, cda: false };
const URL_TEXT: &[u8] = b"http://10.23.45.67";

#[test]
fn an_enterprise_phone_is_told_addresses_in_both_forms() {
    let told = phone_options(Persona::Enterprise, &HERE);
    assert_eq!(told.class, "enterprise");
    assert_eq!(told.gives.next_server, Some(SERVER.address));
    assert_eq!(told.gives.options, [(66, b"10.23.45.67".to_vec()), (150, vec![10, 23, 45, 67])]);
}

#[test]
fn where_call_managers_steer_an_enterprise_phone_is_told_of_them_alone() {
    let call_managers = [Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(192, 0, 2, 11)];
    let steering = Steering { enterprise: &call_managers, ..HERE };
    let told = phone_options(Persona::Enterprise, &steering);
    assert_eq!(told.gives.next_server, Some(call_managers[0]));
    assert_eq!(told.gives.options, [(66, b"192.0.2.10".to_vec()), (150, vec![192, 0, 2, 10, 192, 0, 2, 11])]);
    // A phone of unknown persona must ask here first.
    assert_eq!(phone_options(Persona::Unknown, &steering), phone_options(Persona::Unknown, &HERE));
    let nobody = phone_options(Persona::Enterprise, &Steering { enterprise: &[], ..HERE });
    assert_eq!((nobody.gives.next_server, nobody.gives.options), (None, vec![]));
}

#[test]
fn a_multiplatform_phone_is_told_urls_and_nothing_that_wins_over_them() {
    for (persona, class) in [(Persona::Multiplatform, "multiplatform"), (Persona::Transition, "transition")] {
        let told = phone_options(persona, &HERE);
        let options = vec![(159, URL_TEXT.to_vec()), (160, URL_TEXT.to_vec())];
        assert_eq!(told, PhoneOptions { class, gives: gives(&options) });
        let other = Steering { server: FileServer { port: 6970, ..SERVER }, ..HERE };
        assert_eq!(
            phone_options(persona, &other).gives.options[1],
            (160, b"http://10.23.45.67:6970".to_vec())
        );
        let told = phone_options(persona, &Steering { cda: true, ..HERE });
        assert_eq!(told, PhoneOptions { class, gives: Gives::default() });
    }
}

#[test]
fn a_cisco_phone_that_does_not_tell_its_side_is_told_what_both_understand() {
    let told = phone_options(Persona::Unknown, &HERE);
    assert_eq!(told.class, "unknown-phone");
    assert_eq!(told.gives.next_server, Some(SERVER.address));
    assert_eq!(told.gives.options, [(66, b"10.23.45.67".to_vec()), (150, vec![10, 23, 45, 67])]);
}

fn resolved(layers: &[Layer]) -> Vec<(u8, Vec<u8>, String)> {
    resolve(layers)
        .options
        .into_iter()
        .map(|option| (option.code, option.value, option.origin.to_string()))
        .collect()
}

fn gives(options: &[(u8, Vec<u8>)]) -> Gives {
    Gives { options: options.to_vec(), ..Gives::default() }
}

fn layer<'a>(origin: Origin<'a>, gives: &'a Gives) -> Layer<'a> {
    Layer { origin, gives }
}

#[test]
fn each_option_comes_from_the_most_specific_place_that_sets_it() {
    let values =
        |codes: &[u8], value: u8| gives(&codes.iter().map(|code| (*code, vec![value])).collect::<Vec<_>>());
    let (reservation, configured, built_in) = (values(&[3], 1), values(&[3, 6], 2), values(&[3, 6, 42], 3));
    let (network, global) = (values(&[3, 6, 42, 15], 4), values(&[3, 6, 42, 15, 2], 5));
    // The order of the layers does not matter.
    let layers = [
        layer(Origin::Global, &global),
        layer(Origin::BuiltIn("enterprise"), &built_in),
        layer(Origin::Network("10.23.45.0/24"), &network),
        layer(Origin::Reservation("001234AB45DE"), &reservation),
        layer(Origin::Class("lab"), &configured),
    ];
    let expected = [
        (2, vec![5], "global options"),
        (3, vec![1], "reservation (001234AB45DE)"),
        (6, vec![2], "class lab"),
        (15, vec![4], "network 10.23.45.0/24"),
        (42, vec![3], "built-in class enterprise"),
    ];
    assert_eq!(resolved(&layers), expected.map(|(code, value, origin)| (code, value, origin.to_owned())));
    assert_eq!(resolve(&layers).class, Some("lab"));
    assert_eq!(resolve(&layers[..3]).class, Some("enterprise"));
    assert_eq!(resolve(&layers[..1]).class, None);
}

#[test]
fn a_class_that_steers_leaves_nothing_beside_it_that_steers_otherwise() {
    let built_in = phone_options(Persona::Unknown, &HERE);
    let users = gives(&[(160, b"http://10.23.45.99".to_vec())]);
    let general = gives(&[(3, vec![10, 23, 45, 1])]);
    let layers = [
        layer(Origin::Class("lab"), &users),
        layer(Origin::BuiltIn(built_in.class), &built_in.gives),
        layer(Origin::Global, &general),
    ];
    let told = resolve(&layers);
    assert_eq!(told.options.iter().map(|option| option.code).collect::<Vec<_>>(), [3, 160]);
    assert_eq!(told.next_server, None);
    // A class between the two does not change that.
    let told =
        resolve(&[layer(Origin::Reservation("x"), &users), layer(Origin::Class("lab"), &general), layers[1]]);
    assert_eq!(told.options.iter().map(|option| option.code).collect::<Vec<_>>(), [3, 160]);
    // A class with other options leaves the steering unchanged.
    let told = resolve(&[layer(Origin::Class("lab"), &general), layers[1]]);
    assert_eq!(told.options.iter().map(|option| option.code).collect::<Vec<_>>(), [3, 66, 150]);
    assert_eq!(told.next_server, Some((SERVER.address, Origin::BuiltIn("unknown-phone"))));
}

#[test]
fn the_most_specific_server_and_file_to_boot_from_count() {
    let boot = |last: u8| Gives {
        next_server: Some(Ipv4Addr::new(192, 0, 2, last)),
        server_name: Some(format!("server-{last}")),
        boot_file: Some(format!("file-{last}")),
        ..Gives::default()
    };
    let (built_in, lab) = (boot(1), boot(2));
    let layers = [layer(Origin::BuiltIn("enterprise"), &built_in), layer(Origin::Class("lab"), &lab)];
    let told = resolve(&layers);
    assert_eq!(told.next_server, Some((Ipv4Addr::new(192, 0, 2, 2), Origin::Class("lab"))));
    assert_eq!(told.server_name, Some(("server-2", Origin::Class("lab"))));
    assert_eq!(told.boot_file, Some(("file-2", Origin::Class("lab"))));
    // A class that steers by URL overrides the server of other layers.
    let steers = gives(&[(160, b"http://10.23.45.99".to_vec())]);
    let told = resolve(&[layer(Origin::Reservation("x"), &steers), layer(Origin::Class("lab"), &lab)]);
    assert_eq!((told.next_server, told.server_name), (None, None));
}
