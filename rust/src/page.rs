//! An HTML page as a tree, at a cost that grows with its length and no faster, whoever wrote it.
//!
//! html5ever reads a page in one pass, but some of what a page may hold is walked, compared or copied again and again.
//! Each such thing has a bound; a page that passes one is refused, never cut:
//!
//!   depth       open elements, and formatting elements that wait to be opened again: a tag may walk through all of them
//!   steps       those walks together, for many tags at a depth that is allowed
//!   parts       elements, attributes and texts, each of them memory: one paragraph may copy all formatting that waits
//!   attributes  of a tag, each compared with those before it
//!   names       different ones of elements and attributes: the table of names has a fixed width
//!
//! Does not cover: what selectors cost that a person writes.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use ego_tree::NodeId;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tag, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{Tracer, TreeBuilder, TreeBuilderOpts, TreeSink};
use html5ever::{LocalName, TokenizerResult};
use scraper::{Html, HtmlTreeSink};

pub struct Limits {
    pub depth: usize,
    pub steps: u64,
    pub parts: usize,
    pub attributes: usize,
    pub names: usize,
}

/// Far above what people's pages have: the HTML standard on one page stays below a third of each. Below them, memory stays
/// within some 500 MB and time within seconds.
pub const LIMITS: Limits = Limits {
    depth: 1000,
    steps: 200_000_000,
    parts: 2_000_000,
    attributes: 512,
    names: 65_536,
};

/// How much is read between two looks at what it led to.
const PIECE_BYTES: usize = 2048;

/// Stands between tokenizer and tree, and counts.
struct Guard<'a> {
    builder: TreeBuilder<NodeId, HtmlTreeSink>,
    limits: &'a Limits,
    tokens: Cell<u64>,
    depth: Cell<usize>, // when it was last measured
    steps: Cell<u64>,
    nodes: Cell<usize>, // of the tree, as far as they are counted among the parts
    parts: Cell<usize>,
    names: RefCell<HashSet<LocalName>>,
    refused: RefCell<Option<String>>,
}

impl Guard<'_> {
    fn refuse(&self, why: String) {
        self.refused.borrow_mut().get_or_insert(why);
    }

    fn count_names(&self, tag: &Tag) {
        if tag.attrs.len() > self.limits.attributes {
            self.refuse_attributes();
        }
        let mut names = self.names.borrow_mut();
        for name in tag.attrs.iter().map(|a| &a.name.local).chain([&tag.name]) {
            if !names.contains(name) {
                names.insert(name.clone());
            }
        }
        if names.len() > self.limits.names {
            self.refuse(format!("more than {} different names of tags and attributes", self.limits.names));
        }
    }

    fn refuse_attributes(&self) {
        self.refuse(format!("a tag has more than {} attributes", self.limits.attributes));
    }

    fn count_steps(&self) {
        self.steps.set(self.steps.get() + self.depth.get() as u64);
        if self.steps.get() > self.limits.steps {
            self.refuse("more tags than can be read at the depth to which elements nest".into());
        }
    }

    /// New nodes are the last of the tree's.
    fn count_parts(&self) {
        let html = self.builder.sink.0.borrow();
        let nodes = html.tree.values();
        let (all, new) = (nodes.len(), nodes.len() - self.nodes.get());
        let elements = nodes.rev().take(new).filter_map(|node| node.as_element());
        let attributes: usize = elements.map(|element| element.attrs.len()).sum();
        self.nodes.set(all);
        self.parts.set(self.parts.get() + new + attributes);
        if self.parts.get() > self.limits.parts {
            self.refuse(format!("more than {} elements, attributes and texts", self.limits.parts));
        }
    }

    fn measure_depth(&self) {
        let handles = Handles::default();
        self.builder.trace_handles(&handles);
        self.depth.set(handles.0.get());
        if self.depth.get() > self.limits.depth {
            self.refuse(format!("elements nest deeper than {}", self.limits.depth));
        }
    }
}

