//! HTML to text, as simonw's strip-tags 0.6 does it: parsed by html5ever (the WHATWG algorithm, as html5lib has it), chosen by
//! CSS selectors, hidden things left out, white space folded on request.
//!
//! Covers: pages of any bytes, nesting and repetition made to cost time or memory (bounds below and in `page`; what passes
//! one is refused, never cut). Does not cover: harmful text or markup, which stays in what is kept; the cost of a person's own
//! selectors.

use std::borrow::Cow;
use std::collections::HashSet;

use ego_tree::{NodeId, NodeRef};
use scraper::node::{Element, Node, Text};
use scraper::{ElementRef, Html, Selector};
use serde::Deserialize;

use crate::page;

const MOST_INPUT_BYTES: usize = 32 << 20;
const MOST_OUTPUT_BYTES: usize = 128 << 20;
/// Where a page may say what it is encoded in.
const PRESCAN_BYTES: usize = 1024;

#[derive(Deserialize)]
pub struct Options {
    selectors: Vec<String>,
    removes: Vec<String>,
    keep_tags: Vec<String>,
    minify: bool,
    first: bool,
    all_attrs: bool,
}

/// Followed by a line break where one is chosen.
const BLOCKS: &[&str] = &[
    "address", "article", "aside", "blockquote", "body", "center", "dd", "dir", "div", "dl", "dt", "figure",
    "figcaption", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend", "li",
    "listing", "menu", "nav", "ol", "p", "plaintext", "pre", "section", "summary", "ul", "xmp",
];

/// Never shown by browsers.
const HIDDEN: &[&str] = &[
    "area", "base", "basefont", "command", "datalist", "head", "link", "meta", "noembed", "noframes", "param", "rp",
    "script", "source", "style", "track", "title",
];

fn is_hidden(element: &Element) -> bool {
    let has_type = |kind: &str| element.attr("type").is_some_and(|t| t.eq_ignore_ascii_case(kind));
    match element.name() {
        "input" if has_type("hidden") => true,
        "menu" if has_type("context") => true,
        name => HIDDEN.contains(&name) || element.attr("hidden").is_some(),
    }
}

/// Without an end tag.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "command", "embed", "hr", "img", "input", "keygen", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Names for several tags at once.
const BUNDLES: &[(&str, &[&str])] = &[
    ("hs", &["h1", "h2", "h3", "h4", "h5", "h6"]),
    ("metadata", &["title", "meta"]),
    ("structure", &["header", "nav", "main", "article", "section", "aside", "footer"]),
    ("tables", &["table", "tr", "td", "th", "thead", "tbody", "tfoot", "caption", "colgroup", "col"]),
    ("lists", &["ul", "ol", "li", "dl", "dd", "dt"]),
];

fn kept_attribute(tag: &str, name: &str) -> bool {
    name == "id"
        || name == "class"
        || matches!(
            (tag, name),
            ("a", "href") | ("img", "alt") | ("meta", "name" | "value" | "property" | "content")
        )
}

/// Python's str.isspace.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Where Python's str.splitlines cuts, but for "\r\n", which counts once.
fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The page's text: by a byte order mark, by what the page says of itself, as UTF-8 where it is that, else as windows-1252.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes) {
        return Ok(encoding.decode(bytes).0);
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(PRESCAN_BYTES)]).to_ascii_lowercase();
    if let Some(at) = head.find("charset=") {
        let label: String = head[at + "charset=".len()..]
            .trim_start_matches(['"', '\'', ' '])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c))
            .collect();
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes())
            .ok_or_else(|| format!("the page is in the charset '{label}', which nobody knows"))?;
        return Ok(encoding.decode(bytes).0);
    }
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0,
    })
}

fn selector(text: &str) -> Result<Selector, String> {
    Selector::parse(text).map_err(|e| format!("'{text}' is not a CSS selector: {e}").replace('\n', " "))
}

/// The node that follows in document order: inside of `node` if that is wanted, else the first behind it.
fn following<'a>(node: NodeRef<'a, Node>, inside: bool) -> Option<NodeRef<'a, Node>> {
    let child = if inside { node.first_child() } else { None };
    child.or_else(|| {
        std::iter::successors(Some(node), |node| node.parent()).find_map(|node| node.next_sibling())
    })
}

/// In document order. What is inside a <template> is no part of the document that selectors choose from.
fn matching(html: &Html, selector: &Selector) -> Vec<NodeId> {
    std::iter::successors(Some(html.tree.root()), |&node| following(node, !node.value().is_fragment()))
        .filter_map(ElementRef::wrap)
        .filter(|element| selector.matches(element))
        .map(|element| element.id())
        .collect()
}

