//! `/pools`: none are configured in a simulated lab.

use serde_json::json;

use super::super::answer::{Answer, ApiError, Result};
use super::super::params::{Kind, optional};
use super::super::router::{Access, Call, Route, get};

fn list(call: &Call<'_>) -> Result<Answer> {
    match call.text("poolid") {
        Some(pool) => Err(missing(&pool)),
        None => Ok(json!([]).into()),
    }
}

fn one(call: &Call<'_>) -> Result<Answer> {
    Err(missing(&call.text("poolid").unwrap_or_default()))
}

fn missing(pool: &str) -> ApiError {
    ApiError::die(format!("pool '{pool}' does not exist"))
}

pub(super) const ROUTES: &[Route] = &[
    get("/pools", Access::User, list).with(&[
        optional("poolid", Kind::Text),
        optional("type", Kind::Word(&["qemu", "lxc", "storage"])),
    ]),
    get(
        "/pools/{poolid}",
        Access::Any("/pool/{poolid}", &["Pool.Audit"]),
        one,
    ),
];
