//! Memory for brotli, which asks its caller for each piece of it.

use brotli::{
    Allocator, CombiningAllocator, SliceWrapper, SliceWrapperMut,
    enc::{
        PDF,
        cluster::HistogramPair,
        command::Command,
        entropy_encode::HuffmanTree,
        hash_to_binary_tree::ZopfliNode,
        histogram::{ContextType, HistogramCommand, HistogramDistance, HistogramLiteral},
        interface::StaticCommand,
        s16,
        util::floatX,
        v8,
    },
};

/// A piece of memory that brotli was given.
pub(super) struct Cell<T>(Vec<T>);

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> SliceWrapper<T> for Cell<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cell<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// Memory of one type that is given back and given out again, so that an encoder of many batches
/// allocates only until it has met the largest.
pub(super) struct Shelf<T> {
    free: Vec<Vec<T>>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { free: Vec::new() }
    }
}

impl<T: Clone + Default> Allocator<T> for Shelf<T> {
    type AllocatedMemory = Cell<T>;

    fn alloc_cell(&mut self, len: usize) -> Cell<T> {
        if len == 0 {
            return Cell::default();
        }
        let fits = |cell: &Vec<T>| (cell.capacity() < len, cell.capacity());
        // The smallest that is large enough, or else the smallest, which grows.
        let best = (0..self.free.len()).min_by_key(|&index| fits(&self.free[index]));
        let mut cell = best.map_or_else(Vec::new, |index| self.free.swap_remove(index));
        cell.clear();
        cell.resize(len, T::default());
        Cell(cell)
    }

    fn free_cell(&mut self, cell: Cell<T>) {
        if cell.0.capacity() > 0 {
            self.free.push(cell.0);
        }
    }
}

/// All the memory that an encoder asks for, by type.
pub(super) type EncoderMemory = CombiningAllocator<
    Shelf<u8>,
    Shelf<u16>,
    Shelf<i32>,
    Shelf<u32>,
    Shelf<u64>,
    Shelf<Command>,
    Shelf<floatX>,
    Shelf<v8>,
    Shelf<s16>,
    Shelf<PDF>,
    Shelf<StaticCommand>,
    Shelf<HistogramLiteral>,
    Shelf<HistogramCommand>,
    Shelf<HistogramDistance>,
    Shelf<HistogramPair>,
    Shelf<ContextType>,
    Shelf<HuffmanTree>,
    Shelf<ZopfliNode>,
>;

/// Memory that is handed out up to a bound and then refused: what a decoder asks for is written in
/// the data that it decodes.
pub(super) struct Bounded {
    each_max: usize,
    left: usize,
}

impl Bounded {
    /// Memory in pieces of at most `each_max`, and at most `all_max` from the first to the last,
    /// what is given back included.
    pub(super) const fn new(each_max: usize, all_max: usize) -> Self {
        Self {
            each_max,
            left: all_max,
        }
    }
}

impl<T: Clone + Default> Allocator<T> for Bounded {
    type AllocatedMemory = Cell<T>;

    fn alloc_cell(&mut self, len: usize) -> Cell<T> {
        match self.left.checked_sub(len) {
            Some(left) if len <= self.each_max => {
                self.left = left;
                Cell(vec![T::default(); len])
            }
            // Brotli takes an empty piece for a refusal, and stops.
            _ => Cell::default(),
        }
    }

    fn free_cell(&mut self, cell: Cell<T>) {
        drop(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_gives_the_same_memory_again_and_clears_it() {
        let mut shelf = Shelf::<u32>::default();
        let mut large = shelf.alloc_cell(1000);
        let small = shelf.alloc_cell(10);
        large.slice_mut().fill(7);
        let places = [large.slice().as_ptr(), small.slice().as_ptr()];
        shelf.free_cell(large);
        shelf.free_cell(small);
        let (small, large) = (shelf.alloc_cell(8), shelf.alloc_cell(900));
        assert_eq!(places, [large.slice().as_ptr(), small.slice().as_ptr()]);
        assert_eq!((small.slice(), large.slice()), (&[0; 8][..], &[0; 900][..]));
        assert!(shelf.free.is_empty());
    }

    #[test]
    fn a_shelf_keeps_nothing_of_no_length() {
        let mut shelf = Shelf::<u8>::default();
        let none = shelf.alloc_cell(0);
        assert!(none.slice().is_empty());
        shelf.free_cell(none);
        shelf.free_cell(Cell::default());
        assert!(shelf.free.is_empty());
    }

    #[test]
    fn bounds_are_of_each_piece_and_of_all() {
        let mut memory = Bounded::new(100, 250);
        let mut len_of = |len| {
            let cell: Cell<u8> = memory.alloc_cell(len);
            let given = cell.slice().len();
            memory.free_cell(cell);
            given
        };
        assert_eq!([len_of(101), len_of(100), len_of(100)], [0, 100, 100]);
        assert_eq!([len_of(51), len_of(50), len_of(1)], [0, 50, 0]);
    }
}
