//! Serves the customer's report.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::extract::StrictQuery;
use super::problem::ProblemDetails;
use crate::bench::views::report::{Format, MigrationReport};

/// The report has its own style, and no other may apply.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(report))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    /// How to write it.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// Whom the page is for.
    title: Option<String>,
}

/// What each phone ended as and how it came there, for the customer; and which phones are left, and why.
#[utoipa::path(get, path = "/api/report", tag = "phones", params(ReportQuery), responses((status = 200,
    content((MigrationReport = "application/json"), (String = "text/html"), (String = "text/csv"), (String = "text/plain")))))]
async fn report(
    State(api): State<Arc<ApiState>>,
    StrictQuery(ReportQuery { format, title }): StrictQuery<ReportQuery>,
) -> Result<(HeaderMap, String), ProblemDetails> {
    let written = tokio::task::spawn_blocking(move || {
        api.bench.report().written(format, title.as_deref(), &TimeZone::system())
    });
    let text = written.await.map_err(|error| {
        ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the report was not made: {error}"))
    })?;
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, format.media_type());
    if format == Format::Html {
        set(header::CONTENT_SECURITY_POLICY, POLICY);
    } else {
        let name = format!("inline; filename=\"transload-report.{}\"", format.extension());
        set(header::CONTENT_DISPOSITION, &name);
    }
    Ok((headers, text))
}
