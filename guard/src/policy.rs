//! The statement of guard in the policy of a bucket.
//!
//! The policy is read only as far as is needed, and all other statements keep their very bytes. What
//! is not understood is an error: a policy that locks everybody out can only be removed by the root
//! of the account.

use crate::{block::Block, net::Net, token::Tokens};
use collect_core::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// The Sid of the statement that only guard edits.
pub const SID: &str = "DenyGuarded";

/// The Sid of the statement that says which roles are never denied.
const MODEL: &str = "DenyUnknownToken";

/// What a policy calls the roles that it exempts. Servers that are not Amazon's, such as SeaweedFS,
/// know their names only.
const PRINCIPAL: [&str; 2] = ["aws:PrincipalArn", "aws:username"];

/// The Sid of the statement that says which functions need no condition to store an object. What one
/// of them signs is sent by others, from their addresses, so that these may be denied as well.
const FUNCTIONS: &str = "DenyOverwrite";

/// S3 takes 20 KB, without saying which kind of KB: the smaller ones.
pub const MOST_BYTES: usize = 20_000;

/// What is to become of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The policy to put; none if it says the same already.
    pub policy: Option<String>,
    /// Whom it denies.
    pub denied: Vec<Net>,
    /// Networks that stand in for several of their addresses, for lack of room.
    pub merged: Vec<Net>,
    /// Who had to be left out for lack of room, those who did least.
    pub dropped: Vec<Net>,
    /// Whom it denied and denies no more, as it was written there.
    pub lifted: Vec<String>,
}

/// A policy that is left alone.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is no policy.
    #[error("the bucket's policy cannot be read, so it is left as it is: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It is not one that the module makes.
    #[error(
        "the bucket's policy is not as the Terraform module writes it, so it is left as it is: {0}"
    )]
    Unexpected(String),
    /// There is no room for a statement.
    #[error("the bucket's policy has {0} bytes, which leaves no room to deny anybody")]
    Full(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Document<'p> {
    #[serde(borrow)]
    version: Option<&'p RawValue>,
    #[serde(borrow)]
    id: Option<&'p RawValue>,
    #[serde(borrow)]
    statement: &'p RawValue,
}

/// The policy with exactly these blocks in the statement of guard; without any, the statement goes.
///
/// # Errors
///
/// The policy cannot be read or is not one of the module's. It is then not to be overwritten.
pub fn with_blocks(current: &str, blocks: &[Block]) -> Result<Change, PolicyError> {
    let document: Document<'_> = serde_json::from_str(current)?;
    let statements = statements(document.statement)?;
    let parsed = parsed(&statements)?;
    let model = only(&parsed, MODEL)?
        .ok_or_else(|| unexpected(format!("it has no statement `{MODEL}`")))?;
    let mut template = Template::of(&parsed[model])?;
    if let Some(overwrites) = only(&parsed, FUNCTIONS)? {
        template.spare_not(&parsed[overwrites]);
    }
    let existing = only(&parsed, SID)?;
    if let Some(existing) = existing {
        is_ours(&parsed[existing])?;
    }

    let others: Vec<&str> = statements
        .iter()
        .enumerate()
        .filter(|(number, _)| Some(*number) != existing)
        .map(|(_, statement)| statement.get())
        .collect();
    let place = existing.unwrap_or(others.len());
    let write = |nets: &[Net]| document.with(&others, place, &template, nets);
    let room = MOST_BYTES.checked_sub(write(&[Net::ANY]).len());
    let Fitted { mut denied, merged, dropped } = match room {
        _ if blocks.is_empty() => Fitted::default(),
        Some(room) => fit(blocks, room + cost(Net::ANY)),
        None => return Err(PolicyError::Full(current.len())),
    };
    denied.sort_unstable();
    let same = match existing {
        Some(existing) => {
            !denied.is_empty()
                && Value::Object(parsed[existing].clone()) == template.statement(&denied)
        }
        None => denied.is_empty(),
    };
    let policy = (!same).then(|| write(&denied));
    let mut lifted = existing.map_or_else(Vec::new, |number| addresses(&parsed[number]));
    lifted.retain(|was| denied.iter().all(|net| net.to_string() != *was));
    Ok(Change { policy, denied, merged, dropped, lifted })
}

