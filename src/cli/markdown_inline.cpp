#include "cli/markdown_inline.h"

#include <fmt/format.h>
#include <md4c.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "cli/safe_text.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

constexpr unsigned kDialect = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_NOHTML |
                              MD_FLAG_NOINDENTEDCODEBLOCKS | MD_FLAG_COLLAPSEWHITESPACE;
constexpr const char* kReset = "\x1b[0m";

const char* span_style(MD_SPANTYPE type) {
  switch (type) {
    case MD_SPAN_EM:
      return "\x1b[3m";
    case MD_SPAN_STRONG:
      return "\x1b[1m";
    case MD_SPAN_A:
      return "\x1b[4m";
    case MD_SPAN_CODE:
      return "\x1b[36m";
    case MD_SPAN_DEL:
      return "\x1b[9m";
    default:
      return "";
  }
}

// "&amp;", "&#8212;": the character; a name we do not know stays as it was written.
std::string entity_text(std::string_view entity) {
  constexpr std::pair<std::string_view, const char*> kNamed[] = {{"&amp;", "&"},  {"&lt;", "<"},
                                                                 {"&gt;", ">"},   {"&quot;", "\""},
                                                                 {"&apos;", "'"}, {"&nbsp;", " "}};
  for (const auto& [name, text] : kNamed) {
    if (entity == name) return text;
  }
  if (!entity.starts_with("&#")) return std::string(entity);
  const bool hex = entity.size() > 2 && (entity[2] | 0x20) == 'x';
  const char* digits = entity.data() + (hex ? 3 : 2);
  uint32_t value = 0;
  std::from_chars(digits, entity.data() + entity.size(), value, hex ? 16 : 10);
  if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) value = 0xFFFD;
  std::string text;
  text::append_utf8(text, value);
  return safe_line(text);
}

// Collects what md4c reports. Text goes to `out`, and to the current cell inside a table.
struct Painter {
  std::string_view base;
  std::string out;
  std::vector<const char*> styles;
  std::vector<std::string> links;
  MarkdownTable table;
  bool in_table = false, image = false;

  std::string& target() {
    return in_table && !table.rows.empty() && !table.rows.back().empty() ? table.rows.back().back()
                                                                         : out;
  }

  void restyle() {
    target() += kReset;
    target() += base;
    for (const char* style : styles) target() += style;
  }

  void enter(MD_SPANTYPE type, void* detail) {
    if (type == MD_SPAN_A) {
      const auto& href = static_cast<MD_SPAN_A_DETAIL*>(detail)->href;
      links.emplace_back(href.text ? std::string(href.text, href.size) : "");
    }
    styles.push_back(span_style(type));
    target() += styles.back();
  }

  void leave(MD_SPANTYPE type) {
    const bool styled = *styles.back() != '\0';
    styles.pop_back();
    if (styled) restyle();
    if (type != MD_SPAN_A || links.empty()) return;
    const std::string link = links.back();
    links.pop_back();
    if (link.empty() || target().find(link) != std::string::npos) return;
    target() += fmt::format(" \x1b[2m({}){}", link, kReset);
    target() += base;
  }

  void text(MD_TEXTTYPE type, std::string_view piece) {
    switch (type) {
      case MD_TEXT_NULLCHAR:
        target() += "\xEF\xBF\xBD";
        break;
      case MD_TEXT_BR:
      case MD_TEXT_SOFTBR:
        target() += '\n';
        break;
      case MD_TEXT_ENTITY:
        target() += entity_text(piece);
        break;
      default:
        target() += piece;
    }
  }

  void enter_block(MD_BLOCKTYPE type, void* detail) {
    if (type == MD_BLOCK_TABLE) in_table = true;
    if (type == MD_BLOCK_TR) table.rows.emplace_back();
    if (type != MD_BLOCK_TH && type != MD_BLOCK_TD) return;
    table.rows.back().emplace_back();
    if (type != MD_BLOCK_TH) return;
    const MD_ALIGN align = static_cast<MD_BLOCK_TD_DETAIL*>(detail)->align;
    table.align.push_back(align == MD_ALIGN_RIGHT    ? MarkdownTable::Align::kRight
                          : align == MD_ALIGN_CENTER ? MarkdownTable::Align::kCenter
                                                     : MarkdownTable::Align::kLeft);
  }
};

Painter& painter(void* data) { return *static_cast<Painter*>(data); }

