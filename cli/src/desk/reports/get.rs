//! todo
use super::Context;
use crate::{
    desk::args::Get,
    exit::{Exit, Failure},
};
pub(super) fn get(_c: Context<'_>, _w: &Get) -> Result<Exit, Failure> {
    todo!()
}
