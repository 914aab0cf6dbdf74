//! Holds of phones that may not migrate, whatever they do.

use super::action::{ActionKind as Do, HoldCondition};
use super::{HoldCode, Remedy};
use crate::catalog::Question;
use crate::load::{Direction, LoadName};
use crate::mac::Mac;

/// The reason that a phone may not migrate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The operator holds it.
    ByOperator,
    /// The phone is not in the roster, and only listed phones take part.
    NotListed,
    /// The phone's model is unknown.
    NoModel,
    /// The known text names no model.
    UnclearModel(Question),
    /// The catalog does not describe the model.
    NotInCatalog {
        /// The model as it is named.
        model: String,
    },
    /// The catalog refuses the model.
    NotEligible {
        /// The catalog's reason.
        cause: String,
        /// The source.
        source: String,
        /// The date of the source.
        date: String,
    },
    /// The catalog names no firmware family for the model.
    NoFamily {
        /// Its model.
        model: String,
    },
    /// The hardware version decides and is unknown.
    UnknownVid {
        /// Its model.
        model: String,
        /// The load that some versions do not take.
        load: LoadName,
        /// The phones' web pages are read.
        probed: bool,
    },
    /// The phone's license is missing.
    NoLicense {
        /// The phone.
        mac: Mac,
        /// The direction.
        direction: Direction,
    },
}

impl NotAdmitted {
    pub(super) fn code(&self) -> HoldCode {
        match self {
            Self::ByOperator => HoldCode::Operator,
            Self::NotListed => HoldCode::NotListed,
            Self::NoModel => HoldCode::NoRoute,
            Self::UnclearModel(_)
            | Self::NotInCatalog { .. }
            | Self::NotEligible { .. }
            | Self::NoFamily { .. } => HoldCode::NotEligible,
            Self::UnknownVid { .. } => HoldCode::UnknownVid,
            Self::NoLicense { .. } => HoldCode::NoLicense,
        }
    }

    pub(super) fn cause(&self) -> String {
        match self {
            Self::ByOperator => "the operator holds it".to_owned(),
            Self::NotListed => "only the roster's phones take part and it is not among them".to_owned(),
            Self::NoModel => "its model is not known: it sends no vendor class that names one".to_owned(),
            Self::UnclearModel(question) => question.cause(),
            Self::NotInCatalog { model } => {
                format!("the catalog does not know whether a {model} can be migrated")
            }
            Self::NotEligible { cause, source, date } => format!("{cause} ({source}, {date})"),
            Self::NoFamily { model } => format!("the catalog names no firmware family for the {model}"),
            Self::UnknownVid { model, load, .. } => format!(
                "whether this {model} may load {load} depends on its hardware version (VID), which is not known"
            ),
            Self::NoLicense { mac, direction } => format!("no {direction} license for {mac} is at hand"),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::ByOperator => (vec![Do::Release.into()], "release it when it may go on".to_owned()),
            Self::NotListed => (
                vec![Do::AddToRoster.into(), Do::set("migration.admit", "eligible").instead()],
                "add it to the roster, or set admit = \"eligible\"".to_owned(),
            ),
            Self::NoModel => (
                vec![Do::AddToRoster.into(), Do::WriteModel { model: None }.into()],
                "add a line with its MAC and model to the roster".to_owned(),
            ),
            Self::UnclearModel(question) => unclear_model(question),
            Self::NotInCatalog { .. } => (
                vec![Do::LeaveAlone.into(), Do::AddCatalogRows.only_if(HoldCondition::CiscoAllows).or()],
                "leave it as it is; or, if Cisco lists it, add its [[model]] and [[eligibility]] rows to catalog.toml in the \
                 state folder"
                    .to_owned(),
            ),
            Self::NotEligible { .. } | Self::NoFamily { .. } => {
                (vec![Do::TakeOffBench.into()], "take it off the bench; it stays as it is".to_owned())
            }
            Self::UnknownVid { probed, .. } => unknown_vid(*probed),
            Self::NoLicense { mac, direction } => (
                vec![Do::ImportLicense { direction: *direction }.into()],
                format!("get its license and import it, or put it at licenses/{direction}/{mac}.lic"),
            ),
        }
    }
}

fn unknown_vid(probed: bool) -> Remedy {
    let read = "read the VID from its label or UDI and put it in the roster";
    if probed {
        return (vec![Do::WriteVid.into()], read.to_owned());
    }
    (
        vec![Do::WriteVid.into(), Do::set("probe.enabled", "true").instead()],
        format!("{read}, or set enabled = true under [probe]"),
    )
}

fn unclear_model(question: &Question) -> Remedy {
    let (mut actions, text) = match question {
        Question::Accessory { .. } => (vec![Do::RemoveFromRoster.into()], "take the line out of the roster"),
        Question::NotDescribed { .. } => (
            vec![Do::RemoveFromRoster.into(), Do::DescribeModel.instead()],
            "leave it out, or describe the model in catalog.toml in the state folder",
        ),
        Question::NoModel { .. } => {
            (vec![Do::WriteModel { model: None }.into()], "write its model, such as 8851, into the roster")
        }
    };
    match question {
        Question::Accessory { model: Some(model), .. }
        | Question::NotDescribed { nearest: Some(model), .. } => {
            let write = Do::WriteModel { model: Some(model.clone()) };
            for action in &mut actions {
                action.instead = true;
            }
            actions.insert(0, write.only_if(HoldCondition::IsOfModel));
            (actions, format!("write {model} as its model into the roster if it is one; otherwise {text}"))
        }
        _ => (actions, text.to_owned()),
    }
}