/// The nodes that are or hold an element to be kept.
fn holders(html: &Html, keep: &[String]) -> HashSet<NodeId> {
    let mut holders = HashSet::new();
    if keep.is_empty() {
        return holders;
    }
    for node in html.tree.root().descendants() {
        if node.value().as_element().is_some_and(|e| keep.iter().any(|tag| tag == e.name())) {
            let mut up = std::iter::successors(Some(node), |node| node.parent());
            while up.next().is_some_and(|node| holders.insert(node.id())) {}
        }
    }
    holders
}

/// Takes out what browsers do not show, where it holds nothing to be kept.
fn hide(html: &mut Html, keep: &[String]) {
    let holders = holders(html, keep);
    let mut hidden = Vec::new();
    let mut next = Some(html.tree.root());
    while let Some(node) = next {
        let hides = node.value().as_element().is_some_and(is_hidden) && !holders.contains(&node.id());
        if hides {
            hidden.push(node.id());
        }
        next = following(node, !hides && !node.value().is_fragment());
    }
    detach(html, hidden);
}

fn detach(html: &mut Html, ids: Vec<NodeId>) {
    for id in ids {
        if let Some(mut node) = html.tree.get_mut(id) {
            node.detach();
        }
    }
}

struct Writer<'a> {
    keep: &'a [String],
    minify: bool,
    all_attrs: bool,
    out: String,
}

