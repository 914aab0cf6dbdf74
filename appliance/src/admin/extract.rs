//! Reads paths, queries and bodies of requests. An invalid one is answered with a problem.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use transload_provision::mac::Mac;
use utoipa::IntoParams;

use super::problem::ProblemDetails;

/// The phone that a path names.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PhonePath {
    /// Its Ethernet address, in any common spelling.
    #[param(value_type = String, example = "001234AB45DE",
        pattern = r"^([Ss][Ee][Pp])?[:. \-]*([0-9A-Fa-f][:. \-]*){12}$")]
    pub mac: Mac,
}

impl<S: Send + Sync> FromRequestParts<S> for PhonePath {
    type Rejection = ProblemDetails;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemDetails> {
        #[derive(Deserialize)]
        struct PathText {
            mac: String,
        }
        let Path(said) = Path::<PathText>::from_request_parts(parts, state).await?;
        let mac = said.mac.parse::<Mac>();
        mac.map(|mac| Self { mac })
            .map_err(|error| ProblemDetails::new(StatusCode::BAD_REQUEST, error.to_string()))
    }
}

/// The query of a request. `T` refuses unknown names.
#[derive(Debug)]
pub struct StrictQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ProblemDetails;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemDetails> {
        let Query(said) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(said))
    }
}

/// The JSON body of a request. `T` refuses unknown names.
#[derive(Debug)]
pub struct StrictJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = ProblemDetails;

    async fn from_request(request: Request, state: &S) -> Result<Self, ProblemDetails> {
        let Json(said) = Json::<T>::from_request(request, state).await?;
        Ok(Self(said))
    }
}

impl From<JsonRejection> for ProblemDetails {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for ProblemDetails {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for ProblemDetails {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}
