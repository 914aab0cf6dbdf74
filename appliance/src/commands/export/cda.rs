//! What to enter in Cisco's redirection service (CDA): a profile for each family of phones, and which phones to assign
//! to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use transload_provision::documents::{self, Audience, DocumentError, FileServer, Profile, Purpose};
use transload_provision::load::{Direction, LoadName, Side};
use transload_provision::mac::Mac;

use super::{Files, ahead, file_server, text, write, written};
use crate::bench::views::phone::{PhoneView, Stage};
use crate::commands::status;
use crate::config::Config;
use crate::system::error::{Exit, Failure};

/// A redirection profile and its phones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// Its name: the family, and a number where the phones of one family go different ways.
    pub name: String,
    /// The load to take first, where there is one on the way.
    transition: Option<LoadName>,
    target: LoadName,
    /// Who is to be assigned.
    pub macs: Vec<Mac>,
}

/// The redirections of all phones that are not done, and the number of those that CDA cannot lead.
pub fn redirections(phones: &[PhoneView], direction: Direction) -> (Vec<Redirection>, usize) {
    let mut ways: BTreeMap<(Option<LoadName>, LoadName), Vec<Mac>> = BTreeMap::new();
    let mut left_out = 0;
    for phone in phones.iter().filter(|phone| phone.stage != Stage::Done) {
        match way(phone, direction) {
            Some(way) => ways.entry(way).or_default().push(phone.mac),
            None => left_out += 1,
        }
    }
    let mut redirections: Vec<Redirection> = Vec::new();
    for ((transition, target), macs) in ways {
        let family = target.family();
        let of_family = |other: &&Redirection| other.target.family() == family;
        let name = match redirections.iter().filter(of_family).count() {
            0 => family.to_owned(),
            count => format!("{family}-{}", count + 1),
        };
        redirections.push(Redirection { name, transition, target, macs });
    }
    (redirections, left_out)
}

/// What CDA has to name to a phone: a load to take first, if there is one on its way, and the target. A profile's rule
/// has no room for more. A phone that crosses directly is on the target then, and only lacks its license.
fn way(phone: &PhoneView, direction: Direction) -> Option<(Option<LoadName>, LoadName)> {
    let mut loads = ahead(phone);
    if direction == Direction::E2m {
        let near = loads.iter().take_while(|load| load.kind().side() == Side::Enterprise).count();
        let comes_over = phone.load.as_ref().is_none_or(|load| {
            load.parse().is_ok_and(|load: LoadName| load.kind().side() == Side::Enterprise)
        });
        let crossing = near + usize::from(comes_over && (near > 0 || phone.load.is_some()));
        loads.drain(..crossing.min(loads.len().saturating_sub(1)));
    }
    let present: Option<LoadName> = phone.load.as_ref().and_then(|load| load.parse().ok());
    let target = loads.pop().or_else(|| present.clone().filter(|_| phone.load == phone.target))?;
    // Who is taken to run the load before the crossing is led by the same rule as those that come to it: should it run
    // another one, it does not cross.
    let crosses = |load: &LoadName| direction == Direction::M2e && load.kind().side() == Side::Multiplatform;
    let transition = loads.pop().or_else(|| present.filter(crosses));
    // Without a condition it would send whoever is given it over the crossing.
    let led = loads.is_empty() && (transition.is_some() || direction == Direction::E2m);
    led.then_some((transition, target))
}

impl Redirection {
    /// The profile, as the service wants it.
    ///
    /// # Errors
    /// None for loads by their names.
    pub fn profile(&self, server: FileServer) -> Result<Vec<u8>, DocumentError> {
        let purpose = match &self.transition {
            Some(transition) => Purpose::Cross { transition, target: &self.target },
            None => Purpose::Upgrade(&self.target),
        };
        documents::profile(&Profile { server, audience: Audience::Cda, license: true, purpose })
    }
}

/// Writes profiles and MAC lists.
pub fn run(config: &Config, output: &Path) -> Result<(), Failure> {
    let direction = config.migration.direction;
    let (redirections, left_out) = redirections(&status::phones(config)?, direction);
    let files = files(&redirections, file_server(config)?, direction)
        .map_err(|error| Failure::new(Exit::Act, error.to_string(), "report this as a defect"))?;
    write(output, &files)?;
    let mut lines: Vec<String> = redirections
        .iter()
        .map(|redirection| format!("profile {}: {} phones", redirection.name, redirection.macs.len()))
        .collect();
    if left_out > 0 {
        lines.push(format!(
            "{left_out} phones are left out, because no way for them is known: see `transload check`"
        ));
    }
    lines.extend(written(output, &files));
    if direction == Direction::E2m && !redirections.is_empty() {
        lines.push(
            "When CDA has them assigned, say so: `transload import` cda-assigned.csv. They cross then."
                .to_owned(),
        );
    }
    println!("{}", lines.join("\n"));
    Ok(())
}

