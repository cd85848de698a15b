//! `collect profiles` and `collect plugins`.

use super::Context;
use crate::{
    exit::{Exit, Failure},
    report::print,
    text::{self, Style},
};
use collect_core::profile::{Described, Origin, Parameter, catalogue, parameters, reference};
use serde_json::json;
use std::fmt::Write;

/// How wide the lines of a list are.
const WIDTH: usize = 100;

/// Lists the profiles that are found by name.
pub(super) fn profiles(context: &Context<'_>) -> Exit {
    let library = context.places.library();
    let all = library.list();
    let mut list = String::new();
    let names = all.iter().map(|listed| listed.name.len()).max().unwrap_or(0);
    let style = context.voice.styles().output;
    for listed in &all {
        let place = match &listed.origin {
            Origin::BuiltIn => "built in".to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        // `collect check` says what is wrong with a profile.
        let params = parameters(&listed.name, &library).unwrap_or_default();
        if context.json {
            let (name, product) = (&listed.name, &listed.product);
            let description = &listed.description;
            let line = json!({ "name": name, "product": product, "description": description,
                               "place": place, "params": params });
            _ = writeln!(list, "{line}");
            continue;
        }
        let name = style.bold(&format!("{:<names$}", text::one_line(&listed.name)));
        let description = listed.description.as_ref().or(listed.product.as_ref());
        let description = description.map(|text| text::one_line(text)).unwrap_or_default();
        let place = style.dim(&format!("({})", text::one_line(&place)));
        _ = writeln!(list, "{name}  {description} {place}");
        for param in &params {
            _ = writeln!(list, "{:names$}  {}", "", parameter(param, style));
        }
    }
    print(&list);
    Exit::Complete
}

/// A parameter of a profile, on a line of its own.
fn parameter(param: &Parameter, style: Style) -> String {
    let flag = format!("--set {}=…", param.name);
    let description = param.description.as_deref().unwrap_or_default();
    let more = match param.default.as_deref() {
        None => "must be given".to_owned(),
        Some([]) => "may be given several times".to_owned(),
        Some([one]) => format!("{one} if not given"),
        Some([first, rest @ ..]) => format!("{first} and {} more if not given", rest.len()),
    };
    let more = style.dim(&format!("({})", text::one_line(&more)));
    format!("{flag}  {} {more}", text::one_line(description))
}

/// Lists the plugins, or explains those of a name.
pub(super) fn plugins(context: &Context<'_>, name: Option<&str>) -> Result<Exit, Failure> {
    let all = catalogue(&context.plugins);
    let Some(name) = name else {
        print(&listed(context, &all));
        return Ok(Exit::Complete);
    };
    if let Some(page) = reference(&context.plugins, name) {
        print(&page);
        return Ok(Exit::Complete);
    }
    let names = || all.iter().map(|plugin| plugin.name);
    let help = collect_core::suggest::did_you_mean(name, names());
    let help = help.unwrap_or_else(|| "`collect plugins` lists them all".to_owned());
    Err(Failure::unusable(format!("there is no plugin `{name}`")).help(help))
}

fn listed(context: &Context<'_>, all: &[Described]) -> String {
    let mut list = String::new();
    let names = all.iter().map(|plugin| plugin.name.len()).max().unwrap_or(0);
    let style = context.voice.styles().output;
    let mut kind = "";
    for plugin in all {
        let (name, summary) = (plugin.name, &plugin.summary);
        if context.json {
            let line = json!({ "kind": plugin.kind, "name": name, "summary": summary });
            _ = writeln!(list, "{line}");
            continue;
        }
        if plugin.kind != kind {
            let gap = if kind.is_empty() { "" } else { "\n" };
            kind = plugin.kind;
            _ = writeln!(list, "{gap}{}", style.bold(&format!("{kind}s")));
        }
        let summary = text::fitting(summary, WIDTH - names - 4);
        _ = writeln!(list, "  {name:<names$}  {summary}");
    }
    list
}
