//! Reading the body of a request: no further than is allowed, in time, and with all bodies that are
//! being read bounded together.

use std::time::Duration;

use agnt_fleet::weight::{self, JSON_WEIGHT_MAX};
use agnt_fleet::{Refusal, RefusalKind};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::service::ApiLimits;

/// What a body may have without drawing on what all bodies may have together: as many connections as
/// there may be hold that much at most.
const FREE_BYTES: usize = 16 << 10;

/// What all bodies beyond that may have together.
const ALL_BYTES_MAX: usize = 256 << 20;

/// What is taken from a client that sends too much and thrown away, so that it hears the answer.
const WASTE_BYTES_MAX: usize = 256 << 20;

/// How long that is done.
const WASTE_WITHIN: Duration = Duration::from_secs(10);

/// What all large bodies have together, and what becomes of them when they are read: a small share of the
/// memory that there is.
#[derive(Debug)]
pub(super) struct BodyRoom {
    bytes: Semaphore,
    bytes_max: usize,
}

/// A body, and the room that it takes.
#[derive(Debug, Default)]
pub(super) struct Taken<'a> {
    bytes: Bytes,
    _room: Option<SemaphorePermit<'a>>,
}

impl BodyRoom {
    /// The room of a process that may have so much memory; 0 is no bound.
    pub(super) fn within(memory_bytes_max: u64) -> Self {
        let bytes_max = match usize::try_from(memory_bytes_max / 16) {
            Ok(0) | Err(_) => ALL_BYTES_MAX,
            Ok(share) => share.min(ALL_BYTES_MAX),
        };
        Self {
            bytes: Semaphore::new(bytes_max),
            bytes_max,
        }
    }

    /// What the values of one body of so many bytes may take beside these.
    fn values_bytes_max(&self, len: usize) -> usize {
        JSON_WEIGHT_MAX.min(self.bytes_max.saturating_sub(len))
    }

    /// Room for so much in all, beside what is held already.
    fn take<'a>(
        &'a self,
        held: &mut Option<SemaphorePermit<'a>>,
        bytes: usize,
    ) -> Result<(), Unread> {
        let needed = bytes.saturating_sub(FREE_BYTES);
        let more = needed.saturating_sub(held.as_ref().map_or(0, SemaphorePermit::num_permits));
        if more > 0 {
            let more = u32::try_from(more).map_err(|_| Unread::TooLarge)?;
            let permit = self
                .bytes
                .try_acquire_many(more)
                .map_err(|_| Unread::NoRoom)?;
            match held {
                Some(held) => held.merge(permit),
                None => *held = Some(permit),
            }
        }
        Ok(())
    }
}

impl Taken<'_> {
    /// Whether it is larger than what signs of life and small answers have.
    pub(super) fn is_large(&self) -> bool {
        self.bytes.len() > FREE_BYTES
    }
}

impl std::ops::Deref for Taken<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body.
pub(super) async fn read<'a>(
    mut body: Incoming,
    limits: &ApiLimits,
    room: &'a BodyRoom,
) -> Result<Taken<'a>, Refusal> {
    if body.is_end_stream() {
        return Ok(Taken::default());
    }
    let announced = body.size_hint().lower();
    if announced > limits.body_bytes_max as u64 {
        waste(body);
        return Err(too_large(limits, &format!("{announced} bytes")));
    }
    match tokio::time::timeout(limits.body_within, collect(&mut body, limits, room)).await {
        Ok(Err(Unread::TooLarge)) => {
            waste(body);
            let given = format!("more than {} bytes", limits.body_bytes_max);
            Err(too_large(limits, &given))
        }
        Ok(Err(Unread::TooHeavy { given, allowed })) => {
            let message = format!(
                "the body of the request has so many values that they would take {given} bytes; {allowed} are allowed"
            );
            Err(Refusal::new(RefusalKind::TooLarge, message).with("values_bytes_max", allowed))
        }
        Ok(Err(Unread::NoRoom)) => {
            waste(body);
            let message = "too many large requests are under way";
            Err(Refusal::new(RefusalKind::Unavailable, message).retry_after(1))
        }
        Ok(Err(Unread::Broken)) => {
            let message = "the body of the request broke off";
            Err(Refusal::new(RefusalKind::Invalid, message).with("reason", "unreadable"))
        }
        Ok(Ok(taken)) => Ok(taken),
        Err(_) => {
            let allowed_ms = limits.body_within.as_millis();
            let message = format!("the body of the request did not come within {allowed_ms} ms");
            Err(Refusal::new(RefusalKind::Timeout, message))
        }
    }
}

/// Why a body was not read to its end.
enum Unread {
    TooLarge,
    /// Its values would take so many bytes beside its text.
    TooHeavy {
        given: usize,
        allowed: usize,
    },
    NoRoom,
    Broken,
}

async fn collect<'a>(
    body: &mut Incoming,
    limits: &ApiLimits,
    room: &'a BodyRoom,
) -> Result<Taken<'a>, Unread> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut held: Option<SemaphorePermit<'a>> = None;
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        if first.is_empty() && all.is_empty() {
            // Most bodies come in one part, which needs no copy.
            first = part;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&part);
        }
        let len = first.len() + all.len();
        if len > limits.body_bytes_max {
            return Err(Unread::TooLarge);
        }
        room.take(&mut held, len)?;
    }
    let bytes = match all.is_empty() {
        true => first,
        false => all.freeze(),
    };
    let weight = weight::of_json(&bytes);
    let (given, allowed) = (weight - bytes.len(), room.values_bytes_max(bytes.len()));
    if given > allowed {
        return Err(Unread::TooHeavy { given, allowed });
    }
    room.take(&mut held, weight)?;
    Ok(Taken { bytes, _room: held })
}

/// Takes what still comes and throws it away: a client that is cut off while it sends may never see
/// the answer that says why, and one whose connection is kept would have its next request refused.
pub(in crate::net) fn waste(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let wasted = async {
            let mut len = 0;
            while let Some(Ok(frame)) = body.frame().await {
                len += frame.data_ref().map_or(0, Bytes::len);
                if len > WASTE_BYTES_MAX {
                    return;
                }
            }
        };
        // What is not done by then is cut off.
        let _ = tokio::time::timeout(WASTE_WITHIN, wasted).await;
    });
}

fn too_large(limits: &ApiLimits, given: &str) -> Refusal {
    let allowed = limits.body_bytes_max;
    let message = format!("the body of the request has {given}; {allowed} are allowed");
    Refusal::new(RefusalKind::TooLarge, message).with("bytes_max", allowed)
}
