//! What a request says, beside its body and who sent it.

use std::borrow::Cow;

use agnt_api::{ApiRequest, Principal};
use agnt_fleet::Timestamp;
use hyper::http::request;
use hyper::{HeaderMap, Method, Uri, Version};

use super::fields::Fields;
use crate::domain::time;

/// The request; see the module.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    query: Option<&'a str>,
    pub(super) fields: Fields<'a>,
    trace_id: Option<String>,
    idempotency_key: Option<Cow<'a, str>>,
    last_event_id: Option<Cow<'a, str>>,
    pub(super) now: Timestamp,
    /// Whether others may be under way on the same connection.
    is_multiplexed: bool,
}

/// What an answer may have without drawing on the room for answers: as many connections as there may be
/// hold that much at most, each answer of HTTP/2, of which many wait on one connection, a part of it.
const FREE_ANSWER_BYTES: usize = 16 << 10;
const FREE_ANSWER_BYTES_MULTIPLEXED: usize = 1 << 10;

impl<'a> Asked<'a> {
    pub(super) fn read(head: &'a request::Parts) -> Self {
        Self {
            is_multiplexed: head.version == Version::HTTP_2,
            ..Self::of(&head.method, &head.uri, &head.headers)
        }
    }

    pub(super) fn of(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap) -> Self {
        let fields = Fields::read(headers);
        Self {
            method,
            path: uri.path(),
            query: uri.query(),
            trace_id: fields.trace_id(),
            idempotency_key: fields.idempotency_key(),
            last_event_id: fields.last_event_id(),
            fields,
            now: Timestamp::from_micros(time::unix_us()),
            is_multiplexed: false,
        }
    }

    /// What its answer may have without drawing on the room for answers.
    pub(super) fn free_answer_bytes(&self) -> usize {
        match self.is_multiplexed {
            true => FREE_ANSWER_BYTES_MULTIPLEXED,
            false => FREE_ANSWER_BYTES,
        }
    }

    /// In the words of the dialects.
    pub(super) fn request<'b>(
        &'b self,
        principal: &'b Principal,
        body: &'b [u8],
    ) -> ApiRequest<'b> {
        ApiRequest {
            method: self.method,
            path: self.path,
            query: self.query,
            accept: self.fields.accept(),
            content_type: self.fields.content_type(),
            idempotency_key: self.idempotency_key.as_deref(),
            last_event_id: self.last_event_id.as_deref(),
            correlation_id: self.fields.correlation_id(),
            trace_id: self.trace_id.as_deref(),
            body,
            principal,
            now: self.now,
        }
    }
}
