//! A uniform grid over the sky: who is near whom.
//!
//! Invariant: after [`Grid::fill`] every agent is in exactly one cell, and the agents of cells that
//! follow each other along x lie side by side, so that three cells are one slice.

use super::vector::Vector;

/// Edge of a cell in units; neighbours are sought in the cells around one's own.
const CELL: f32 = 20.0;

/// Agents by cell, rebuilt as they move.
#[derive(Debug)]
pub(super) struct Grid {
    half_extent: [f32; 3],
    cells: [usize; 3],
    /// Where the agents of each cell begin in `agents`; one more than there are cells.
    starts: Vec<u32>,
    agents: Vec<u32>,
    cell_of: Vec<u32>,
}

impl Grid {
    /// A grid over the box from `-half_extent` to `half_extent`; what is outside counts to the
    /// cells at the border.
    pub(super) fn new(half_extent: [f32; 3]) -> Self {
        let cells = half_extent.map(|half| (2.0 * half / CELL).ceil().max(1.0) as usize);
        let count = cells.iter().product::<usize>();
        Self {
            half_extent,
            cells,
            starts: vec![0; count + 1],
            agents: Vec::new(),
            cell_of: Vec::new(),
        }
    }

    /// Sorts the agents into cells by counting.
    pub(super) fn fill(&mut self, positions: &[Vector]) {
        self.starts.fill(0);
        self.cell_of.clear();
        for &position in positions {
            let cell = self.index(self.cell(position));
            self.cell_of.push(cell as u32);
            self.starts[cell] += 1;
        }
        let mut before = 0;
        for start in &mut self.starts {
            before += *start;
            *start = before;
        }
        self.agents.resize(positions.len(), 0);
        // Each cell is filled from its end, which leaves `starts` at its beginning.
        for (agent, &cell) in self.cell_of.iter().enumerate().rev() {
            let start = &mut self.starts[cell as usize];
            *start -= 1;
            self.agents[*start as usize] = agent as u32;
        }
    }

    /// The agents in the cells round `position`, in nine slices or fewer.
    pub(super) fn around(&self, position: Vector) -> impl Iterator<Item = &[u32]> {
        let [x, y, z] = self.cell(position);
        let [cells_x, cells_y, cells_z] = self.cells;
        let near = |at: usize, cells: usize| at.saturating_sub(1)..(at + 2).min(cells);
        let row = near(x, cells_x);
        near(z, cells_z)
            .flat_map(move |z| near(y, cells_y).map(move |y| (y, z)))
            .map(move |(y, z)| {
                let first = self.starts[self.index([row.start, y, z])] as usize;
                let end = self.starts[self.index([row.end - 1, y, z]) + 1] as usize;
                &self.agents[first..end]
            })
    }

    fn cell(&self, position: Vector) -> [usize; 3] {
        std::array::from_fn(|axis| {
            // A float that is cast to an unsigned number stops at 0.
            let at = ((position.0[axis] + self.half_extent[axis]) / CELL) as usize;
            at.min(self.cells[axis] - 1)
        })
    }

    fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.cells[1] + y) * self.cells[0] + x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_within_a_cell_edge_is_found_and_nobody_twice() {
        let mut random = fastrand::Rng::with_seed(1);
        let half_extent = [60.0, 45.0, 100.0];
        let mut grid = Grid::new(half_extent);
        // Some lie outside, where the border's cells take them.
        let positions: Vec<Vector> = (0..500)
            .map(|_| Vector(half_extent.map(|half| (random.f32() - 0.5) * 2.2 * half)))
            .collect();
        grid.fill(&positions);
        for &centre in &positions {
            let mut found: Vec<u32> = grid.around(centre).flatten().copied().collect();
            found.sort_unstable();
            assert!(
                found.windows(2).all(|pair| pair[0] < pair[1]),
                "somebody was found twice"
            );
            for (agent, &position) in positions.iter().enumerate() {
                if (position - centre).length() <= CELL {
                    assert!(found.contains(&(agent as u32)), "a neighbour was missed");
                }
            }
        }
    }

    #[test]
    fn a_grid_without_agents_is_empty() {
        let mut grid = Grid::new([50.0; 3]);
        grid.fill(&[]);
        assert_eq!(
            grid.around(Vector::ZERO).map(<[u32]>::len).sum::<usize>(),
            0
        );
    }
}
