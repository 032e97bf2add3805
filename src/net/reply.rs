//! An answer, or what will become one.
//!
//! Most requests that only read are answered at once, and pay nothing for those that wait: what waits
//! lies in a box of its own, so that a reply is small however much the longest way takes.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Response;

use super::body::AnswerBody;

/// The reply to one request.
pub enum Reply {
    /// The answer, until it is taken.
    Now(Option<Response<AnswerBody>>),
    /// It comes later.
    Later(Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>),
}

impl Reply {
    /// An answer that comes later.
    pub fn later(answer: impl Future<Output = Response<AnswerBody>> + Send + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }

    /// The answer, when it has come.
    pub async fn answer(self) -> Response<AnswerBody> {
        match self {
            Self::Now(Some(answer)) => answer,
            // Nobody asks for what was given.
            Self::Now(None) => std::future::pending().await,
            Self::Later(answer) => answer.await,
        }
    }
}

impl From<Response<AnswerBody>> for Reply {
    fn from(answer: Response<AnswerBody>) -> Self {
        Self::Now(Some(answer))
    }
}

impl Future for Reply {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(answer) => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                // Nobody asks again for what was given.
                None => Poll::Pending,
            },
            Self::Later(answer) => answer.as_mut().poll(context).map(Ok),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}
