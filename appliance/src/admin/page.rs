//! Serves the page's files, which are part of the program. They hold no secret and ask the API for all data.

use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::ApiState;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! file {
    ($path:literal, $media:expr, $file:literal) => {
        ($path, $media, include_bytes!(concat!("../../web/", $file)).as_slice())
    };
}

/// Path, media type and content of each file.
pub(super) const FILES: [(&str, &str, &[u8]); 15] = [
    file!("/", HTML, "index.html"),
    file!("/page/style.css", STYLE, "style.css"),
    file!("/page/phones.css", STYLE, "phones.css"),
    file!("/page/icon.svg", IMAGE, "icon.svg"),
    file!("/page/app.js", SCRIPT, "app.js"),
    file!("/page/dom.js", SCRIPT, "dom.js"),
    file!("/page/api.js", SCRIPT, "api.js"),
    file!("/page/live.js", SCRIPT, "live.js"),
    file!("/page/words.js", SCRIPT, "words.js"),
    file!("/page/phones.js", SCRIPT, "phones.js"),
    file!("/page/needs.js", SCRIPT, "needs.js"),
    file!("/page/others.js", SCRIPT, "others.js"),
    file!("/page/phone.js", SCRIPT, "phone.js"),
    file!("/page/library.js", SCRIPT, "library.js"),
    file!("/page/scan.js", SCRIPT, "scan.js"),
];

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    FILES.iter().fold(OpenApiRouter::new(), |router, (path, media, content)| {
        router.route(path, get(async || answer(media, content)))
    })
}

fn answer(media: &'static str, content: &'static [u8]) -> Response {
    ([(header::CONTENT_TYPE, media)], content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_light_and_asks_nobody_else() {
        let weight: usize = FILES.iter().map(|(_, _, content)| content.len()).sum();
        assert!(weight < 150_000, "{weight} bytes");
        for (path, _, content) in FILES {
            let text = std::str::from_utf8(content).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("http://") && !text.contains("https://") && !text.contains("\"//"),
                "{path}"
            );
            assert!(
                !text.contains("style=\"") && !text.contains("onclick=") && !text.contains("innerHTML"),
                "{path}"
            );
        }
    }
}
