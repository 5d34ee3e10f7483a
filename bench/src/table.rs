//! Tables that are readable both in a terminal and as Markdown.

use crate::statistics::Summary;

/// Returns a Markdown table whose columns are as wide as their longest cell.
pub(crate) fn markdown<const COLUMNS: usize>(head: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count(), 3]).max().unwrap_or(3)
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |cells: [&str; COLUMNS]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| format!(" {} |", "-".repeat(*width))).collect();
    let body: String = rows.iter().map(|row| line(row.each_ref().map(String::as_str))).collect();
    format!("{}|{rule}\n{body}", line(head))
}

/// Formats the median, followed by the quartiles in parentheses: `34,700 (34,100–35,200)`.
pub(crate) fn spread(summary: Summary, decimals: usize) -> String {
    let [median, first, third] =
        [summary.median, summary.first_quartile, summary.third_quartile].map(|value| number(value, decimals));
    format!("{median} ({first}–{third})")
}

/// Formats the median with three significant digits, followed by the quartiles with the same number of decimals.
pub(crate) fn ms(summary: Summary) -> String {
    spread(summary, decimals(summary.median))
}

/// Formats a positive number with at least three significant digits.
pub(crate) fn significant(value: f64) -> String {
    number(value, decimals(value))
}

fn decimals(value: f64) -> usize {
    (2 - value.max(1e-6).log10().floor() as i32).max(0) as usize
}

/// Formats a number with commas between groups of thousands.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let whole = text.split('.').next().unwrap_or_default().trim_start_matches('-').len();
    let sign = text.len() - text.trim_start_matches('-').len();
    let mut grouped = String::new();
    for (place, digit) in text.char_indices() {
        let left = (whole + sign).saturating_sub(place);
        if place > sign && left > 0 && left % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let table = markdown(["client", "×"], &[["a".into(), "1.00 – 2".into()], ["reqwest".into(), "1".into()]]);
        let expected = "\
| client  | ×        |
| ------- | -------- |
| a       | 1.00 – 2 |
| reqwest | 1        |
";
        assert_eq!(table, expected);
    }

    #[test]
    fn thousands_are_set_apart() {
        let cases = [(0.0, 0, "0"), (999.6, 0, "1,000"), (34_712.0, 0, "34,712"), (1_234_567.0, 1, "1,234,567.0")];
        for (value, decimals, text) in cases {
            assert_eq!(number(value, decimals), text);
        }
        assert_eq!(number(-1_234.5, 1), "-1,234.5");
        assert_eq!(number(-123.25, 2), "-123.25");
    }

    #[test]
    fn a_spread_is_the_median_and_the_quartiles() {
        let summary = Summary { median: 0.95, first_quartile: 0.9, third_quartile: 1.0 };
        assert_eq!(spread(summary, 2), "0.95 (0.90–1.00)");
        assert_eq!(ms(summary), "0.950 (0.900–1.000)");
    }
}