/// What the policy lets in: upload tokens, desk tokens and Referer, each in the order of the policy.
///
/// # Errors
///
/// The policy cannot be read, or has no statement that lets in uploads.
pub fn tokens(current: &str) -> Result<Tokens, PolicyError> {
    let document: Document<'_> = serde_json::from_str(current)?;
    let parsed = parsed(&statements(document.statement)?)?;
    let upload = only(&parsed, "AllowUpload")?
        .ok_or_else(|| unexpected("it has no statement `AllowUpload`"))?;
    let desk = only(&parsed, "AllowManageObjects")?;
    let sent = |number: usize, header: &str| -> Vec<Secret> {
        let equals = parsed[number].get("Condition").and_then(|when| when.get("StringEquals"));
        let keys = equals.and_then(Value::as_object).into_iter().flatten();
        let values =
            keys.filter(|(key, _)| key.eq_ignore_ascii_case(header)).map(|(_, value)| value);
        let texts = values.flat_map(|value| match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            value => Vec::from_iter(value.as_str()),
        });
        texts.map(Secret::new).collect()
    };
    let desk = desk.map_or_else(Vec::new, |desk| sent(desk, "aws:UserAgent"));
    let tokens = Tokens::new().upload(sent(upload, "aws:UserAgent")).desk(desk);
    Ok(sent(upload, "aws:Referer").into_iter().fold(tokens, Tokens::referer))
}

fn parsed(statements: &[&RawValue]) -> Result<Vec<Map<String, Value>>, PolicyError> {
    let parsed = statements.iter().map(|statement| serde_json::from_str(statement.get()));
    Ok(parsed.collect::<Result<_, _>>()?)
}

fn unexpected(why: impl Into<String>) -> PolicyError {
    PolicyError::Unexpected(why.into())
}

/// The statements, each as it is written; a policy may have one without a list.
fn statements(raw: &RawValue) -> Result<Vec<&RawValue>, PolicyError> {
    Ok(if raw.get().starts_with('[') { serde_json::from_str(raw.get())? } else { vec![raw] })
}

/// The number of the statement of that Sid.
fn only(statements: &[Map<String, Value>], sid: &str) -> Result<Option<usize>, PolicyError> {
    let is = |statement: &Map<String, Value>| statement.get("Sid").is_some_and(|s| s == sid);
    let mut found = statements.iter().enumerate().filter(|(_, statement)| is(statement));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(unexpected(format!("it has two statements `{sid}`"))),
        (first, None) => Ok(first.map(|(number, _)| number)),
    }
}

/// Whether a statement of our Sid is one that guard wrote.
fn is_ours(statement: &Map<String, Value>) -> Result<(), PolicyError> {
    let denies = statement.get("Effect").is_some_and(|effect| effect == "Deny");
    let addresses = statement.get("Condition").and_then(|conditions| conditions.get("IpAddress"));
    if denies && addresses.is_some() {
        return Ok(());
    }
    Err(unexpected(format!("its statement `{SID}` does not deny addresses")))
}

/// The addresses that the statement denies.
fn addresses(statement: &Map<String, Value>) -> Vec<String> {
    let keys = statement.get("Condition").and_then(|when| when.get("IpAddress"));
    let values = keys.and_then(Value::as_object).into_iter().flatten().map(|(_, value)| value);
    let lists =
        values.flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), |l| l));
    lists.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What the statement takes from `DenyUnknownToken`: the bucket, and who is never denied.
struct Template {
    resource: Value,
    /// The operators with the ARNs: `StringNotLike` and the like.
    exempt: Map<String, Value>,
}

impl Template {
    fn of(model: &Map<String, Value>) -> Result<Self, PolicyError> {
        let wrong = |why: &str| unexpected(format!("its statement `{MODEL}` {why}"));
        if model.get("Effect").is_none_or(|effect| effect != "Deny") {
            return Err(wrong("does not deny"));
        }
        let resource = model.get("Resource").cloned().ok_or_else(|| wrong("has no `Resource`"))?;
        let conditions = model.get("Condition").and_then(Value::as_object);
        let mut exempt = Map::new();
        for (operator, keys) in conditions.into_iter().flatten() {
            let arns = keys.as_object().into_iter().flatten();
            let is_principal = |key: &str| PRINCIPAL.iter().any(|p| key.eq_ignore_ascii_case(p));
            let arns = arns.filter(|(key, _)| is_principal(key));
            for (key, arns) in arns {
                let plain = operator.strip_suffix("IfExists").unwrap_or(operator);
                let negates = ["StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike"];
                if !negates.contains(&plain) {
                    return Err(wrong(&format!("has `{operator}` for `{key}`")));
                }
                let keys = exempt.entry(operator.clone()).or_insert_with(|| json!({}));
                keys[key] = arns.clone();
            }
        }
        if exempt.is_empty() {
            // Without it guard would deny the role that it runs as, and Terraform.
            return Err(wrong("exempts no role by `aws:PrincipalArn`"));
        }
        Ok(Self { resource, exempt })
    }

