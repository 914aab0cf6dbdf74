//! The API's description, generated from handlers and types.

use std::sync::{Arc, LazyLock};

use axum::Json;
use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
    SecurityRequirement,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::ProblemDetails;
use super::{ApiState, areas};

/// The description without operations.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Transload")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What technicians and their programs see of a bench, and what they have it do. Errors are problems \
             (RFC 9457). Where the bench listens beyond this machine, each request carries the token.",
        ))
        .license(Some(License::new(env!("CARGO_PKG_LICENSE"))));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(bearer))
        .schema(ProblemDetails::name(), ProblemDetails::schema());
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::default(), SecurityRequirement::new::<_, _, &str>("token", [])]))
        .build()
}

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(openapi))
}

/// The whole description. Any operation may respond with a problem.
pub(super) fn document() -> OpenApi {
    let (_, mut document) = areas().split_for_parts();
    let problem = ResponseBuilder::new()
        .description("Why not, and what to do")
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemDetails::name()))).build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        for operation in
            [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
        {
            operation.responses.responses.insert("default".into(), problem.clone().into());
        }
    }
    document
}

/// The description of this API.
#[utoipa::path(get, path = "/api/openapi.json", tag = "bench", responses((status = 200, body = Object)))]
async fn openapi() -> Json<&'static OpenApi> {
    static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(document);
    Json(&DOCUMENT)
}
