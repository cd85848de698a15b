//! todo
use super::Context;
use crate::{
    desk::args::Prune,
    exit::{Exit, Failure},
};
pub(super) fn prune(_c: Context<'_>, _w: &Prune) -> Result<Exit, Failure> {
    todo!()
}
