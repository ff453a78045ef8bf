//! One self-contained HTML page: inline style, inline SVG, nothing loaded
//! from anywhere, no script. Light and dark follow the reader's system; it
//! prints.

mod escape;
mod page;
mod picture;
mod svg;
mod tables;

use super::view::View;

pub(super) fn write(view: &View) -> String {
    page::page(view)
}
