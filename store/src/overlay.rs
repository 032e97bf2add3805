//! What a file would hold if certain writes had reached it.

use std::collections::BTreeMap;
use std::io;

use redb::StorageBackend;

/// How much is kept around each written byte.
const PAGE_BYTES: usize = 4096;

/// One change of a file.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Write { offset: u64, bytes: Box<[u8]> },
    SetLength(u64),
    Sync,
}

impl Operation {
    pub(crate) fn write(offset: u64, bytes: &[u8]) -> Self {
        Self::Write {
            offset,
            bytes: bytes.into(),
        }
    }

    pub(crate) fn perform(&self, file: &dyn StorageBackend) -> io::Result<()> {
        match self {
            Self::Write { offset, bytes } => file.write(*offset, bytes),
            Self::SetLength(length) => file.set_len(*length),
            Self::Sync => file.sync_data(),
        }
    }
}

/// Pages over a file that it doesn't have, and the length that it would have with them.
#[derive(Debug)]
pub(crate) struct Overlay {
    pages: BTreeMap<u64, Box<[u8]>>,
    length: u64,
    /// How much of the file's beginning shows where no page lies over it.
    shown: u64,
}

impl Overlay {
    /// Nothing over a file of this length.
    pub(crate) fn new(length: u64) -> Self {
        Self {
            pages: BTreeMap::new(),
            length,
            shown: length,
        }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads what `file` would hold.
    pub(crate) fn read(
        &self,
        file: &dyn StorageBackend,
        offset: u64,
        out: &mut [u8],
    ) -> io::Result<()> {
        let end = offset + out.len() as u64;
        if end > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let shown = self.shown.clamp(offset, end) - offset;
        let (below, beyond) = out.split_at_mut(shown as usize);
        if !below.is_empty() {
            file.read(offset, below)?;
        }
        beyond.fill(0);
        for (page, bytes) in self.pages.range(pages_of(offset, out.len())) {
            let (inside, outside) = overlap(*page, offset, out.len());
            out[outside].copy_from_slice(&bytes[inside]);
        }
        Ok(())
    }

    /// Lays `bytes` over `file`.
    pub(crate) fn write(
        &mut self,
        file: &dyn StorageBackend,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        for page in pages_of(offset, bytes.len()) {
            if !self.pages.contains_key(&page) {
                let below = self.page_below(file, page)?;
                self.pages.insert(page, below);
            }
            if let Some(kept) = self.pages.get_mut(&page) {
                let (inside, outside) = overlap(page, offset, bytes.len());
                kept[inside].copy_from_slice(&bytes[outside]);
            }
        }
        self.length = self.length.max(offset + bytes.len() as u64);
        Ok(())
    }

    /// Cuts off what lies behind `length`, or adds zeros up to it.
    pub(crate) fn set_length(&mut self, length: u64) {
        if length < self.length {
            self.shown = self.shown.min(length);
            self.pages.split_off(&length.div_ceil(PAGE_BYTES as u64));
            let (last, kept) = (length / PAGE_BYTES as u64, length % PAGE_BYTES as u64);
            if let Some(bytes) = self.pages.get_mut(&last) {
                bytes[kept as usize..].fill(0);
            }
        }
        self.length = length;
    }

    /// Performs `operation` on what `file` would hold.
    pub(crate) fn perform(
        &mut self,
        file: &dyn StorageBackend,
        operation: &Operation,
    ) -> io::Result<()> {
        match operation {
            Operation::Write { offset, bytes } => self.write(file, *offset, bytes),
            Operation::SetLength(length) => {
                self.set_length(*length);
                Ok(())
            }
            Operation::Sync => Ok(()),
        }
    }

    fn page_below(&self, file: &dyn StorageBackend, page: u64) -> io::Result<Box<[u8]>> {
        let mut bytes = vec![0; PAGE_BYTES].into_boxed_slice();
        let offset = page * PAGE_BYTES as u64;
        let shown = self.shown.saturating_sub(offset).min(PAGE_BYTES as u64);
        if shown > 0 {
            file.read(offset, &mut bytes[..shown as usize])?;
        }
        Ok(bytes)
    }
}

fn pages_of(offset: u64, length: usize) -> std::ops::Range<u64> {
    let page_bytes = PAGE_BYTES as u64;
    offset / page_bytes..(offset + length as u64).div_ceil(page_bytes)
}

/// Which bytes of the page, and which of the `length` bytes from `offset`, are the same ones.
fn overlap(
    page: u64,
    offset: u64,
    length: usize,
) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let begin = page * PAGE_BYTES as u64;
    let from = begin.max(offset);
    let to = (begin + PAGE_BYTES as u64).min(offset + length as u64);
    let inside = (from - begin) as usize..(to - begin) as usize;
    let outside = (from - offset) as usize..(to - offset) as usize;
    (inside, outside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let operation = prop_oneof![
            4 => (0..20_000_u64, 1..9_000_usize, 1..=255_u8).prop_map(|(offset, length, byte)| {
                Operation::write(offset, &vec![byte; length])
            }),
            1 => (0..25_000_u64).prop_map(Operation::SetLength),
        ];
        prop::collection::vec(operation, 0..12)
    }

    /// What the operations make of a file, by the plainest means.
    fn performed(mut file: Vec<u8>, operations: &[Operation]) -> Vec<u8> {
        for operation in operations {
            match operation {
                Operation::Write { offset, bytes } => {
                    let (from, to) = (*offset as usize, *offset as usize + bytes.len());
                    file.resize(file.len().max(to), 0);
                    file[from..to].copy_from_slice(bytes);
                }
                Operation::SetLength(length) => file.resize(*length as usize, 0),
                Operation::Sync => {}
            }
        }
        file
    }

    proptest! {
        #[test]
        fn it_shows_what_the_file_would_hold(
            below in operations(),
            above in operations(),
            (offset, length) in (0..26_000_u64, 1..9_000_usize),
        ) {
            let below = performed(Vec::new(), &below);
            let expected = performed(below.clone(), &above);
            let file = InMemoryBackend::new();
            file.set_len(below.len() as u64).unwrap();
            file.write(0, &below).unwrap();

            let mut overlay = Overlay::new(below.len() as u64);
            for operation in &above {
                overlay.perform(&file, operation).unwrap();
            }

            prop_assert_eq!(overlay.length(), expected.len() as u64);
            let mut whole = vec![1; expected.len()];
            overlay.read(&file, 0, &mut whole).unwrap();
            prop_assert!(whole == expected);
            let mut part = vec![1; length];
            let end = offset as usize + length;
            match expected.get(offset as usize..end) {
                Some(expected) => {
                    overlay.read(&file, offset, &mut part).unwrap();
                    prop_assert!(part == expected);
                }
                None => prop_assert!(overlay.read(&file, offset, &mut part).is_err()),
            }
        }
    }
}
