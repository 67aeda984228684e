//! A regular expression of ECMAScript (ECMA-262, 22.2), as JSON Schema has them, in the notation of Rust's regex-syntax.
//!
//! What both spell alike passes through; llguidance itself narrows \d and \w to ASCII. What they spell alike and mean
//! differently is rewritten (`.`, \s, brackets inside a class), and what only one of them knows is refused.

/// WhiteSpace and LineTerminator of ECMA-262, inside a class.
const SPACE: &str = r"\t\n\x0B\x0C\r\x20\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";

/// Control characters that JSON can only write as \uXXXX, which replies do not (see JSON_ESCAPES in constraint.rs).
pub fn is_unwritable(c: char) -> bool {
    c.is_ascii_control() && !matches!(c, '\u{8}' | '\u{c}' | '\n' | '\r' | '\t')
}

pub fn from_ecmascript(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut in_class = false;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if is_unwritable(c) => return Err(CONTROL.into()),
            '\\' => {
                let Some(escaped) = chars.next() else {
                    return Err("a lone backslash at the end".into());
                };
                match escaped {
                    's' => out.push_str(&format!("[{SPACE}]")),
                    'S' => out.push_str(&format!("[^{SPACE}]")),
                    'b' if in_class => out.push_str(r"\x08"),
                    'x' | 'u' => {
                        let in_range =
                            in_class && (out.ends_with('-') || goes_on_to(chars.clone()));
                        if !in_range && code_of(escaped, chars.clone()).is_some_and(is_unwritable) {
                            return Err(CONTROL.into());
                        }
                        out.extend(['\\', escaped]);
                    }
                    '0' | 'v' => return Err(CONTROL.into()),
                    'd' | 'D' | 'w' | 'W' | 'n' | 'r' | 't' | 'f' | 'p' | 'P' | 'b' | 'B' => {
                        out.extend(['\\', escaped])
                    }
                    _ if escaped.is_ascii_punctuation() => out.extend(['\\', escaped]),
                    _ => return Err(format!("the escape \\{escaped}")),
                }
            }
            '.' if !in_class => out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    return Err("an empty class".into());
                }
            }
            // Rust nests classes, and has set operators.
            '[' | '&' | '~' if in_class => out.extend(['\\', c]),
            '-' if in_class && chars.peek() == Some(&'-') => {
                return Err("'--' in a class".into());
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '(' if !in_class && chars.peek() == Some(&'?') => {
                let mut ahead = chars.clone();
                ahead.next();
                match ahead.next() {
                    Some(':') => out.push('('),
                    Some('<') if !matches!(ahead.next(), Some('=' | '!')) => out.push('('),
                    _ => return Err("a group that looks around or sets flags".into()),
                }
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// As the only character in its place one that cannot be written would be left out, and the rest taken for a match. A range
/// holds others too.
const CONTROL: &str = "a control character";

/// The longest code of an escape, and the character behind it.
const CODE_SIGHT: usize = 9;

/// The character that `\x` or `\u` means, by what follows it: hexadecimal digits, in braces or not.
fn code_of(escaped: char, rest: impl Iterator<Item = char>) -> Option<char> {
    let text: String = rest.take(CODE_SIGHT).collect();
    let length = if escaped == 'x' { 2 } else { 4 };
    let digits = match text.strip_prefix('{') {
        Some(inner) => inner.split('}').next()?,
        None => text.get(..length)?,
    };
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// Whether the code is the first of a range.
fn goes_on_to(rest: impl Iterator<Item = char>) -> bool {
    let is_code = |c: &char| c.is_ascii_hexdigit() || matches!(c, '{' | '}');
    rest.take(CODE_SIGHT).find(|c| !is_code(c)) == Some('-')
}