    /// Exempts none of the principals that another statement exempts, unless nobody would be left.
    fn spare_not(&mut self, other: &Map<String, Value>) {
        let Ok(Self { exempt: functions, .. }) = Self::of(other) else { return };
        let texts = |value: &Value| -> Vec<Value> {
            value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
        };
        let keys = functions.values().filter_map(Value::as_object).flat_map(Map::values);
        let functions: Vec<Value> = keys.flat_map(texts).collect();
        for keys in self.exempt.values_mut().filter_map(Value::as_object_mut) {
            for arns in keys.values_mut() {
                let left: Vec<Value> =
                    texts(arns).into_iter().filter(|arn| !functions.contains(arn)).collect();
                if !left.is_empty() {
                    *arns = json!(left);
                }
            }
        }
    }

    fn statement(&self, nets: &[Net]) -> Value {
        let mut conditions = self.exempt.clone();
        conditions.insert("IpAddress".into(), json!({ "aws:SourceIp": nets }));
        json!({
            "Sid": SID,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": self.resource,
            "Condition": conditions,
        })
    }
}

impl Document<'_> {
    fn with(&self, others: &[&str], place: usize, template: &Template, nets: &[Net]) -> String {
        let ours = (!nets.is_empty()).then(|| template.statement(nets).to_string());
        let mut statements: Vec<&str> = others.to_vec();
        if let Some(ours) = &ours {
            statements.insert(place.min(others.len()), ours);
        }
        let head = [("Version", self.version), ("Id", self.id)];
        let head = head.into_iter().filter_map(|(name, raw)| raw.map(|raw| (name, raw.get())));
        let mut members: Vec<String> =
            head.map(|(name, raw)| format!("\"{name}\":{raw}")).collect();
        members.push(format!("\"Statement\":[{}]", statements.join(",")));
        format!("{{{}}}", members.join(","))
    }
}

#[derive(Default)]
struct Fitted {
    denied: Vec<Net>,
    merged: Vec<Net>,
    dropped: Vec<Net>,
}

/// The bytes that a network takes: its quotation marks, and a comma.
fn cost(net: Net) -> usize {
    net.to_string().len() + 3
}

/// As many of the blocks as there is room for. First addresses are put together into their networks,
/// where most are together; then those who did least are left out.
fn fit(blocks: &[Block], room: usize) -> Fitted {
    let total = |nets: &BTreeMap<Net, Rank>| nets.keys().map(|net| cost(*net)).sum::<usize>();
    let mut nets: BTreeMap<Net, Rank> =
        blocks.iter().map(|block| (block.net, Rank::of(block))).collect();
    let mut fitted = Fitted::default();
    if total(&nets) > room {
        let mut groups: BTreeMap<Net, BTreeSet<Net>> = BTreeMap::new();
        for block in blocks {
            if let Some(within) = block.within {
                groups.entry(within).or_default().insert(block.net);
            }
        }
        let mut groups: Vec<_> = groups.into_iter().filter(|(_, nets)| nets.len() > 1).collect();
        groups.sort_by_key(|(network, members)| (Reverse(members.len()), *network));
        for (network, members) in groups {
            if total(&nets) <= room {
                break;
            }
            let worst = members.iter().filter_map(|net| nets.remove(net)).max();
            nets.insert(network, worst.unwrap_or_default());
            fitted.merged.push(network);
        }
    }
    let mut order: Vec<_> = nets.into_iter().collect();
    order.sort_by_key(|(net, rank)| (Reverse(*rank), *net));
    let mut left = room;
    for (net, _) in order {
        match left.checked_sub(cost(net)) {
            Some(rest) => {
                left = rest;
                fitted.denied.push(net);
            }
            None => fitted.dropped.push(net),
        }
    }
    fitted.merged.retain(|network| fitted.denied.contains(network));
    fitted
}

/// How bad somebody is: how often they were blocked, how far they went, how long it lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u32, u64, i64);

impl Rank {
    fn of(block: &Block) -> Self {
        Self(block.level, block.weight, block.until.as_second())
    }
}

#[cfg(test)]
mod tests;