fn files(
    redirections: &[Redirection],
    server: FileServer,
    direction: Direction,
) -> Result<Files, DocumentError> {
    let mut files = Files::new();
    for redirection in redirections {
        let profile = String::from_utf8_lossy(&redirection.profile(server)?).into_owned();
        let macs: Vec<String> = redirection.macs.iter().map(Mac::to_string).collect();
        files.push((PathBuf::from(format!("cda-{}.xml", redirection.name)), Some(profile)));
        files.push((PathBuf::from(format!("cda-{}.txt", redirection.name)), text(&macs)));
    }
    let attested = redirections.iter().flat_map(|redirection| &redirection.macs);
    let attested: Vec<String> = attested.map(|mac| format!("{mac},yes")).collect();
    let attested = text(&attested).filter(|_| direction == Direction::E2m);
    files.push((PathBuf::from("cda-assigned.csv"), attested.map(|rows| format!("MAC,cda\n{rows}"))));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::tests::phone;
    use super::*;

    const OLD: &str = "sip88xx.11-7-1-17";
    const FLOOR: &str = "sip88xx.12-5-1SR1-4";
    const E2M: &str = "sip88xx.TLexE2M-11-2-3C-4";
    const MPP: &str = "sip88xx.11-2-3MPP-398";
    const M2E: &str = "sip88xx.TLexM2E-11-2-3C-4";
    const NEW: &str = "sip88xx.14-4-1-0301-6";
    const DIRECT: &str = "sip88xx.12-0-7MPP0201-66";

    fn rule(redirection: &Redirection) -> String {
        let server = FileServer { address: Ipv4Addr::new(10, 23, 45, 67), port: 80 };
        let profile = String::from_utf8(redirection.profile(server).unwrap()).unwrap();
        assert!(profile.contains("<Trans_Auth_Rule ua=\"na\">http://10.23.45.67/$MAU.lic</Trans_Auth_Rule>"));
        let (_, rest) = profile.split_once("<Upgrade_Rule ua=\"na\">").unwrap();
        rest.split_once("</").unwrap().0.to_owned()
    }

    #[test]
    fn one_profile_leads_all_of_a_family_that_go_one_way() {
        let phones = [
            phone("001122334401", None, &[FLOOR, E2M, MPP]),
            phone("001122334402", Some(FLOOR), &[OLD, FLOOR, E2M, MPP]),
            phone("001122334403", Some(E2M), &[FLOOR, E2M, MPP]),
            phone(
                "001122334404",
                None,
                &["sip78xx.12-5-1SR1-4", "sip78xx.TLexE2M-11-2-3C-4", "sip78xx.11-2-3MPP-398"],
            ),
            PhoneView { stage: Stage::Done, ..phone("001122334405", Some(MPP), &[MPP]) },
            phone("001122334406", None, &[]),
        ];
        let (found, left_out) = redirections(&phones, Direction::E2m);
        let names: Vec<(&str, usize)> = found.iter().map(|r| (r.name.as_str(), r.macs.len())).collect();
        assert_eq!((names, left_out), (vec![("sip78xx", 1), ("sip88xx", 3)], 1));
        assert_eq!(rule(&found[1]), "http://10.23.45.67/sip88xx.11-2-3MPP-398.loads");
        let server = FileServer { address: Ipv4Addr::new(10, 23, 45, 67), port: 80 };
        let files = files(&found, server, Direction::E2m).unwrap();
        let assigned = files.last().unwrap().1.as_deref().unwrap();
        assert!(assigned.starts_with("MAC,cda\n001122334404,yes\n") && assigned.lines().count() == 5);
        assert_eq!(files[1], (PathBuf::from("cda-sip78xx.txt"), Some("001122334404\n".to_owned())));
    }

    #[test]
    fn a_direct_crossing_is_led_to_its_license_and_a_long_way_by_a_condition() {
        let phones = [
            phone("001122334401", Some(NEW), &[NEW, DIRECT]),
            phone("001122334402", None, &[NEW, DIRECT]),
            phone("001122334403", Some(E2M), &[E2M, MPP, DIRECT]),
        ];
        let (found, _) = redirections(&phones, Direction::E2m);
        let ways: Vec<(&str, usize)> = found.iter().map(|r| (r.name.as_str(), r.macs.len())).collect();
        assert_eq!(ways, [("sip88xx", 2), ("sip88xx-2", 1)]);
        assert_eq!(rule(&found[0]), "http://10.23.45.67/sip88xx.12-0-7MPP0201-66.loads");
        assert_eq!(
            rule(&found[1]),
            "($$SWVER eq sip88xx.11-2-3MPP-398)? http://10.23.45.67/sip88xx.12-0-7MPP0201-66.loads | \
             http://10.23.45.67/sip88xx.11-2-3MPP-398.loads"
        );
    }

    #[test]
    fn the_way_back_has_ciscos_conditional_rule() {
        let phones = [
            phone("001122334401", None, &[M2E, FLOOR]),
            phone("001122334402", Some(MPP), &[MPP, M2E, FLOOR]),
            phone("001122334403", Some(M2E), &[M2E, FLOOR]),
        ];
        let (found, left_out) = redirections(&phones, Direction::M2e);
        assert_eq!((found.len(), found[0].macs.len(), left_out), (1, 3, 0));
        let seeds = "($$SWVER eq sip88xx.TLexM2E-11-2-3C-4)? http://10.23.45.67/sip88xx.12-5-1SR1-4.loads | \
                     http://10.23.45.67/sip88xx.TLexM2E-11-2-3C-4.loads";
        assert_eq!(rule(&found[0]), seeds);
    }
}
