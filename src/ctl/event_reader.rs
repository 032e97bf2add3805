//! Server-Sent Events: from the bytes of an answer to messages, however they are cut.

/// The longest message, in bytes: several times what a server takes as the data of an event.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// What kind it is; empty if it doesn't say.
    pub(super) name: String,
    /// What it says, its lines joined.
    pub(super) data: String,
}

/// A message is longer than any that an event can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// What has come of a message so far.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    line: Vec<u8>,
    message: Message,
}

impl EventReader {
    /// Takes the next bytes and adds to `messages` those that they complete.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        messages: &mut Vec<Message>,
    ) -> Result<(), TooLong> {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.line.len() + self.message.data.len() + part.len() > MESSAGE_BYTES_MAX {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            if self.line.pop_if(|last| *last == b'\n').is_some() {
                self.line.pop_if(|last| *last == b'\r');
                messages.extend(self.end_line());
            }
        }
        Ok(())
    }

    /// Reads the line that has come; the message, if that was its end.
    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let mut message = std::mem::take(&mut self.message);
            // What no data came with is no message.
            let is_message = message.data.pop().is_some();
            return is_message.then_some(message);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.name),
            "data" => {
                self.message.data.push_str(value);
                self.message.data.push('\n');
            }
            // A comment has no field; ids are read in what they number.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these bytes in parts of each length.
    fn read(bytes: &[u8]) -> Vec<Message> {
        let read = |len: usize| {
            let (mut reader, mut messages) = (EventReader::default(), Vec::new());
            for part in bytes.chunks(len) {
                reader.read(part, &mut messages).unwrap();
            }
            messages
        };
        let whole = read(bytes.len());
        for len in 1..bytes.len() {
            assert_eq!(read(len), whole, "in parts of {len}");
        }
        whole
    }

    fn message(name: &str, data: &str) -> Message {
        let [name, data] = [name, data].map(str::to_owned);
        Message { name, data }
    }

    /// The examples of the HTML Standard, section 9.2.6, and what it says of each.
    #[test]
    fn the_examples_of_the_standard_are_read_as_it_says() {
        let stocks = b"data: YHOO\ndata: +2\ndata: 10\n\n";
        assert_eq!(read(stocks), [message("", "YHOO\n+2\n10")]);
        let numbered = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n";
        let expected = [message("", "first event"), message("", "second event")];
        assert_eq!(read(numbered), expected, "the third is not ended");
        let empty = b"data\n\ndata\ndata\n\ndata:";
        assert_eq!(read(empty), [message("", ""), message("", "\n")]);
        assert_eq!(
            read(b"data:test\n\ndata: test\n\n"),
            [message("", "test"), message("", "test")]
        );
    }

    #[test]
    fn names_comments_and_other_line_ends_are_understood() {
        let bytes =
            "event: gap\r\ndata: {\"a\":\"é中\"}\r\n\r\n: listening\n\nevent: x\n\ndata: y\n\n";
        let expected = [message("gap", "{\"a\":\"é中\"}"), message("", "y")];
        assert_eq!(read(bytes.as_bytes()), expected);
    }

    #[test]
    fn a_message_without_an_end_is_given_up() {
        let line = vec![b'x'; 1 << 16];
        let lines = [b"data: ".as_slice(), line.as_slice(), b"\n"].concat();
        for part in [line.as_slice(), &lines] {
            let (mut reader, mut messages) = (EventReader::default(), Vec::new());
            let ended = (0..1000).find_map(|_| reader.read(part, &mut messages).err());
            assert_eq!((ended, messages.len()), (Some(TooLong), 0));
            let held = reader.line.len() + reader.message.data.len();
            assert!(held <= MESSAGE_BYTES_MAX, "{held}");
        }
    }
}
