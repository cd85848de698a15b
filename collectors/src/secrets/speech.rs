//! Text for people that stands where a value might.

/// What such text is about.
const SUBJECTS: &[&str] = &[
    "password",
    "passwords",
    "passwort",
    "passwörter",
    "kennwort",
    "passphrase",
    "token",
    "secret",
    "key",
    "schlüssel",
    "passe",
    "secrète",
    "contraseña",
    "contrasena",
    "parola",
    "senha",
    "wachtwoord",
    "hasło",
    "пароль",
    "code",
    "código",
    "codice",
    "credential",
    "credentials",
    "passcode",
    "tokens",
    "username",
    "api-schlüssel",
    "clé",
    "clave",
    "chiave",
    "lösenord",
    "heslo",
    "mot",
    "confirmación",
    "geheimer",
    "privater",
    "geheimnis",
    "passord",
    "salasana",
];

/// Words that sentences have and pass phrases have not.
const SPEECH: &[&str] = &[
    "the",
    "is",
    "must",
    "your",
    "for",
    "not",
    "should",
    "please",
    "muss",
    "ist",
    "nicht",
    "bitte",
    "of",
    "to",
    "this",
    "that",
    "with",
    "will",
    "cannot",
    "debe",
    "deve",
    "doit",
    "may",
    "when",
    "authentication",
    "optional",
    "required",
];

/// Whether the value is text for people: a label or message about passwords, in any language.
pub(super) fn is_label(value: &[u8]) -> bool {
    let spaces = memchr::memchr_iter(b' ', value).count();
    let shape = |b: &u8| {
        b.is_ascii_alphabetic()
            || *b >= 0x80
            || b" .,:;!?'()-/{}%\"`*=>".contains(b)
            || b.is_ascii_digit()
    };
    if value.len() > 400 || !value.iter().all(shape) {
        return false;
    }
    let digits = value.iter().any(u8::is_ascii_digit);
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || ".,:;!?()'\"`*".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let has = |list: &[&str]| words.iter().filter(|word| list.contains(word)).count();
    match spaces {
        0 => {
            !digits
                && words.len() == 1
                && SUBJECTS.contains(&words[0])
                && lower.ends_with(|c| c != ' ')
        }
        1 => !digits && has(SUBJECTS) > 0,
        _ => {
            has(SUBJECTS) > 0 && !(digits && spaces < 3) || has(SPEECH) >= 2 || lower.contains("{{")
        }
    }
}
