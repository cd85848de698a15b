//! Lines of columns that stand below each other, without waiting for the last line.

use super::list::Row;
use crate::{
    desk::{
        args::Column,
        voice::{self, Voice},
    },
    text,
};
use jiff::tz::TimeZone;

/// So many lines say how wide the columns are; later ones may widen them.
const SAMPLE: usize = 500;

/// Between two columns.
const GAP: &str = "  ";

/// A table on standard output, or the same as JSON.
pub(super) struct Table<'t> {
    voice: &'t Voice,
    columns: &'t [Column],
    zone: TimeZone,
    widths: Vec<usize>,
    /// Lines that wait for the widths.
    waiting: Vec<Vec<String>>,
    /// The widths are known, and the first line is written.
    begun: bool,
    /// Whether a report is shown by its id, because there is no room for its name.
    short: bool,
    rows: u64,
}

impl<'t> Table<'t> {
    pub(super) fn new(voice: &'t Voice, columns: &'t [Column], zone: TimeZone) -> Self {
        let widths = columns.iter().map(|column| title(*column).len()).collect();
        let waiting = Vec::new();
        Self { voice, columns, zone, widths, waiting, begun: false, short: false, rows: 0 }
    }

    /// Adds a line. Says whether anybody still reads.
    pub(super) fn add(&mut self, row: &Row) -> bool {
        self.rows += 1;
        if self.voice.json {
            return self.voice.object(row);
        }
        let cells: Vec<_> = self.columns.iter().map(|column| self.cell(*column, row)).collect();
        if self.begun {
            return self.write(&cells);
        }
        self.waiting.push(cells);
        self.waiting.len() < SAMPLE || self.begin()
    }

    /// Writes what still waits, and says if there was nothing at all.
    pub(super) fn finish(&mut self) {
        if self.rows == 0 {
            self.voice.say("there are no reports");
        } else if !self.begun && !self.voice.json {
            self.begin();
        }
    }

    fn begin(&mut self) -> bool {
        self.begun = true;
        let waiting = std::mem::take(&mut self.waiting);
        self.widen_all(&waiting);
        let needed: usize = self.widths.iter().map(|width| width + GAP.len()).sum();
        if voice::width().is_some_and(|width| needed > width + GAP.len()) {
            self.short = true;
            self.widths = self.columns.iter().map(|column| title(*column).len()).collect();
            let waiting: Vec<Vec<_>> = waiting.iter().map(|cells| self.shortened(cells)).collect();
            self.widen_all(&waiting);
        }
        let titles: Vec<_> = self.columns.iter().map(|column| self.title(*column)).collect();
        let style = self.voice.styles.output;
        self.voice.line(&style.bold(&self.line(&titles)))
            && waiting.iter().all(|cells| self.write(cells))
    }

    fn write(&mut self, cells: &[String]) -> bool {
        let cells = if self.short { self.shortened(cells) } else { cells.to_vec() };
        self.widen(&cells);
        self.voice.line(&self.line(&cells))
    }

    fn widen_all(&mut self, lines: &[Vec<String>]) {
        for cells in lines {
            self.widen(cells);
        }
    }

    fn widen(&mut self, cells: &[String]) {
        for (width, cell) in self.widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((column, width), cell) in self.columns.iter().zip(&self.widths).zip(cells) {
            let gap = " ".repeat(width - cell.chars().count().min(*width));
            if *column == Column::Size {
                line += &gap;
                line += cell;
            } else {
                line += cell;
                line += &gap;
            }
            line += GAP;
        }
        let line = line.trim_end();
        match voice::width() {
            Some(width) if line.chars().count() > width => {
                line.chars().take(width - 1).chain(['…']).collect()
            }
            _ => line.to_owned(),
        }
    }

    fn title(&self, column: Column) -> String {
        if self.short && column == Column::Name { "ID" } else { title(column) }.to_owned()
    }

    fn cell(&self, column: Column, row: &Row) -> String {
        match column {
            Column::Date => row.date.map_or_else(String::new, |at| text::moment(at, &self.zone)),
            Column::Product => row.product.clone().unwrap_or_else(|| "?".to_owned()),
            Column::Host => text::one_line(row.host.as_deref().unwrap_or_default()),
            Column::Size => text::size(row.size),
            Column::Ticket => row.ticket.shown(),
            // What is no report has its key as a name: that is what deletes it.
            Column::Name if row.report => row.name.clone(),
            Column::Name => text::one_line(&row.key),
        }
    }

    /// With the id in the place of a report's name.
    fn shortened(&self, cells: &[String]) -> Vec<String> {
        let shorten = |(column, cell): (&Column, &String)| match column {
            Column::Name => short(cell),
            _ => cell.clone(),
        };
        self.columns.iter().zip(cells).map(shorten).collect()
    }
}

/// The id in a name; what is no name of a report stays.
fn short(name: &str) -> String {
    let stem = name.split(".tar.").next().unwrap_or(name);
    match stem.rsplit_once('-') {
        Some((_, id)) if !name.contains('/') && stem.len() < name.len() => {
            id.chars().take(8).collect()
        }
        _ => name.to_owned(),
    }
}

fn title(column: Column) -> &'static str {
    match column {
        Column::Date => "DATE",
        Column::Product => "PRODUCT",
        Column::Host => "HOST",
        Column::Size => "SIZE",
        Column::Ticket => "TICKET",
        Column::Name => "NAME",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_has_no_room_the_id_stands_that_the_other_commands_take() {
        assert_eq!(short("shop-20261123T104205Z-k7m2p9qa4x.tar.xz.age"), "k7m2p9qa");
        assert_eq!(short("reports/shop-1/junk-file.tar.age"), "reports/shop-1/junk-file.tar.age");
    }
}
