//! Tables of aligned columns.

use super::plain::plain;

/// The rows with every column as wide as its widest cell; foreign text in them is made harmless. The
/// last column of a row is not filled up.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [
            ["ID", "STATUS", "ABOUT"],
            ["ä", "in_progress", ""],
            ["a-long-one", "-", "x\ny"],
        ];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let expected = "ID          STATUS       ABOUT\n\
                        ä           in_progress\n\
                        a-long-one  -            x\\ny\n";
        assert_eq!(table(&rows), expected);
        assert_eq!(table(&[]), "");
    }
}
