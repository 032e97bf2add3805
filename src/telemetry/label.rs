//! The labels of metrics. Each label is an enum, so that its values are bounded.

use crate::domain::DisconnectReason;

/// The values of one label: a dense set of reasons, kinds or results.
pub trait Label: Copy + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// The text of every value; a value's text stands at its [`index`](Self::index).
    const TEXTS: &'static [&'static str];
    /// Where the value's text stands.
    fn index(self) -> usize;
}

macro_rules! labels {
    ($(
        $(#[$about:meta])*
        $label:ident as $name:literal {
            $($(#[$value_about:meta])* $value:ident = $text:literal,)+
        }
    )+) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $label {
            $($(#[$value_about])* $value,)+
        }

        impl Label for $label {
            const NAME: &'static str = $name;
            const TEXTS: &'static [&'static str] = &[$($text),+];
            fn index(self) -> usize {
                self as usize
            }
        }
    )+};
}

labels! {
    /// What a connection is used for.
    ConnectionKind as "kind" {
        /// Requests.
        Http = "http",
        /// A session.
        WebSocket = "websocket",
    }

    /// Why a connection or an upgrade was not taken.
    RefusalReason as "reason" {
        /// As many sessions as allowed are open.
        Full = "full",
        /// The server is stopping.
        Draining = "draining",
        /// The process may open no more files.
        NoFiles = "no_files",
        /// The upgrade request was malformed.
        BadRequest = "bad_request",
        /// The client has as many as one may have.
        Client = "client",
        /// There is no memory for more.
        Memory = "memory",
        /// A page of another origin sent it.
        Origin = "origin",
    }

    /// What became of a configuration that was read anew.
    ReloadResult as "result" {
        /// Something changed.
        Applied = "applied",
        /// It says what held already.
        Unchanged = "unchanged",
        /// It is wrong, so nothing changed.
        Refused = "refused",
    }

    /// What a session does.
    Role as "role" {
        /// Receives only.
        Viewer = "viewer",
        /// Sends only.
        Publisher = "publisher",
        /// Sends and receives.
        Both = "both",
    }

    /// How a handshake ended.
    HandshakeResult as "result" {
        /// The session began.
        Accepted = "accepted",
        /// It named something that the server does not do.
        Rejected = "rejected",
        /// It did not come in time.
        TimedOut = "timed_out",
    }

    /// How a TLS handshake ended.
    TlsHandshake as "result" {
        /// The connection is encrypted.
        Accepted = "accepted",
        /// The client broke it off, or sent what is no TLS, or a certificate that isn't trusted.
        Failed = "failed",
        /// It took too long.
        TimedOut = "timed_out",
        /// It was the oldest when there was one too many.
        CrowdedOut = "crowded_out",
    }

    /// What became of reading the certificate's files again.
    CertificateReload as "result" {
        /// What they hold is shown from then on.
        Done = "done",
        /// They can't be used; nothing has changed.
        Failed = "failed",
    }

    /// Why something that arrived, or waited to be sent, was dropped.
    DropReason as "reason" {
        /// A frame that names more agents than a stream may hold, or whose tick is too large.
        OverBound = "over_bound",
        /// A frame of a type that this server does not know.
        UnknownType = "unknown_type",
        /// A data frame from a session that may not publish.
        NotAllowed = "not_allowed",
        /// A message beyond what may come within a second.
        OverRate = "over_rate",
    }

    /// Where bytes wait.
    QueueKind as "queue" {
        /// Control messages of single connections.
        Outbox = "outbox",
        /// Positions kept for the viewers of streams.
        Log = "log",
        /// States, metrics and coordination kept for the viewers of streams.
        Events = "events",
    }
}

impl Label for DisconnectReason {
    const NAME: &'static str = "reason";
    const TEXTS: &'static [&'static str] = &{
        let mut texts = [""; Self::ALL.len()];
        let mut index = 0;
        while index < texts.len() {
            texts[index] = Self::ALL[index].label();
            index += 1;
        }
        texts
    };
    fn index(self) -> usize {
        Self::index(self)
    }
}
