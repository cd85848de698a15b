//! Command lines of processes, as a person would type them.

/// How much of a command line is shown; class paths of Java go on for pages.
const COMMAND_LENGTH: usize = 4096;

/// The arguments as a shell would take them; the name in brackets where there are none, as for
/// kernel threads. Cut between arguments only: half a password is one that is not recognised.
pub(crate) fn command(name: &str, arguments: &[u8]) -> String {
    shortened(name, arguments, COMMAND_LENGTH)
}

/// The same, with as many of its arguments as there is room for in so many bytes.
pub(crate) fn shortened(name: &str, arguments: &[u8], length: usize) -> String {
    let arguments = arguments.strip_suffix(b"\0").unwrap_or(arguments);
    if arguments.is_empty() {
        return format!("[{name}]");
    }
    let mut command = String::new();
    let mut left_out = 0;
    for argument in arguments.split(|byte| *byte == 0) {
        let argument = quoted(&String::from_utf8_lossy(argument));
        if left_out > 0 || command.len() + argument.len() > length {
            left_out += 1;
        } else {
            command.push_str(&argument);
            command.push(' ');
        }
    }
    match (left_out, command.as_str()) {
        (0, _) => command.trim_end().to_owned(),
        (_, "") => format!("[{name}] … (arguments left out: {left_out})"),
        _ => format!("{command}… (arguments left out: {left_out})"),
    }
}

/// The argument in quotes if it needs them, with line breaks and the like written as escapes.
fn quoted(argument: &str) -> String {
    let mut shown = String::with_capacity(argument.len());
    for letter in argument.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    if shown.is_empty() || shown.contains([' ', '"', '\'']) {
        format!("'{}'", shown.replace('\'', r"'\''"))
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_so_that_the_row_stays_a_row() {
        assert_eq!(
            command("sh", b"sh\0-c\0echo 'a'\nexit\0\0"),
            r"sh -c 'echo '\''a'\''\nexit' ''"
        );
        assert_eq!(command("kworker/0:1", b""), "[kworker/0:1]");
        // A program that wrote its own title.
        assert_eq!(command("nginx", b"nginx: master\0"), "'nginx: master'");
    }

    #[test]
    fn a_long_command_line_is_cut_between_arguments() {
        let path = "x".repeat(COMMAND_LENGTH + 1);
        let arguments = format!("java\0-cp\0{path}\0--token=made-up\0");
        assert_eq!(command("java", arguments.as_bytes()), "java -cp … (arguments left out: 2)");
        assert_eq!(command("long", path.as_bytes()), "[long] … (arguments left out: 1)");
    }
}
