//! What an answer carries: a whole body, or parts as they come.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// How many parts may wait for a client that is slow to take them.
const PARTS_MAX: usize = 2;

/// A body is handed on in pieces of so many bytes: they are copied behind the head, into memory that a
/// connection keeps.
const PIECE_BYTES_MAX: usize = 32 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// Parts, until their source ends; and what is left of the one that is being sent.
    Parts(mpsc::Receiver<Result<Bytes, Broken>>, Bytes),
}

/// The source of the parts failed: the client must not take what it has for all of it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer could not be finished")]
pub struct Broken;

/// Where parts are put. A part is waited with until the client has taken those before it.
#[derive(Debug)]
pub struct Parts(mpsc::Sender<Result<Bytes, Broken>>);

impl AnswerBody {
    /// A body of parts, and where they are put.
    pub fn parts() -> (Self, Parts) {
        let (parts, taken) = mpsc::channel(PARTS_MAX);
        (Self::Parts(taken, Bytes::new()), Parts(parts))
    }
}

/// The next piece.
fn piece(bytes: &mut Bytes) -> Bytes {
    bytes.split_to(bytes.len().min(PIECE_BYTES_MAX))
}

impl Default for AnswerBody {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl Parts {
    /// Adds a part; false if nobody takes it any more.
    pub async fn put(&self, part: Bytes) -> bool {
        self.0.send(Ok(part)).await.is_ok()
    }

    /// Ends the body so that the client sees that something is missing.
    pub async fn fail(self) {
        // A client that is gone needs no telling.
        let _ = self.0.send(Err(Broken)).await;
    }

    /// Returns once nobody takes parts any more.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(piece(bytes))))),
            Self::Parts(parts, left) => {
                while left.is_empty() {
                    match ready!(parts.poll_recv(context)) {
                        Some(Ok(part)) => *left = part,
                        Some(Err(broken)) => return Poll::Ready(Some(Err(broken))),
                        None => return Poll::Ready(None),
                    }
                }
                Poll::Ready(Some(Ok(Frame::data(piece(left)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Parts(..) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn parts_come_in_order_and_a_failure_is_seen() {
        let (body, parts) = AnswerBody::parts();
        tokio::spawn(async move {
            for part in ["a", "b", "c"] {
                assert!(parts.put(Bytes::from(part)).await);
            }
        });
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        let (body, parts) = AnswerBody::parts();
        tokio::spawn(async move {
            assert!(parts.put(Bytes::from("a")).await);
            parts.fail().await;
        });
        assert!(body.collect().await.is_err());
        let (body, parts) = AnswerBody::parts();
        drop(body);
        parts.gone().await;
        assert!(!parts.put(Bytes::new()).await);
    }

    #[tokio::test]
    async fn a_whole_body_is_its_own_length() {
        let body = AnswerBody::Whole(Bytes::from_static(b"abc"));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(AnswerBody::default().is_end_stream());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }

    async fn taken(mut body: AnswerBody) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some(piece) = body.frame().await {
            let piece = piece.unwrap().into_data().unwrap();
            assert!((1..=PIECE_BYTES_MAX).contains(&piece.len()));
            taken.extend_from_slice(&piece);
        }
        taken
    }

    #[tokio::test]
    async fn a_large_body_comes_in_pieces_and_whole() {
        let bytes: Vec<u8> = (0..=PIECE_BYTES_MAX * 2).map(|it| it as u8).collect();
        assert_eq!(taken(AnswerBody::Whole(bytes.clone().into())).await, bytes);
        let (body, parts) = AnswerBody::parts();
        let sent = [bytes.clone(), Vec::new(), vec![7]];
        tokio::spawn(async move {
            for part in sent {
                assert!(parts.put(part.into()).await);
            }
        });
        assert_eq!(taken(body).await, [bytes, vec![7]].concat());
    }
}
