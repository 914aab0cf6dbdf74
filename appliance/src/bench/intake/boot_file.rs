//! Builds the configuration document of a phone from its next step.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use transload_provision::catalog::Catalog;
use transload_provision::documents::{
    self, Audience, DocumentError, FileServer, ModelLoad, Profile, Purpose, RegistrarAddress, Sep, XmlDefault,
};
use transload_provision::journey::{Answer, Assessment, Next, UpgradeInstruction};
use transload_provision::load::Side;
use transload_provision::mac::Mac;
use transload_provision::settings::Settings;

/// A configuration file of one side.
pub(in crate::bench) enum BootFile {
    Enterprise { default: bool, signed: bool },
    Profile { psn: Option<String> },
}

impl BootFile {
    pub(in crate::bench) fn side(&self) -> Side {
        match self {
            Self::Enterprise { .. } => Side::Enterprise,
            Self::Profile { .. } => Side::Multiplatform,
        }
    }

    /// The answer as the phone's firmware understands it.
    pub(super) fn answer(&self, verdict: &Assessment, is_found: bool) -> Answer {
        if !is_found {
            return Answer::NotFound;
        }
        let (load, license) = match &verdict.next {
            Next::Load { load, when, attempt, license } => {
                let (load, when, attempt) = (load.clone(), when.clone(), *attempt);
                (Some(UpgradeInstruction { load, when, attempt }), *license)
            }
            Next::License => (None, true),
            Next::Nothing | Next::Later | Next::Introduction | Next::Final => (None, false),
        };
        let license = (license && self.side() == Side::Multiplatform).then_some(verdict.attempt);
        Answer::Document { load, license }
    }

    /// The document for the next step; `None` means "not found".
    pub(in crate::bench) fn document(
        &self,
        verdict: &Assessment,
        server: FileServer,
        settings: &Settings,
        catalog: &Catalog,
        mac: Mac,
        home: &BTreeMap<String, String>,
    ) -> Result<Option<Vec<u8>>, DocumentError> {
        match self {
            Self::Enterprise { default, .. } => {
                enterprise(*default, verdict, server.address, settings, catalog, mac)
            }
            Self::Profile { .. } => profile(verdict, server, mac, home).map(Some),
        }
    }
}

fn enterprise(
    default: bool,
    verdict: &Assessment,
    server: Ipv4Addr,
    settings: &Settings,
    catalog: &Catalog,
    mac: Mac,
) -> Result<Option<Vec<u8>>, DocumentError> {
    let port = settings.registrar.filter(|_| verdict.next != Next::Final && verdict.may_register());
    let load = match &verdict.next {
        Next::Load { load, when: None, .. } => Some(load),
        Next::Introduction | Next::Final | Next::License => None,
        // A held phone that registers is told to restart when its hold ends.
        Next::Nothing if !default && port.is_some() => None,
        Next::Nothing | Next::Later | Next::Load { .. } => return Ok(None),
    };
    if default {
        let model = verdict.model.as_deref().and_then(|name| catalog.model(name));
        let loads: Vec<ModelLoad<'_>> = model
            .zip(load)
            .and_then(|(model, load)| Some(ModelLoad { model: &model.name, id: model.id?, load }))
            .into_iter()
            .collect();
        return documents::xml_default(&XmlDefault { server, loads: &loads }).map(Some);
    }
    let call_managers: &[_] = match verdict.next {
        Next::Final => settings.after.call_managers(mac, verdict.model.as_deref()),
        _ => &[],
    };
    let registrar = port.map(|port| RegistrarAddress { address: server, port, mac });
    let sep = Sep { load, load_server: server, call_managers, registrar };
    documents::sep(&sep).map(Some)
}

fn profile(
    verdict: &Assessment,
    server: FileServer,
    mac: Mac,
    home: &BTreeMap<String, String>,
) -> Result<Vec<u8>, DocumentError> {
    let (purpose, license) = match &verdict.next {
        Next::Load { load, when: None, license, .. } => (Purpose::Upgrade(load), *license),
        Next::Load { load, when: Some(transition), license, .. } => {
            (Purpose::Cross { transition, target: load }, *license)
        }
        Next::Nothing | Next::Later | Next::Introduction => (Purpose::Hold, false),
        Next::License => (Purpose::Hold, true),
        Next::Final => (Purpose::Finish(home), false),
    };
    documents::profile(&Profile {
        server,
        audience: Audience::Phone { mac, attempt: verdict.attempt },
        license,
        purpose,
    })
}