Painter paint(std::string_view source, std::string_view base) {
  Painter out{.base = base};
  MD_PARSER parser{};
  parser.flags = kDialect;
  parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* data) {
    return painter(data).enter_block(type, detail), 0;
  };
  parser.leave_block = [](MD_BLOCKTYPE type, void*, void* data) {
    if (type == MD_BLOCK_TABLE) painter(data).in_table = false;
    return 0;
  };
  parser.enter_span = [](MD_SPANTYPE type, void* detail, void* data) {
    return painter(data).enter(type, detail), 0;
  };
  parser.leave_span = [](MD_SPANTYPE type, void*, void* data) {
    return painter(data).leave(type), 0;
  };
  parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* data) {
    return painter(data).text(type, {text, size}), 0;
  };
  md_parse(source.data(), static_cast<MD_SIZE>(source.size()), &parser, &out);
  return out;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t'; }
bool is_word(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c));
}

// Scans inline Markdown and remembers where something is open.
class Openings {
 public:
  explicit Openings(std::string_view source) : source_(source) {}

  size_t first() {
    for (size_t i = 0; i < source_.size();) {
      const size_t next = step(i);
      if (next == kOpen) {
        remember(i);
        break;
      }
      i = next;
    }
    return first_open();
  }

 private:
  static constexpr size_t kOpen = std::string_view::npos;
  struct Run {
    char mark;
    size_t at;
  };

  // The position after what stands at `i`; kOpen when that may still become anything.
  size_t step(size_t i) {
    switch (source_[i]) {
      case '\\':
        return i + 1 < source_.size() ? i + 2 : kOpen;
      case '`':
        return code(i);
      case '*':
      case '_':
      case '~':
        return emphasis(i);
      case '[':
      case '!':
        return link(i);
      case '&':
        return entity(i);
      case '<':
        return autolink(i);
      default:
        return i + 1;
    }
  }

  size_t run_end(size_t i) const {
    const size_t end = source_.find_first_not_of(source_[i], i);
    return end == source_.npos ? source_.size() : end;
  }

  size_t code(size_t i) const {
    const size_t length = run_end(i) - i;
    if (i + length == source_.size()) return kOpen;
    for (size_t j = i + length; (j = source_.find('`', j)) != source_.npos;) {
      const size_t end = run_end(j);
      if (end - j == length) return end == source_.size() ? kOpen : end;
      j = end;
    }
    return kOpen;
  }

  size_t emphasis(size_t i) {
    const size_t end = run_end(i);
    if (end == source_.size()) {  // it may grow; what it closes is not closed yet
      return kOpen;
    }
    const char before = i > 0 ? source_[i - 1] : ' ', after = source_[end], mark = source_[i];
    const bool inside_word = mark == '_' && is_word(before) && is_word(after);
    if (inside_word) return end;
    size_t left = end - i;
    for (; left > 0 && !is_space(before) && closes(mark); --left) {
    }
    if (is_space(after)) return end;
    for (; left > 0; --left) open_.push_back({mark, i});
    return end;
  }

  bool closes(char mark) {
    const auto found = std::find_if(open_.rbegin(), open_.rend(),
                                    [&](const Run& run) { return run.mark == mark; });
    if (found == open_.rend()) return false;
    open_.erase(std::next(found).base(), open_.end());
    return true;
  }

  // [text](target), or a bracket that no longer can be one.
  size_t link(size_t i) const {
    size_t bracket = i;
    if (source_[i] == '!') {
      if (i + 1 == source_.size()) return kOpen;
      if (source_[++bracket] != '[') return i + 1;
    }
    const size_t close = source_.find(']', bracket);
    if (close == source_.npos || close + 1 == source_.size()) return kOpen;
    if (source_[close + 1] != '(') return bracket + 1;
    const size_t end = source_.find(')', close);
    return end == source_.npos || end + 1 == source_.size() ? kOpen : end + 1;
  }

  size_t entity(size_t i) const {
    const size_t end = source_.find_first_of("; \n", i);
    return end == source_.npos ? kOpen : i + 1;
  }

  size_t autolink(size_t i) const {
    const size_t end = source_.find_first_of("> \n", i);
    return end == source_.npos ? kOpen : i + 1;
  }

  void remember(size_t i) { stopped_ = std::min(stopped_, i); }
  size_t first_open() const {
    size_t at = std::min(stopped_, source_.size());
    for (const Run& run : open_) at = std::min(at, run.at);
    return at;
  }

  std::string_view source_;
  std::vector<Run> open_;
  size_t stopped_ = std::string_view::npos;
};

}  // namespace

std::string render_inline(std::string_view source, std::string_view base) {
  std::string text = std::string(base) + paint(source, base).out;
  // md4c swallows link definitions; a reader should see everything that was said.
  if (text.size() == base.size() && !source.empty()) text += source;
  return text;
}

size_t stable_length(std::string_view source) {
  size_t length = Openings(source).first();
  while (length > 0 && is_space(source[length - 1])) --length;
  return length;
}

std::optional<MarkdownTable> parse_table(std::string_view source) {
  Painter painted = paint(source, {});
  if (painted.table.align.empty()) return std::nullopt;
  return std::move(painted.table);
}

}  // namespace hob::cli
