//! llama.cpp's grammar notation, GBNF, into Lark's.
//!
//! A rule that does not reach itself becomes a regular expression, put in where it is named; what is left are the recursive
//! rules, over such expressions. A grammar without recursion is one expression and means exactly what it meant. With
//! recursion, every accepted text is still one of the grammar's, but where two pieces meet the first takes what it can, so that
//! a few of its texts are not reached. Tokens by name (`<[12]>`, `<|end|>`) are refused: text alone is constrained.

use std::collections::{BTreeMap, BTreeSet};

/// Of one regular expression. Rules that name rules, each twice, double it.
const PATTERN_LIMIT: usize = 256 << 10;
const DEPTH_LIMIT: usize = 500;

pub fn is_gbnf(source: &str) -> bool {
    source.contains("::=")
}

pub fn to_lark(source: &str) -> Result<String, String> {
    let rules = Parser::new(source).rules()?;
    let Some(root) = rules.get("root") else {
        return Err("GBNF: there is no rule 'root'".into());
    };
    for (name, rule) in &rules {
        for called in called_by(rule) {
            if !rules.contains_key(&called) {
                return Err(format!(
                    "GBNF: rule '{name}' names '{called}', which is not defined"
                ));
            }
        }
    }
    let writer = Writer {
        recursive: recursive(&rules),
        rules: &rules,
    };
    let mut out = format!("start: {}\n", writer.lark(root)?);
    for name in &writer.recursive {
        let body = writer.lark(&rules[name])?;
        out.push_str(&format!("{}: {body}\n", writer.lark_name(name)));
    }
    Ok(out)
}

enum Expr {
    Literal(String),
    /// As a regular expression spells it, brackets included.
    Class(String),
    Rule(String),
    Sequence(Vec<Expr>),
    Choice(Vec<Expr>),
    Repeat(Box<Expr>, u32, Option<u32>),
}

type Rules = BTreeMap<String, Expr>;

fn called_by(expr: &Expr) -> BTreeSet<String> {
    match expr {
        Expr::Rule(name) => BTreeSet::from([name.clone()]),
        Expr::Sequence(parts) | Expr::Choice(parts) => parts.iter().flat_map(called_by).collect(),
        Expr::Repeat(inner, ..) => called_by(inner),
        Expr::Literal(_) | Expr::Class(_) => BTreeSet::new(),
    }
}

/// The rules that reach a rule which reaches itself.
fn recursive(rules: &Rules) -> BTreeSet<String> {
    let calls: BTreeMap<_, _> = rules.iter().map(|(n, e)| (n, called_by(e))).collect();
    // Rules all of whose callees are plain are plain; what is left when no more are found is recursive.
    let mut plain = BTreeSet::new();
    loop {
        let found: Vec<_> = calls
            .iter()
            .filter(|(name, called)| !plain.contains(**name) && called.is_subset(&plain))
            .map(|(name, _)| name.to_string())
            .collect();
        if found.is_empty() {
            break;
        }
        plain.extend(found);
    }
    rules
        .keys()
        .filter(|n| !plain.contains(*n))
        .cloned()
        .collect()
}

struct Writer<'a> {
    rules: &'a Rules,
    recursive: BTreeSet<String>,
}

