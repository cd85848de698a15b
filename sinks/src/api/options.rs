//! The options that every ticket system has, as far as the way to its server goes.

use crate::http;
use collect_core::{
    Invalid, Secret,
    secret::SecretSource,
    ticket::{Letter, Template, TicketOptions},
};
use url::Url;

/// What is wrong with the way to the server.
pub(crate) fn check(options: &TicketOptions) -> Vec<Invalid> {
    let mut wrong = Vec::new();
    if let Err(reason) = base(options) {
        let help = "write `url = \"https://tickets.example.com\"`";
        wrong.push(invalid("url", reason, help));
    }
    if let Err(reason) = http::proxy(options.proxy.as_deref()) {
        wrong.push(invalid("proxy", reason, "write `proxy = \"http://HOST:PORT\"`"));
    }
    wrong
}

/// The secrets of a ticket system: its own, and the proxy's password.
pub(crate) fn secrets(options: &TicketOptions, own: Option<&SecretSource>) -> Vec<SecretSource> {
    let proxy = http::proxy(options.proxy.as_deref()).ok().flatten();
    let password = proxy.as_ref().and_then(Url::password);
    let password = password.map(|password| SecretSource::Literal(Secret::new(password)));
    own.cloned().into_iter().chain(password).collect()
}

/// The server's name, for people.
pub(crate) fn host(options: &TicketOptions) -> String {
    base(options).map(|url| http::host(&url)).unwrap_or_default()
}

/// The address below which everything is asked for.
pub(super) fn base(options: &TicketOptions) -> Result<Url, String> {
    if options.url.is_empty() {
        return Err("no address of the ticket system is given".into());
    }
    let url: Url =
        options.url.parse().map_err(|error| format!("the address is no URL: {error}"))?;
    if let Some(reason) = http::objection(&url) {
        return Err(reason);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or a password, which everyone would see".into());
    }
    Ok(url)
}

/// What is wrong with the templates of `fields`.
pub(crate) fn wrong_templates<'t>(fields: impl Iterator<Item = &'t Template>) -> Vec<Invalid> {
    let wrong = fields.filter_map(Letter::objection);
    wrong.map(|(message, help)| invalid("fields", message, &help)).collect()
}

pub(crate) fn invalid(option: &'static str, message: impl Into<String>, help: &str) -> Invalid {
    Invalid { option, message: message.into(), help: Some(help.into()) }
}
