//! Ends a request whose body arrives too slowly. Otherwise single bytes could hold a connection for days.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// The least bytes in each period, unless the body ends.
const LEAST: usize = 32 * 1024;
const PERIOD: Duration = Duration::from_secs(30);

/// Makes a slow body fail.
pub(super) async fn kept(request: Request) -> Request {
    request.map(|body| {
        if http_body::Body::is_end_stream(&body) { body } else { Body::new(PacedBody::new(body, PERIOD)) }
    })
}

struct PacedBody {
    body: Body,
    /// Bytes received in this period.
    came: usize,
    period: Duration,
    ends: Pin<Box<Sleep>>,
}

impl PacedBody {
    fn new(body: Body, period: Duration) -> Self {
        Self { body, came: 0, period, ends: Box::pin(tokio::time::sleep(period)) }
    }

    /// Whether the body is too slow.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        while self.ends.as_mut().poll(context).is_ready() {
            if self.came < LEAST {
                return true;
            }
            self.came = 0;
            let ends = Instant::now() + self.period;
            self.ends.as_mut().reset(ends);
        }
        false
    }
}

impl http_body::Body for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.came += frame.data_ref().map_or(0, Bytes::len);
        }
        // The receiver's working time does not count against the sender.
        if frame.is_pending() && self.is_late(context) {
            let late = io::Error::new(io::ErrorKind::TimedOut, "too little of it came");
            return Poll::Ready(Some(Err(axum::Error::new(late))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    /// Sends single bytes without end.
    struct Trickle(Pin<Box<Sleep>>);

    impl http_body::Body for Trickle {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            std::task::ready!(self.0.as_mut().poll(context));
            self.0.as_mut().reset(Instant::now() + Duration::from_millis(5));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test]
    async fn a_body_that_trickles_fails_and_one_that_comes_at_once_does_not() {
        let period = Duration::from_millis(50);
        let trickle = Body::new(Trickle(Box::pin(tokio::time::sleep(Duration::ZERO))));
        let read = PacedBody::new(trickle, period).collect();
        let ended = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
        assert!(ended.unwrap_err().to_string().contains("too little of it came"));
        let whole = PacedBody::new(Body::new(Full::from(vec![0; 100])), period).collect().await.unwrap();
        assert_eq!(whole.to_bytes().len(), 100);
    }
}