impl TokenSink for Guard<'_> {
    type Handle = NodeId;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<NodeId> {
        if matches!(token, Token::ParseError(_)) {
            return self.builder.process_token(token, line);
        }
        self.tokens.set(self.tokens.get() + 1);
        if self.refused.borrow().is_some() {
            return TokenSinkResult::Continue; // for the rest of the piece
        }
        if let Token::TagToken(tag) = &token {
            self.count_names(tag);
        }
        self.count_steps();
        let result = self.builder.process_token(token, line);
        self.count_parts();
        result
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Counts the elements that the tree builder holds: those that are open, those that wait, two or three more.
#[derive(Default)]
struct Handles(Cell<usize>);

impl Tracer for Handles {
    type Handle = NodeId;
    fn trace_handle(&self, _: &NodeId) {
        self.0.set(self.0.get() + 1);
    }
}

fn is_blank(c: u8) -> bool {
    matches!(c, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

/// Whether a tag, a comment or the like may begin here.
fn begins_markup(bytes: &[u8]) -> bool {
    bytes.len() > 1 && bytes[0] == b'<' && (bytes[1].is_ascii_alphabetic() || b"/!?".contains(&bytes[1]))
}

/// Where the piece at the beginning of `rest` ends: before the next markup, so that what the tokenizer is in the middle of
/// when a piece gives no token began with a piece.
fn piece_end(rest: &str) -> usize {
    let mut most = rest.len().min(PIECE_BYTES);
    while !rest.is_char_boundary(most) {
        most -= 1;
    }
    let bytes = rest.as_bytes();
    let mut end = (1..most)
        .find(|&at| begins_markup(&bytes[at..]))
        .unwrap_or(most);
    if end < rest.len() && end > 1 && bytes[end - 1] == b'<' {
        end -= 1; // with what follows it
    }
    end
}

/// Counts the attributes of a tag that is still being read, as the standard's tokenizer does.
#[derive(Clone, Copy, PartialEq)]
enum In {
    Name,
    Between,
    AttributeName,
    AfterAttributeName,
    BeforeValue,
    Value,
    Quoted(u8),
    After,
}

struct TagScan {
    state: In,
    attributes: usize,
}

impl TagScan {
    /// `piece` begins with the tag.
    fn of(piece: &[u8]) -> Option<TagScan> {
        let name = piece.strip_prefix(b"</").or(piece.strip_prefix(b"<"))?;
        name.first()?.is_ascii_alphabetic().then_some(())?;
        let mut scan = TagScan {
            state: In::Name,
            attributes: 0,
        };
        scan.read(name);
        Some(scan)
    }

    fn read(&mut self, piece: &[u8]) {
        for &c in piece {
            self.state = match (self.state, c) {
                (In::After, _) => In::After,
                (In::Quoted(quote), c) if c == quote => In::Between,
                (In::Quoted(quote), _) => In::Quoted(quote),
                (_, b'>') => In::After,
                (In::Name, c) if is_blank(c) || c == b'/' => In::Between,
                (In::Name, _) => In::Name,
                (In::Value, c) if is_blank(c) => In::Between,
                (In::Value, _) => In::Value,
                (In::BeforeValue, c) if is_blank(c) => In::BeforeValue,
                (In::BeforeValue, b'"' | b'\'') => In::Quoted(c),
                (In::BeforeValue, _) => In::Value,
                (In::AttributeName | In::AfterAttributeName, b'=') => In::BeforeValue,
                (In::AttributeName | In::AfterAttributeName, c) if is_blank(c) => In::AfterAttributeName,
                (_, b'/') => In::Between,
                (In::Between, c) if is_blank(c) => In::Between,
                (In::AttributeName, _) => In::AttributeName,
                (In::Between | In::AfterAttributeName, _) => {
                    self.attributes += 1;
                    In::AttributeName
                }
            };
        }
    }
}

/// What the tokenizer is in the middle of when a piece ends.
enum Inside {
    Text,
    Tag(TagScan),
    Other, // a comment or the like
}

impl Inside {
    /// Where `piece` begins with it.
    fn of(piece: &[u8]) -> Inside {
        match TagScan::of(piece) {
            Some(scan) => Inside::Tag(scan),
            None if begins_markup(piece) => Inside::Other,
            None => Inside::Text,
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Inside::Text => true,
            Inside::Tag(scan) => scan.state == In::After,
            Inside::Other => false,
        }
    }
}

/// Follows the tags that are longer than a piece. The tokenizer says nothing of them before they end, and a page may
/// consist of one. It says something in all pieces but those that lie within one thing, or are a few bytes of text.
struct LongTag {
    inside: Inside,
    certain: bool, // no token came since it began: what it is cannot have ended
}

impl LongTag {
    /// How many attributes the unfinished tag has that `piece` belongs to; 0 where it belongs to none. `silent`: it gave no
    /// token.
    fn attributes_with(&mut self, piece: &[u8], silent: bool) -> usize {
        let goes_on = silent && !self.inside.is_over() && (self.certain || !begins_markup(piece));
        match &mut self.inside {
            Inside::Tag(scan) if goes_on => scan.read(piece),
            _ if goes_on => {}
            inside => {
                *inside = Inside::of(piece);
                self.certain = silent;
            }
        }
        match &self.inside {
            Inside::Tag(scan) if silent && !self.inside.is_over() => scan.attributes,
            _ => 0,
        }
    }
}

/// `text` is shorter than 4 GB.
pub fn parse(text: &str, limits: &Limits) -> Result<Html, String> {
    let options = TreeBuilderOpts {
        scripting_enabled: false,
        ..Default::default()
    };
    let guard = Guard {
        builder: TreeBuilder::new(HtmlTreeSink::new(Html::new_document()), options),
        limits,
        tokens: Cell::new(0),
        depth: Cell::new(0),
        steps: Cell::new(0),
        nodes: Cell::new(0),
        parts: Cell::new(0),
        names: RefCell::default(),
        refused: RefCell::default(),
    };
    let tokenizer = Tokenizer::new(guard, TokenizerOpts::default());
    let input = BufferQueue::default();
    let whole = StrTendril::from_slice(text); // the texts of the tree are parts of it
    let mut long_tag = LongTag {
        inside: Inside::Text,
        certain: true,
    };
    let (mut at, mut measured) = (0, 0);
    while at < text.len() {
        let end = at + piece_end(&text[at..]);
        let tokens = tokenizer.sink.tokens.get();
        input.push_back(whole.subtendril(at as u32, (end - at) as u32));
        while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
        let silent = tokenizer.sink.tokens.get() == tokens;
        if long_tag.attributes_with(&text.as_bytes()[at..end], silent) > limits.attributes {
            tokenizer.sink.refuse_attributes();
        }
        if end - measured >= PIECE_BYTES {
            tokenizer.sink.measure_depth();
            measured = end;
        }
        if let Some(why) = tokenizer.sink.refused.take() {
            return Err(why);
        }
        at = end;
    }
    tokenizer.end();
    match tokenizer.sink.refused.take() {
        Some(why) => Err(why),
        None => Ok(tokenizer.sink.builder.sink.finish()),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, piece_end, Limits, TagScan, LIMITS, PIECE_BYTES};

    /// Why a page is refused; None where it is read.
    fn refused(page: &str, limits: &Limits) -> Option<String> {
        parse(page, limits).err()
    }

    fn numbered(count: usize, item: impl Fn(usize) -> String) -> String {
        (0..count).map(item).collect()
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(refused(&"<div>".repeat(900), &LIMITS), None);
        for page in [
            "<div>".repeat(5000),
            "<table><tr><td>".repeat(2000),
            // Outside the table, whose last child says nothing of them.
            format!("<table>{}", numbered(5000, |n| format!("<b id={n}>"))),
            // Closed each time, and to be opened again each time.
            numbered(5000, |n| format!("<p><i id={n}></p>")),
        ] {
            assert_eq!(refused(&page, &LIMITS).as_deref(), Some("elements nest deeper than 1000"), "{}", &page[..40]);
        }
        assert_eq!(refused(&"<b><p>".repeat(20_000), &LIMITS), None); // a paragraph ends the one before it
    }

    #[test]
    fn walks_are_bounded() {
        let limits = Limits { steps: 1_000_000, ..LIMITS };
        let deep = "<span>".repeat(800);
        assert_eq!(refused(&format!("{deep}{}", "</x>".repeat(500)), &limits), None);
        let page = format!("{deep}{}", "</x>".repeat(5000));
        assert!(refused(&page, &limits).unwrap().contains("more tags than can be read"));
        assert_eq!(refused(&page[800 * 6..], &limits), None);
    }

    #[test]
    fn parts_are_bounded_however_short_the_page() {
        let limits = Limits { parts: 20_000, ..LIMITS };
        assert_eq!(refused(&"<br>".repeat(15_000), &limits), None);
        assert!(refused(&"<br>".repeat(25_000), &limits).unwrap().contains("more than 20000 elements"));
        let waiting = numbered(200, |n| format!("<b id={n}>"));
        let copied = format!("<p>{waiting}{}", "</p><p>x".repeat(1000));
        assert!(refused(&copied, &limits).unwrap().contains("more than 20000 elements"));
        let attributes = numbered(100, |n| format!(" a{n}"));
        let copied = format!("<p><b{attributes}>{}", "</p><p>x".repeat(1000));
        assert!(refused(&copied, &limits).unwrap().contains("more than 20000 elements"));
    }

    #[test]
    fn attributes_of_a_tag_are_bounded_before_it_ends() {
        let many = numbered(100_000, |n| format!(" a{n}"));
        let few = " a='x <b c d e'".repeat(300);
        // A line feed that a piece consists of gives no token either, after a carriage return.
        let broken = format!("{}\r\n<p", "x".repeat(PIECE_BYTES - 1));
        let misleading = format!("<p t=\"<b x='\">{}\r\n<p", "x".repeat(PIECE_BYTES - 9));
        for (begin, end) in [
            ("<p", ">"),
            ("<p", ""),
            ("</p", ">"),
            ("&am<p", ""),
            ("<title>x</title", ">"),
            (&broken, ">"),
            (&misleading, ">"),
        ] {
            let page = format!("{begin}{many}{end}");
            assert_eq!(refused(&page, &LIMITS).as_deref(), Some("a tag has more than 512 attributes"), "{begin}");
            assert_eq!(refused(&format!("{begin}{few}{end}"), &LIMITS), None);
        }
        // Long, and no tags with many attributes.
        let words = "<b c d e f ".repeat(5000);
        for page in [
            format!("<!-- {words} -->"),
            format!("<script>{words}</script>"),
            format!("<p title='{words}'>"),
            format!("<p title=\"{words}\">"),
            format!("<title>{words}</title>"),
            format!("<svg><![CDATA[{words}]]></svg>"),
        ] {
            assert_eq!(refused(&page, &LIMITS), None, "{}", &page[..20]);
        }
    }

    #[test]
    fn names_are_bounded() {
        let limits = Limits { names: 1000, ..LIMITS };
        let elements = |count| numbered(count, |n| format!("<x{n}></x{n}>"));
        let attributes = |count| numbered(count, |n| format!("<p a{n}>"));
        assert_eq!(refused(&elements(900), &limits), None);
        assert_eq!(refused(&attributes(900), &limits), None);
        assert!(refused(&elements(1100), &limits).unwrap().contains("different names"));
        assert!(refused(&attributes(1100), &limits).unwrap().contains("different names"));
    }

    #[test]
    fn pieces_end_before_markup() {
        assert_eq!(piece_end("text <b>"), 5);
        assert_eq!(piece_end("<b>text</b>"), 7);
        assert_eq!(piece_end("a < b <<< c"), 11);
        assert_eq!(piece_end("<!--<x-->"), 4);
        let text = format!("x{}", "\u{e9}".repeat(PIECE_BYTES));
        assert_eq!(piece_end(&text), PIECE_BYTES - 1);
        let cut = format!("{}<b>", "x".repeat(PIECE_BYTES - 1));
        assert_eq!(piece_end(&cut), PIECE_BYTES - 1);
    }

    #[test]
    fn attributes_are_counted_as_the_standard_has_them() {
        for (tag, count) in [
            ("<p>", 0),
            ("<p a>b c", 1),
            ("<p a b = c d='e f' g=\"h > i\" j/k", 6),
            ("<p =a ==b", 1), // named "=a"
            ("<p a=b/c d", 2),
            ("</p a / b", 2),
        ] {
            assert_eq!(TagScan::of(tag.as_bytes()).unwrap().attributes, count, "{tag}");
        }
        assert!(TagScan::of(b"<!-- a b").is_none());
    }

    #[test]
    fn the_tree_is_that_of_one_piece() {
        let page = "<!doctype html><p title='a<b'>x &amp; y<pre>\n<i>z</pre><script>a<b</script><table>q<tr><td>1";
        let whole = scraper::Html::parse_document(page).html();
        assert_eq!(parse(page, &LIMITS).unwrap().html(), whole);
    }
}
