//! Removes what a regular expression of the profile finds.
