//! Predicts the result for each phone, model and load, with the functions that decide for a present phone.

use serde::Serialize;
use transload_provision::catalog::Model;
use transload_provision::hold::{Hold, HoldCode, NotAdmitted};
use transload_provision::journey::{self, Context, Journey, assess};
use transload_provision::library::{Completeness, Load};
use transload_provision::load::{Kind, LoadName};
use transload_provision::mac::Mac;
use transload_provision::roster::Entry;
use transload_provision::route::{self, Present, Query, Route};
use transload_provision::settings::UnknownVid;

use crate::bench::views::phone::HoldView;

/// Whether phones would get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckVerdict {
    /// The phone reaches the target.
    Ready,
    /// The phone is held, before it could be stranded.
    Held,
}

/// The prediction for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelState {
    /// Phones reach the target.
    Ready,
    /// Only phones with a known hardware version reach the target.
    NeedsVid,
    /// The library has no route for them.
    Held,
    /// The library has no firmware of their family.
    NoFirmware,
    /// The catalog refuses them.
    NotEligible,
}

/// The prediction for one roster line.
#[derive(Debug, Serialize)]
pub(super) struct PhoneCheck {
    pub mac: Mac,
    pub model: Option<String>,
    pub vid: Option<String>,
    pub route: Vec<String>,
    pub state: CheckVerdict,
    pub hold: Option<HoldView>,
    /// Its hardware version decides further on and is not known; its own page is asked for it on the way.
    #[serde(skip)]
    pub vid_wanted: bool,
    /// A later hold, unless a user acts before.
    #[serde(skip)]
    pub later: Option<HoldView>,
}

/// The prediction for phones of a model with unknown load and hardware version.
#[derive(Debug)]
pub(super) struct ModelCheck {
    pub name: String,
    pub state: ModelState,
    pub route: Vec<String>,
    /// Routes to other loads in the library, for a pin.
    pub others: Vec<Vec<String>>,
    pub note: String,
}

/// A load of the library, or of a pinned route.
#[derive(Debug, Serialize)]
pub(super) struct LoadCheck {
    pub name: String,
    pub kind: &'static str,
    pub family: String,
    pub state: &'static str,
    pub missing: Vec<String>,
    #[serde(skip)]
    pub damaged: Vec<(String, String)>,
    /// The packages of the missing files, in their order.
    #[serde(skip)]
    pub packages: Vec<String>,
}

/// Decides as for a phone at its first contact.
pub(super) fn phone(entry: &Entry, context: &Context<'_>) -> PhoneCheck {
    let context = Context { entry: Some(entry), ..*context };
    let arrived = Journey::new(entry.mac, context.now);
    let assessment = assess(Some(&arrived), entry.mac, &context);
    // Without a model, only the license can be checked until the phone is plugged in.
    let hold = if assessment.model.is_none() { unlicensed(entry.mac, &context) } else { assessment.hold };
    let ahead = ahead(entry, assessment.model.as_deref(), &context).filter(|_| hold.is_none());
    let known = entry.vid.is_some() || context.settings.unknown_vid == UnknownVid::Proceed;
    let vid_wanted = |route: &Route| !known && route.hops.iter().any(|hop| !hop.safe_for_every_vid);
    PhoneCheck {
        mac: entry.mac,
        model: assessment.model,
        vid: entry.vid.map(|vid| vid.to_string()),
        route: assessment.route.iter().map(ToString::to_string).collect(),
        state: if hold.is_some() { CheckVerdict::Held } else { CheckVerdict::Ready },
        hold: hold.map(HoldView::from),
        vid_wanted: ahead.as_ref().is_some_and(vid_wanted),
        later: ahead
            .iter()
            .flat_map(|route| &route.hops)
            .find_map(|hop| journey::unattested(hop, &context))
            .map(HoldView::from),
    }
}

/// The whole route of a phone that runs the roster's load.
fn ahead(entry: &Entry, model: Option<&str>, context: &Context<'_>) -> Option<Route> {
    let present = match &entry.load {
        Some(load) => Present::Load(load),
        None => Present::Unknown(context.settings.direction.near()),
    };
    journey::plan(context.catalog.model(model?)?, entry.vid, present, context).ok()
}

fn unlicensed(mac: Mac, context: &Context<'_>) -> Option<Hold> {
    let settings = context.settings;
    let needed = !settings.goes_back_free(context.entry);
    (needed && !context.library.licensed(settings.direction, mac))
        .then(|| NotAdmitted::NoLicense { mac, direction: settings.direction }.into())
}

pub(super) fn models(context: &Context<'_>) -> Vec<ModelCheck> {
    context.catalog.models.iter().map(|model| self::model(model, context)).collect()
}

fn model(model: &Model, context: &Context<'_>) -> ModelCheck {
    let settings = context.settings;
    let at_hand =
        |family: &str| context.library.loads.keys().any(|load| load.family().eq_ignore_ascii_case(family));
    let pin = model.family.as_ref().and_then(|family| settings.routes.get(family)).map(Vec::as_slice);
    let proceed = settings.unknown_vid == UnknownVid::Proceed;
    let query = Query {
        model,
        vid: None,
        born: None,
        present: Present::Unknown(settings.direction.near()),
        direction: settings.direction,
        pin,
        unknown_vid_proceeds: proceed,
    };
    let way = |route: &Route| route.hops.iter().map(|hop| hop.to.to_string()).collect();
    let row = |state, route, note| {
        let others = match state {
            ModelState::Ready | ModelState::NeedsVid if pin.is_none() => {
                route::alternatives(&query, context.catalog, context.library).iter().map(way).collect()
            }
            _ => Vec::new(),
        };
        ModelCheck { name: model.name.clone(), state, route, others, note }
    };
    match route::plan(&query, context.catalog, context.library) {
        Err(refusal) if refusal.code == HoldCode::NotEligible => {
            row(ModelState::NotEligible, Vec::new(), String::new())
        }
        Err(_) if pin.is_none() && !model.family.as_deref().is_some_and(at_hand) => {
            row(ModelState::NoFirmware, Vec::new(), String::new())
        }
        Err(refusal) => row(ModelState::Held, Vec::new(), refusal.to_string()),
        Ok(route) => {
            let every_vid = proceed || route.hops.iter().all(|hop| hop.safe_for_every_vid);
            let state = if every_vid { ModelState::Ready } else { ModelState::NeedsVid };
            row(state, way(&route), String::new())
        }
    }
}

/// All loads, and missing ones of pinned routes.
pub(super) fn loads(context: &Context<'_>) -> Vec<LoadCheck> {
    let known = context.library.loads.iter().map(|(name, load)| self::load(name, load));
    let pinned = context.settings.routes.values().flatten();
    let absent = pinned.filter(|name| !context.library.loads.contains_key(name)).map(|name| {
        let missing = vec![name.loads_file()];
        self::load(name, &Load { missing, ..Load::default() })
    });
    known.chain(absent).collect()
}

fn load(name: &LoadName, load: &Load) -> LoadCheck {
    LoadCheck {
        name: name.to_string(),
        kind: match name.kind() {
            Kind::Enterprise => "enterprise",
            Kind::Transition(_) => "transition",
            Kind::Multiplatform => "multiplatform",
        },
        family: name.family().to_owned(),
        state: match load.completeness() {
            Completeness::Complete => "complete",
            Completeness::Missing => "missing",
            Completeness::Damaged => "damaged",
        },
        missing: load.missing.clone(),
        damaged: load.damaged.clone(),
        packages: load.missing.iter().map(|file| load.package_of(name, file)).collect(),
    }
}
