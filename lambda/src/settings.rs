//! The settings of a function: environment variables.

use lambda_runtime::Error;
use std::env;

/// A variable, if it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A variable that has to be set.
///
/// # Errors
///
/// Names it.
pub fn needed(name: &'static str) -> Result<String, Error> {
    variable(name).ok_or_else(|| unset(name))
}

/// Says that a variable is not set.
pub fn unset(name: &'static str) -> Error {
    format!("the environment variable `{name}` is not set").into()
}
