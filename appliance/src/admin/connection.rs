//! HTTP connections of the admin plane: hyper, within the limits of an [`Entrance`].

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::http::{HeaderValue, header};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use crate::listeners::connections::{self, Caller, Connection, Entrance, RETRY_AFTER};
use crate::listeners::places::Seat;
use crate::listeners::uptake::Uptake;

/// The longest request line and headers, in bytes; what is larger is answered with 431 or 414.
const HEADER: usize = 16 * 1024;
/// What is held of one answer beside the piece being sent, in bytes.
const BUFFER: usize = 16 * 1024;

/// Serves until `stop`, then lets requests under way end, and returns when the last one has. Dropped, it ends them at
/// once.
pub async fn serve<F, S, B>(
    listener: TcpListener,
    entrance: Entrance,
    stop: CancellationToken,
    service_for: F,
) where
    F: Fn(Caller) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    connections::serve(listener, entrance, stop.clone(), |arrival| {
        let (service, stop) = (service_for(arrival.caller), stop.clone());
        async move {
            let Some((connection, gives_way)) = arrival.seated().await else { return };
            let peer = connection.caller.peer;
            let served = async {
                if connection.turned_away {
                    converse(connection, stop, service_fn(busy)).await
                } else {
                    converse(connection, stop, service).await
                }
            };
            tokio::select! {
                result = served => if let Err(error) = result {
                    tracing::debug!(%peer, %error, "a connection ended early");
                },
                _ = gives_way => tracing::debug!(%peer, "an idle connection gave way to another"),
            }
        }
    })
    .await;
}

/// The answer to whoever came when all places were taken.
async fn busy(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from("busy, try again\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

async fn converse<S, B>(connection: Connection, stop: CancellationToken, service: S) -> hyper::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Connection { stream, patience, seat, .. } = connection;
    let turns = Arc::new(Turns { seat, handed_over: AtomicBool::new(false) });
    let stream = PatientStream::new(stream, patience.stall, Arc::clone(&turns));
    let service = service_fn(move |request| {
        turns.seat.works();
        let turn = Turn(Arc::clone(&turns));
        let answer = service.call(request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| ClientAnswer { body, _turn: turn })) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_header_size(HEADER)
            .max_buf_size(BUFFER)
            .title_case_headers(true)
            // A client may say that it will send no more and still wait for the answer.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// From a request's whole head until its answer has gone to the kernel, the connection does not give way.
struct Turns {
    seat: Seat,
    /// All of an answer is handed over, and its last bytes may not have left yet.
    handed_over: AtomicBool,
}

/// A request in work.
struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.handed_over.store(true, Ordering::Relaxed);
    }
}

/// An answer's content, and that its request is in work until it is through.
struct ClientAnswer<B> {
    body: B,
    _turn: Turn,
}

impl<B: Body + Unpin> Body for ClientAnswer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that gives up on a peer that takes next to nothing.
struct PatientStream {
    stream: TcpStream,
    uptake: Uptake,
    turns: Arc<Turns>,
    /// Set while a write waits for room.
    waits: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    fn new(stream: TcpStream, patience: std::time::Duration, turns: Arc<Turns>) -> Self {
        // It only makes things better.
        let _ = stream.set_nodelay(true);
        Self { stream, uptake: Uptake::new(patience), turns, waits: None }
    }

    /// Counts what was written, and how long a write has been waiting for room.
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.uptake.wrote(bytes);
                self.waits = None;
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => loop {
                let pause = self.uptake.pause();
                let waits = self.waits.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
                ready!(waits.as_mut().poll(context));
                waits.as_mut().reset(Instant::now() + pause);
                if self.uptake.is_stalled(&self.stream) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            },
        }
        result
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.waits.is_none() {
            this.uptake.begin(&this.stream);
        }
        let result = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.wrote(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        if self.turns.handed_over.swap(false, Ordering::Relaxed) {
            self.turns.seat.waits();
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
