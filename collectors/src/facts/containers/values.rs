//! What an engine says without the values that are nobody's business: those of environment
//! variables, of which the names stay, and of what log drivers are told.

use serde_json::Value;

/// Lists of `NAME=value`.
const ENVIRONMENT: [&str; 2] = ["Env", "Environment"];

/// The command that made a container, in which the variables stand as arguments.
const COMMAND: &str = "CreateCommand";

/// What a log driver is told: endpoints and tokens.
const LOG_DRIVER: &str = "LogConfig";

/// The same value without them.
pub(crate) fn removed(mut value: Value) -> Value {
    remove(&mut value);
    value
}

fn remove(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(remove),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    name if ENVIRONMENT.contains(&name) => names_only(value),
                    COMMAND => arguments(value),
                    LOG_DRIVER => keys_only(&mut value["Config"]),
                    _ => remove(value),
                }
            }
        }
        _ => {}
    }
}

/// The name of a variable that is written `NAME=value`.
pub(crate) fn name_of(variable: &str) -> &str {
    variable.split('=').next().unwrap_or_default()
}

/// `NAME=value` in a list, or an object of them.
fn names_only(value: &mut Value) {
    match value {
        Value::Array(variables) => {
            for variable in variables {
                let name = variable.as_str().map(name_of).unwrap_or_default();
                *variable = Value::from(name);
            }
        }
        Value::Object(variables) => {
            variables.values_mut().for_each(|value| *value = Value::Null);
        }
        Value::Null => {}
        other => *other = Value::from("[left out]"),
    }
}

fn keys_only(value: &mut Value) {
    if let Value::Object(settings) = value {
        settings.values_mut().for_each(|value| *value = Value::from("[left out]"));
    }
}

/// `-e NAME=value`, `-eNAME=value`, `--env NAME=value`, `--env=NAME=value`.
fn arguments(value: &mut Value) {
    let Value::Array(arguments) = value else {
        return;
    };
    let mut is_variable = false;
    for argument in arguments {
        let text = argument.as_str().unwrap_or_default().to_owned();
        if is_variable {
            *argument = Value::from(name_of(&text));
            is_variable = false;
            continue;
        }
        is_variable = ["-e", "--env"].contains(&text.as_str());
        let attached = text.strip_prefix("--env=").map(|variable| ("--env=", variable));
        let attached = attached.or_else(|| {
            text.strip_prefix("-e").filter(|rest| rest.contains('=')).map(|rest| ("-e", rest))
        });
        if let Some((option, variable)) = attached {
            *argument = Value::from(format!("{option}{}", name_of(variable)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_variables_are_gone_wherever_they_stand() {
        let said = json!({
            "Config": {
                "Env": ["PATH=/bin", "TOKEN=made-up=1", "EMPTY="],
                "CreateCommand": [
                    "podman", "run", "-e", "A=made-up", "--env", "B=made-up", "--env=C=made-up",
                    "-eD=made-up", "--entrypoint", "x=y",
                ],
                "Cmd": ["sh", "-c", "x=1"],
            },
            "HostConfig": {
                "LogConfig": { "Type": "splunk", "Config": { "splunk-token": "made-up" } },
            },
            "Spec": [{ "Env": { "E": "made-up" } }, { "Env": null }, { "Env": "made-up" }],
        });
        let said = removed(said);
        assert!(!said.to_string().contains("made-up"), "{said}");
        assert_eq!(said["Config"]["Env"], json!(["PATH", "TOKEN", "EMPTY"]));
        let command = said["Config"]["CreateCommand"].as_array().unwrap();
        assert_eq!(command[2..8], ["-e", "A", "--env", "B", "--env=C", "-eD"]);
        assert_eq!(command[8..], ["--entrypoint", "x=y"]);
        assert_eq!(said["Config"]["Cmd"][2], "x=1");
        assert_eq!(said["HostConfig"]["LogConfig"]["Type"], "splunk");
    }
}
