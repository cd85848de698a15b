//! todo
use super::Context;
use crate::{
    desk::args::Delete,
    exit::{Exit, Failure},
};
pub(super) fn delete(_c: Context<'_>, _w: &Delete) -> Result<Exit, Failure> {
    todo!()
}
