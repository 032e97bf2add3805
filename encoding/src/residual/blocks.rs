//! The numbers of a frame's records by blocks of 32 and by component, as they lie on the wire.

use crate::residual::block::BLOCK;
use crate::residual::number::Six;

/// The numbers of up to 32 records: x, y, z, vx, vy, vz of each.
pub(crate) type Block = [[i32; BLOCK]; 6];

/// The numbers of all records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    count: usize,
    blocks: Vec<Block>,
}

impl Blocks {
    /// Takes the numbers of these records instead of those that are there.
    pub(crate) fn fill(&mut self, records: impl ExactSizeIterator<Item = Six>) {
        self.resize(records.len());
        for (index, numbers) in records.enumerate() {
            let block = &mut self.blocks[index / BLOCK];
            for (column, number) in block.iter_mut().zip(numbers) {
                column[index % BLOCK] = number;
            }
        }
    }

    /// Makes room for the numbers of so many records, whatever they are.
    pub(crate) fn resize(&mut self, count: usize) {
        self.count = count;
        self.blocks.resize(count.div_ceil(BLOCK), [[0; BLOCK]; 6]);
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The records of the block at `index`, which only in the last can be fewer than 32.
    #[inline]
    pub(crate) fn records_of(&self, index: usize) -> usize {
        (self.count - index * BLOCK).min(BLOCK)
    }

    /// The block at `index`.
    #[inline]
    pub(crate) fn block(&self, index: usize) -> &Block {
        &self.blocks[index]
    }

    /// The block at `index`.
    #[inline]
    pub(crate) fn block_mut(&mut self, index: usize) -> &mut Block {
        &mut self.blocks[index]
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The numbers of one record.
    #[inline]
    pub(crate) fn row(&self, index: usize) -> Six {
        let block = &self.blocks[index / BLOCK];
        block.map(|column| column[index % BLOCK])
    }
}
