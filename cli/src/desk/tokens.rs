//! todo
use super::{args::Tokens, voice::Voice};
use crate::exit::{Exit, Failure};
pub(super) fn dispatch(_c: &Tokens, _v: &Voice) -> Result<Exit, Failure> {
    todo!()
}