impl Writer<'_> {
    fn lark_name(&self, name: &str) -> String {
        let index = self.recursive.iter().position(|r| r == name);
        format!("rule_{}", index.unwrap_or_default())
    }

    fn is_plain(&self, expr: &Expr) -> bool {
        called_by(expr).is_disjoint(&self.recursive)
    }

    fn lark(&self, expr: &Expr) -> Result<String, String> {
        if self.is_plain(expr) {
            let mut pattern = String::new();
            self.pattern(expr, &mut pattern)?;
            return Ok(match pattern.is_empty() {
                true => "\"\"".into(),
                false => format!("/{pattern}/"),
            });
        }
        let all = |parts: &[Expr]| -> Result<Vec<String>, String> {
            parts.iter().map(|part| self.lark(part)).collect()
        };
        Ok(match expr {
            Expr::Rule(name) => self.lark_name(name),
            Expr::Choice(parts) => format!("({})", all(parts)?.join(" | ")),
            Expr::Sequence(parts) => self.lark_sequence(parts)?,
            Expr::Repeat(inner, least, most) => {
                let inner = self.lark(inner)?;
                match most {
                    Some(most) => format!("({inner}){{{least},{most}}}"),
                    None => format!("({inner}){{{least},}}"),
                }
            }
            Expr::Literal(_) | Expr::Class(_) => unreachable!("these are plain"),
        })
    }

    /// Neighbours that are plain become one expression: the fewer pieces, the fewer places where they meet.
    fn lark_sequence(&self, parts: &[Expr]) -> Result<String, String> {
        let mut out = Vec::new();
        let mut pattern = String::new();
        for part in parts {
            if self.is_plain(part) {
                self.pattern(part, &mut pattern)?;
                continue;
            }
            if !pattern.is_empty() {
                out.push(format!("/{pattern}/"));
                pattern.clear();
            }
            out.push(self.lark(part)?);
        }
        if !pattern.is_empty() {
            out.push(format!("/{pattern}/"));
        }
        Ok(out.join(" "))
    }

    /// Appends a plain expression as a regular one.
    fn pattern(&self, expr: &Expr, out: &mut String) -> Result<(), String> {
        match expr {
            Expr::Literal(text) => text.chars().for_each(|c| push_escaped(c, out)),
            Expr::Class(class) => out.push_str(class),
            Expr::Rule(name) => self.group(&self.rules[name], out)?,
            Expr::Sequence(parts) => {
                for part in parts {
                    self.pattern(part, out)?;
                }
            }
            Expr::Choice(parts) => {
                out.push_str("(?:");
                for (i, part) in parts.iter().enumerate() {
                    if i > 0 {
                        out.push('|');
                    }
                    self.pattern(part, out)?;
                }
                out.push(')');
            }
            Expr::Repeat(inner, least, most) => {
                self.group(inner, out)?;
                match most {
                    Some(most) => out.push_str(&format!("{{{least},{most}}}")),
                    None => out.push_str(&format!("{{{least},}}")),
                }
            }
        }
        if out.len() > PATTERN_LIMIT {
            return Err(format!(
                "GBNF: written out, a rule is longer than {PATTERN_LIMIT} bytes"
            ));
        }
        Ok(())
    }

    fn group(&self, expr: &Expr, out: &mut String) -> Result<(), String> {
        out.push_str("(?:");
        self.pattern(expr, out)?;
        out.push(')');
        Ok(())
    }
}

