//! The table of layers in docs/architecture.md. It shows the layers of each crate.

use anyhow::Result;

use super::Marks;
use crate::layers::{crates, layers};

pub(super) const MARKS: Marks = Marks { begin: "<!-- layers -->", end: "<!-- end of layers -->" };

/// Returns the table of layers. It has a row for each crate with more than one layer.
pub(super) fn table() -> Result<String> {
    let mut table = "| crate | its layers, from the top |\n| --- | --- |\n".to_owned();
    for folder in crates()? {
        let layers = layers(&folder)?;
        if layers.len() > 1 {
            let layers: Vec<String> = layers.iter().map(|layer| format!("`{}`", layer.join("`, `"))).collect();
            table += &format!("| `{}` | {} |\n", folder.display(), layers.join(" · "));
        }
    }
    Ok(table)
}
