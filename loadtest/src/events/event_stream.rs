//! Server-Sent Events out of a chunked answer, however it is cut.

use crate::failure::{Context, Failure, Result};

/// No message of a server that is measured comes near it.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// What has come and isn't a whole message yet.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    /// Chunks, the last of them cut.
    chunked: Vec<u8>,
    /// Text, the last message cut.
    text: Vec<u8>,
}

/// One message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Its `id`.
    pub(crate) id: Option<u64>,
    /// Its `event`.
    pub(crate) name: &'a str,
    /// Its `data`, one line.
    pub(crate) data: &'a str,
}

impl EventStream {
    /// Takes `bytes` and hands over each message that is whole; comments are none.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut on_message: impl FnMut(Message<'_>) -> Result<()>,
    ) -> Result<()> {
        self.chunked.extend_from_slice(bytes);
        self.take_chunks()?;
        let mut begin = 0;
        while let Some(length) = self.text[begin..].windows(2).position(|two| two == b"\n\n") {
            let text = std::str::from_utf8(&self.text[begin..begin + length]).context("events")?;
            let message = parse(text)?;
            if !message.data.is_empty() {
                on_message(message)?;
            }
            begin += length + 2;
        }
        self.text.drain(..begin);
        match self.chunked.len().max(self.text.len()) {
            0..=MESSAGE_BYTES_MAX => Ok(()),
            _ => Err(Failure::new("no end of an event's message after 16 MiB")),
        }
    }

    /// Moves the whole chunks to the text.
    fn take_chunks(&mut self) -> Result<()> {
        let mut begin = 0;
        while let Some(line) = self.chunked[begin..]
            .windows(2)
            .position(|two| two == b"\r\n")
        {
            let size = std::str::from_utf8(&self.chunked[begin..begin + line])
                .ok()
                .and_then(|text| usize::from_str_radix(text, 16).ok())
                .filter(|bytes| *bytes <= MESSAGE_BYTES_MAX);
            let size = size.ok_or_else(|| Failure::new("a chunk of events without its size"))?;
            let data = begin + line + 2;
            if size == 0 {
                return Err(Failure::new("the server ended a stream of events"));
            }
            if self.chunked.len() < data + size + 2 {
                break;
            }
            self.text
                .extend_from_slice(&self.chunked[data..data + size]);
            begin = data + size + 2;
        }
        self.chunked.drain(..begin);
        Ok(())
    }
}

fn parse(text: &str) -> Result<Message<'_>> {
    let mut message = Message::default();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => message.id = Some(id.parse().context("an event's id")?),
            Some(("event", name)) => message.name = name,
            Some(("data", data)) => message.data = data,
            _ => {}
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Kept = Vec<(Option<u64>, String, String)>;

    fn read(pieces: &[&[u8]]) -> Result<Kept> {
        let (mut stream, mut kept) = (EventStream::default(), Kept::new());
        for piece in pieces {
            stream.feed(piece, |Message { id, name, data }| {
                kept.push((id, name.to_owned(), data.to_owned()));
                Ok(())
            })?;
        }
        Ok(kept)
    }

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        // A comment, two messages of which the first spans two chunks, and one without a number.
        let text = b"d\r\n: listening\n\n\r\n18\r\nid: 7\nevent: a\ndata: {\"x\r\n\
            19\r\n\":1}\n\nid: 8\nevent: b\ndata\r\n6\r\n: {}\n\n\r\n\
            17\r\nevent: gap\ndata: null\n\n\r\n";
        let of = |id, name: &str, data: &str| (id, name.to_owned(), data.to_owned());
        let expected = [
            of(Some(7), "a", "{\"x\":1}"),
            of(Some(8), "b", "{}"),
            of(None, "gap", "null"),
        ];
        for cut_bytes in [1, 2, 3, 7, text.len()] {
            let pieces: Vec<&[u8]> = text.chunks(cut_bytes).collect();
            assert_eq!(read(&pieces).unwrap(), expected, "cut every {cut_bytes} B");
        }
    }

    #[test]
    fn what_is_no_stream_of_events_is_refused() {
        assert!(read(&[b"0\r\n\r\n"]).is_err(), "the end");
        assert!(read(&[b"xyz\r\n"]).is_err(), "a size");
        assert!(read(&[b"ffffffffffff\r\n"]).is_err(), "a lie");
        assert!(read(&[b"f\r\nid: x\ndata: 1\n\n\r\n"]).is_err(), "an id");
    }
}