/// As its code, where it means something to a regular expression or to Lark.
fn push_escaped(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_control()) {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str) -> Self {
        Parser { source, at: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn takes(&mut self, text: &str) -> bool {
        let found = self.source[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn fail<T>(&self, what: impl std::fmt::Display) -> Result<T, String> {
        let line = 1 + self.source[..self.at].matches('\n').count();
        Err(format!("GBNF: line {line}: {what}"))
    }

    fn skip_space(&mut self, over_lines: bool) {
        while let Some(c) = self.peek() {
            match c {
                '#' => {
                    let rest = &self.source[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                '\n' | '\r' if !over_lines => return,
                c if c.is_ascii_whitespace() => self.at += 1,
                _ => return,
            }
        }
    }

    fn rules(&mut self) -> Result<Rules, String> {
        let mut rules = Rules::new();
        loop {
            self.skip_space(true);
            if self.peek().is_none() {
                return Ok(rules);
            }
            let name = self.name()?;
            self.skip_space(false);
            if !self.takes("::=") {
                return self.fail(format!("'::=' is missing after '{name}'"));
            }
            self.skip_space(true);
            let rule = self.choice(0)?;
            if !matches!(self.peek(), None | Some('\n' | '\r')) {
                return self.fail(format!("rule '{name}' does not end with its line"));
            }
            if rules.insert(name.clone(), rule).is_some() {
                return self.fail(format!("rule '{name}' is defined twice"));
            }
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let rest = &self.source[self.at..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .unwrap_or(rest.len());
        if end == 0 {
            return self.fail("a name is missing");
        }
        self.at += end;
        Ok(rest[..end].to_string())
    }

    fn choice(&mut self, depth: usize) -> Result<Expr, String> {
        if depth > DEPTH_LIMIT {
            return self.fail("nested too deeply");
        }
        let mut parts = vec![self.sequence(depth)?];
        while self.takes("|") {
            self.skip_space(true);
            parts.push(self.sequence(depth)?);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Expr::Choice(parts),
        })
    }

    fn sequence(&mut self, depth: usize) -> Result<Expr, String> {
        let mut parts = Vec::new();
        loop {
            self.skip_space(depth > 0);
            let Some(c) = self.peek() else { break };
            let part = match c {
                '|' | ')' | '\n' | '\r' => break,
                '"' => self.literal()?,
                '[' => self.class()?,
                '.' => {
                    self.at += 1;
                    Expr::Class("(?s:.)".into())
                }
                '(' => {
                    self.at += 1;
                    let inner = self.choice(depth + 1)?;
                    if !self.takes(")") {
                        return self.fail("')' is missing");
                    }
                    inner
                }
                '<' | '!' => return self.fail("tokens by name are not supported"),
                _ => Expr::Rule(self.name()?),
            };
            parts.push(self.repeated(part)?);
        }
        Ok(Expr::Sequence(parts))
    }

    fn repeated(&mut self, mut part: Expr) -> Result<Expr, String> {
        for _ in 0..DEPTH_LIMIT {
            let (least, most) = match self.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => {
                    self.at += 1;
                    let (least, most) = self.bounds()?;
                    part = Expr::Repeat(Box::new(part), least, most);
                    continue;
                }
                _ => return Ok(part),
            };
            self.at += 1;
            part = Expr::Repeat(Box::new(part), least, most);
        }
        self.fail("nested too deeply")
    }

    fn bounds(&mut self) -> Result<(u32, Option<u32>), String> {
        let rest = &self.source[self.at..];
        let Some(end) = rest.find('}') else {
            return self.fail("'}' is missing");
        };
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let bounds = match rest[..end].split_once(',') {
            None => number(&rest[..end]).map(|n| (n, Some(n))),
            Some((least, most)) if most.trim().is_empty() => number(least).map(|n| (n, None)),
            Some((least, most)) => number(least).zip(number(most).map(Some)),
        };
        match bounds {
            Some((least, most)) if most.is_none_or(|most| most >= least) => {
                self.at += end + 1;
                Ok((least, most))
            }
            _ => self.fail(format!("'{{{}}}' is no number of times", &rest[..end])),
        }
    }

    fn literal(&mut self) -> Result<Expr, String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.take() {
                Some('"') => return Ok(Expr::Literal(text)),
                Some('\\') => text.push(self.escape()?),
                Some(c) if c != '\n' => text.push(c),
                _ => return self.fail("'\"' is missing"),
            }
        }
    }

    fn class(&mut self) -> Result<Expr, String> {
        self.at += 1;
        let mut out = String::from("[");
        if self.takes("^") {
            out.push('^');
        }
        let empty = out.len();
        loop {
            let c = match self.take() {
                Some(']') if out.len() > empty => break,
                Some(']') => return self.fail("a class of no characters"),
                Some('\\') => self.escape()?,
                Some(c) if c != '\n' => c,
                _ => return self.fail("']' is missing"),
            };
            push_escaped(c, &mut out);
            let rest = &self.source[self.at..];
            if rest.starts_with('-') && !rest.starts_with("-]") {
                self.at += 1;
                let last = match self.take() {
                    Some('\\') => self.escape()?,
                    Some(last) => last,
                    None => return self.fail("']' is missing"),
                };
                if last < c {
                    return self.fail(format!("the range {c}-{last} is empty"));
                }
                out.push('-');
                push_escaped(last, &mut out);
            }
        }
        out.push(']');
        Ok(Expr::Class(out))
    }

    fn escape(&mut self) -> Result<char, String> {
        let digits = match self.take() {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some(c @ ('\\' | '"' | '[' | ']' | '-' | '^')) => return Ok(c),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return self.fail("an unknown escape"),
        };
        let code = self.source[self.at..]
            .get(..digits)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32);
        match code {
            Some(c) => {
                self.at += digits;
                Ok(c)
            }
            None => self.fail("an escape that is no character"),
        }
    }
}
