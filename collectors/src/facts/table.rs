//! Plain text tables, for people and for `grep`.

use std::fmt;

/// How wide a column gets; what is longer pushes the rest of its row to the right.
const WIDEST: usize = 120;

/// A table: columns two spaces apart, numbers to the right, the last column as long as it is.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these headings.
    pub(crate) fn new(headings: [impl Into<String>; N]) -> Self {
        Self { rows: vec![headings.map(Into::into)] }
    }

    /// Adds a row. An empty cell is shown as `-`, so that columns can be counted.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| {
            let cell = cell.replace(['\n', '\t'], " ");
            if cell.trim().is_empty() { "-".to_owned() } else { cell }
        }));
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |at: usize| self.rows.iter().map(move |row| row[at].as_str());
        let widths: [usize; N] = std::array::from_fn(|at| {
            column(at).map(|cell| cell.chars().count()).max().unwrap_or(0).min(WIDEST)
        });
        let numeric: [bool; N] = std::array::from_fn(|at| column(at).skip(1).all(is_number));
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                let last = at + 1 == N;
                match (numeric[at], last) {
                    (true, _) => write!(f, "{cell:>width$}", width = widths[at])?,
                    (false, true) => f.write_str(cell)?,
                    (false, false) => write!(f, "{cell:<width$}", width = widths[at])?,
                }
                f.write_str(if last { "\n" } else { "  " })?;
            }
        }
        Ok(())
    }
}

/// Whether a cell looks better to the right: a number, perhaps with a unit after it, or nothing.
fn is_number(cell: &str) -> bool {
    cell == "-" || cell.trim_end_matches('%').parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_gaps_are_marked() {
        let mut table = Table::new(["PID", "NAME", "COMMAND"]);
        table.row(["1".into(), "init".into(), "/sbin/init\nsplash".into()]);
        table.row(["1234".into(), String::new(), "sh".into()]);
        assert_eq!(
            table.to_string(),
            " PID  NAME  COMMAND\n   1  init  /sbin/init splash\n1234  -     sh\n"
        );
    }

    #[test]
    fn a_cell_of_a_megabyte_does_not_make_every_row_so_long() {
        let mut table = Table::new(["NAME", "SIZE"]);
        table.row(["x".repeat(1 << 20), "1".into()]);
        table.row(["y".into(), "2".into()]);
        let last = table.to_string().lines().last().map(str::len);
        assert_eq!(last, Some(WIDEST + 2 + 4));
    }
}
