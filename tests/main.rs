//! End to end: the real program on this host, against real servers, judged by stock tools.
//!
//! What a test needs and is not installed makes it skip, saying so; `tests/run` installs it all.

#[cfg(test)]
mod kit;

#[cfg(test)]
mod bundle;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod envelope;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod guard_function;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod linux;
#[cfg(test)]
mod own_secrets;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod policy_2017;
#[cfg(test)]
mod policy_roles;
#[cfg(test)]
mod private_collector;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod redact;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod terraform;
#[cfg(test)]
mod terraform_variables;
#[cfg(test)]
mod the_loop;
#[cfg(test)]
mod ticket_faults;
#[cfg(test)]
mod ticket_function;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod tickets_replay;
#[cfg(test)]
mod tickets_trial;
#[cfg(test)]
mod upload_function;
#[cfg(test)]
mod vendors;
#[cfg(test)]
mod yardstick;
