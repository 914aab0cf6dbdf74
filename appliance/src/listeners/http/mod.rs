//! The HTTP file service for phones: any path, GET and HEAD, HTTP/1.0 and 1.1 (RFC 9110, RFC 9112).
//! There is no HTTPS, because phones accept no private authority.

mod conversation;
mod disk;
mod stream;

#[cfg(test)]
mod replaced;
#[cfg(test)]
mod spelling;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Plane;
use super::connections::{self, Entrance};
use super::rate::RateLimit;

/// Serves until `stop`, then ends the transfers under way; returns when the last one has ended.
pub async fn serve<P: Plane>(
    listener: TcpListener,
    plane: Arc<P>,
    entrance: Entrance,
    rate: RateLimit,
    stop: CancellationToken,
) {
    connections::serve(listener, entrance, stop.clone(), move |arrival| {
        let (plane, rate, stop) = (Arc::clone(&plane), rate.clone(), stop.clone());
        async move {
            // The guard lives as long as the connection.
            let _serving = plane.serving(arrival.caller.peer);
            let Some((connection, gives_way)) = arrival.seated().await else { return };
            let peer = connection.caller.peer;
            tokio::select! {
                result = conversation::serve(&plane, &rate, connection, stop) => if let Err(error) = result {
                    tracing::debug!(%peer, %error, "a connection ended early");
                },
                _ = gives_way => tracing::debug!(%peer, "an idle connection gave way to another"),
            }
        }
    })
    .await;
}

fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "xml" | "cfg" => "text/xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn digest(body: &[u8]) -> String {
    format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(body)[..16]))
}
