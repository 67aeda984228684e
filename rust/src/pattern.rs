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
    refuse_unwritable(pattern)?;
    let mut out = String::new();
    let mut in_class = false;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let Some(escaped) = chars.next() else {
                    return Err("a lone backslash at the end".into());
                };
                match escaped {
                    's' => out.push_str(&format!("[{SPACE}]")),
                    'S' => out.push_str(&format!("[^{SPACE}]")),
                    'b' if in_class => out.push_str(r"\x08"),
                    'd' | 'D' | 'w' | 'W' | 'n' | 'r' | 't' | 'f' | 'x' | 'u' | 'p' | 'P' | 'b'
                    | 'B' => out.extend(['\\', escaped]),
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

/// As the only character in its place such a one would be left out, and the rest taken for a match. Ranges may hold them.
fn refuse_unwritable(pattern: &str) -> Result<(), String> {
    let refused = || Err("a control character".to_string());
    if pattern.chars().any(is_unwritable) {
        return refused();
    }
    for (at, _) in pattern.match_indices('\\') {
        let rest = &pattern[at + 1..];
        let digits = match rest.chars().next() {
            Some('x') => rest.get(1..3),
            Some('u') => rest.get(1..5),
            Some('0' | 'v') => return refused(),
            _ => None,
        };
        let Some(code) = digits.and_then(|hex| u32::from_str_radix(hex, 16).ok()) else {
            continue;
        };
        let in_range =
            rest[1 + digits.map_or(0, str::len)..].starts_with('-') || pattern[..at].ends_with('-');
        if !in_range && char::from_u32(code).is_some_and(is_unwritable) {
            return refused();
        }
    }
    Ok(())
}