impl Writer<'_> {
    fn keeps(&self, name: &str) -> bool {
        self.keep.iter().any(|tag| tag == name)
    }

    fn text(&mut self, text: &str) {
        if !self.minify {
            self.out.push_str(text);
            return;
        }
        let begin = self.out.len();
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.find(is_space).unwrap_or(rest.len());
            self.out.push_str(&rest[..word]);
            rest = &rest[word..];
            let blank = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
            if blank > 0 {
                self.out.push_str(match rest[..blank].matches('\n').count() {
                    0 => " ",
                    1 => "\n",
                    _ => "\n\n",
                });
            }
            rest = &rest[blank..];
        }
        if &self.out[begin..] == "\n" {
            self.out.replace_range(begin.., " ");
        }
    }

    fn open(&mut self, element: &scraper::node::Element) {
        let name = element.name();
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in element.attrs.iter() {
            let key = match &key.prefix {
                Some(prefix) if !prefix.is_empty() => format!("{}:{}", prefix, key.local),
                _ => key.local.to_string(),
            };
            if self.all_attrs || kept_attribute(name, &key) {
                self.out.push_str(&format!(" {key}=\"{value}\""));
            }
        }
        self.out.push('>');
    }

    /// Recursion is as deep as the page, which page::parse() bounds.
    fn node(&mut self, node: NodeRef<Node>) -> Result<(), String> {
        if self.out.len() > MOST_OUTPUT_BYTES {
            return Err(format!("what the selectors choose is longer than {MOST_OUTPUT_BYTES} bytes"));
        }
        match node.value() {
            Node::Text(text) => self.text(text),
            Node::Fragment => self.children(node)?, // of a <template>
            Node::Element(element) => {
                let name = element.name();
                let kept = self.keeps(name);
                if kept {
                    self.open(element);
                }
                if name == "pre" {
                    for inner in node.descendants() {
                        if let Node::Text(text) = inner.value() {
                            self.out.push_str(text);
                        }
                    }
                } else {
                    self.children(node)?;
                }
                if kept && !VOID.contains(&name) {
                    self.out.push_str(&format!("</{name}>"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn children(&mut self, node: NodeRef<Node>) -> Result<(), String> {
        node.children().try_for_each(|child| self.node(child))
    }
}

fn without_blank_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .split(ends_line)
        .filter(|line| !line.chars().all(is_space))
        .collect();
    lines.join("\n")
}

pub fn strip(bytes: &[u8], options: &str) -> Result<String, String> {
    if bytes.len() > MOST_INPUT_BYTES {
        return Err(format!("a page of {} bytes; {MOST_INPUT_BYTES} are the most", bytes.len()));
    }
    let options: Options = serde_json::from_str(options).map_err(|e| e.to_string())?;
    let mut selectors = Vec::new();
    for text in &options.selectors {
        selectors.push(selector(text)?);
    }
    if selectors.is_empty() {
        selectors.push(selector("html")?);
    }
    let keep: Vec<String> = options
        .keep_tags
        .iter()
        .flat_map(|tag| match BUNDLES.iter().find(|(name, _)| name == tag) {
            Some((_, tags)) => tags.iter().map(|t| t.to_string()).collect(),
            None => vec![tag.clone()],
        })
        .collect();

    let mut html = page::parse(&decode(bytes)?, &page::LIMITS)?;
    for text in &options.removes {
        let ids = matching(&html, &selector(text)?);
        detach(&mut html, ids);
    }
    hide(&mut html, &keep);
    if !keep.iter().any(|tag| tag == "img") {
        for id in matching(&html, &selector("img[alt]")?) {
            let mut image = html.tree.get_mut(id).unwrap();
            let alt = image.value().as_element().and_then(|e| e.attr("alt")).unwrap_or("");
            let text = Text { text: alt.into() };
            image.insert_before(Node::Text(text));
            image.detach();
        }
    }

    let mut writer = Writer {
        keep: &keep,
        minify: options.minify,
        all_attrs: options.all_attrs,
        out: String::new(),
    };
    'selectors: for selector in &selectors {
        for id in matching(&html, selector) {
            let node = html.tree.get(id).unwrap();
            writer.node(node)?;
            if BLOCKS.contains(&node.value().as_element().map_or("", |e| e.name())) {
                writer.out.push('\n');
            }
            if options.first {
                break 'selectors;
            }
        }
    }
    let text = writer.out.trim_matches(is_space);
    Ok(if options.minify {
        without_blank_lines(text)
    } else {
        text.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::strip;

    fn run(html: &str, options: &str) -> Result<String, String> {
        let mut all = serde_json::json!({"selectors": [], "removes": [], "keep_tags": [], "minify": false,
                                         "first": false, "all_attrs": false});
        let given: serde_json::Value = serde_json::from_str(options).unwrap();
        for (key, value) in given.as_object().unwrap() {
            all[key] = value.clone();
        }
        strip(html.as_bytes(), &all.to_string())
    }

    #[test]
    fn text_without_what_is_hidden() {
        let page = "<title>T</title><p>One <b>two</b></p><script>x()</script><p hidden>no</p><img alt=Alt>";
        assert_eq!(run(page, "{}").unwrap(), "One twoAlt");
        assert_eq!(run(page, r#"{"keep_tags": ["b"]}"#).unwrap(), "One <b>two</b>Alt");
        assert_eq!(run(page, r#"{"keep_tags": ["title"]}"#).unwrap(), "<title>T</title>One twoAlt");
    }

    #[test]
    fn chosen_parts() {
        let page = "<div class=a>1</div><div class=b>2</div><div class=a>3</div>";
        assert_eq!(run(page, r#"{"selectors": [".a"]}"#).unwrap(), "1\n3");
        assert_eq!(run(page, r#"{"selectors": [".b", ".a"], "first": true}"#).unwrap(), "2");
        assert_eq!(run(page, r#"{"removes": [".a"]}"#).unwrap(), "2");
        let inert = "<p>a</p><template><p>b</p></template>";
        assert_eq!(run(inert, r#"{"selectors": ["p"]}"#).unwrap(), "a");
        assert_eq!(run(inert, r#"{"removes": ["p"]}"#).unwrap(), "b");
        assert!(run(page, r#"{"selectors": ["]["]}"#).unwrap_err().contains("not a CSS selector"));
    }

    #[test]
    fn white_space() {
        let page = "<p>a   b\n c\n\n\nd</p><pre>x   y</pre>";
        assert_eq!(run(page, r#"{"minify": true}"#).unwrap(), "a b\nc\ndx   y");
    }

    #[test]
    fn what_is_hidden_stays_where_it_holds_what_is_kept() {
        let page = "<div hidden>a<div hidden>b<i>c</i></div><div hidden>d</div></div><input type=HIDDEN><menu type=x>e</menu>";
        assert_eq!(run(page, "{}").unwrap(), "e");
        assert_eq!(run(page, r#"{"keep_tags": ["i"]}"#).unwrap(), "ab<i>c</i>e");
        let inert = "<p></p><template hidden><i>a</i></template><template><p hidden>b</p></template>";
        assert_eq!(run(inert, "{}").unwrap(), "b");
        assert_eq!(run(inert, r#"{"keep_tags": ["i"]}"#).unwrap(), "<i>a</i>b");
    }

    #[test]
    fn pages_that_pass_a_bound_are_refused() {
        assert!(run(&"<div>".repeat(50_000), "{}").unwrap_err().contains("nest deeper"));
    }

    #[test]
    fn encodings() {
        assert_eq!(strip(b"caf\xc3\xa9", r#"{"selectors": [], "removes": [], "keep_tags": [], "minify": false,
            "first": false, "all_attrs": false}"#).unwrap(), "caf\u{e9}");
        assert_eq!(super::decode(b"<meta charset=iso-8859-1>\xe9").unwrap(), "<meta charset=iso-8859-1>\u{e9}");
        assert_eq!(super::decode(b"\xe9").unwrap(), "\u{e9}");
        assert!(super::decode(b"<meta charset=nonsense>").is_err());
    }
}
