//! A regular expression of ECMAScript (ECMA-262, 22.2), as JSON Schema has them, in the notation of Rust's regex-syntax.
//!
//! What both spell alike passes through; llguidance itself narrows \d and \w to ASCII. What they spell alike and mean
//! differently is rewritten (`.`, \s, brackets inside a class), and what only one of them knows is refused.

/// WhiteSpace and LineTerminator of ECMA-262, inside a class.
const SPACE: &str = r"\t\n\x0B\x0C\r\x20\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";

pub fn from_ecmascript(pattern: &str) -> Result<String, String> {
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
                    '0' if !chars.peek().is_some_and(char::is_ascii_digit) => {
                        out.push_str(r"\x00")
                    }
                    'd' | 'D' | 'w' | 'W' | 'n' | 'r' | 't' | 'v' | 'f' | 'x' | 'u' | 'p' | 'P'
                    | 'b' | 'B' => out.extend(['\\', escaped]),
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
