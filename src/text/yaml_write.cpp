// The layout of PyYAML's emitter (version 6): which style a scalar takes, where lines are folded
// and how blocks are indented. Differential vectors made by PyYAML itself are in
// tests/data/yaml.json.
//
// Text beyond ASCII is always double-quoted with escapes, so all other styles see ASCII alone.
#include <algorithm>
#include <limits>

#include "text/utf8.h"
#include "text/yaml.h"
#include "text/yaml_scalar.h"

namespace hob::text {
namespace {

using nlohmann::ordered_json;

constexpr int kDeepest = 200;
constexpr size_t kLongestSimpleKey = 127;
// "!!str" counts towards a key's length although it is not written.
constexpr size_t kTagLength = 5;

bool is_blank(char c) {
  return c == '\0' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Line breaks beyond ASCII that YAML 1.1 knows: U+0085, U+2028, U+2029.
constexpr std::string_view kOtherBreaks[] = {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};

// Which styles may hold a text.
struct Looks {
  bool empty = false, multiline = false, plain = true, single_quoted = true, block = true;
};

Looks looks_of(std::string_view text) {
  if (text.empty()) return {.empty = true, .block = false};
  Looks looks;
  bool indicators = text.starts_with("---") || text.starts_with("...");
  bool special = false, space_before_break = false, break_before_space = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank_before = i == 0 || is_blank(text[i - 1]);
    const bool blank_after = i + 1 >= text.size() || is_blank(text[i + 1]);
    if (i == 0 && std::string_view("#,[]{}&*!|>'\"%@`").find(c) != std::string_view::npos)
      indicators = true;
    if (i == 0 && (c == '?' || c == '-') && blank_after) indicators = true;
    if (c == ':' && blank_after) indicators = true;
    if (c == '#' && blank_before) indicators = true;
    if (c == '\n') looks.multiline = true;
    if (c != '\n' && (c < ' ' || c > '~')) special = true;
    if (i == 0) continue;
    if (c == '\n' && text[i - 1] == ' ') space_before_break = true;
    if (c == ' ' && text[i - 1] == '\n') break_before_space = true;
  }
  for (const auto other : kOtherBreaks) looks.multiline |= text.find(other) != text.npos;
  const auto edge = [](char c) { return c == ' ' || c == '\n'; };
  if (edge(text.front()) || edge(text.back()) || looks.multiline || indicators) looks.plain = false;
  if (text.back() == ' ') looks.block = false;
  if (break_before_space) looks.plain = looks.single_quoted = false;
  if (space_before_break || special) {
    looks.plain = looks.single_quoted = looks.block = false;
  }
  return looks;
}

// One code point inside double quotes; empty where it stands for itself.
std::string escape(char32_t c) {
  switch (c) {
    case 0:
      return "\\0";
    case 7:
      return "\\a";
    case 8:
      return "\\b";
    case 9:
      return "\\t";
    case 10:
      return "\\n";
    case 11:
      return "\\v";
    case 12:
      return "\\f";
    case 13:
      return "\\r";
    case 27:
      return "\\e";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case 0x85:
      return "\\N";
    case 0xA0:
      return "\\_";
    case 0x2028:
      return "\\L";
    case 0x2029:
      return "\\P";
    default:
      break;
  }
  if (c >= ' ' && c <= '~') return {};
  if (c <= 0xFF) return fmt::format("\\x{:02X}", static_cast<uint32_t>(c));
  if (c <= 0xFFFF) return fmt::format("\\u{:04X}", static_cast<uint32_t>(c));
  return fmt::format("\\U{:08X}", static_cast<uint32_t>(c));
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    const Utf8Sequence sequence = next_utf8(text);
    const bool whole = sequence.head == Utf8Head::kWhole;
    out.push_back(whole ? sequence.code_point : 0xFFFD);
    text.remove_prefix(static_cast<size_t>(sequence.length));
  }
  return out;
}

std::string yaml_float(double value) {
  std::string text = python_float(value);
  if (text == "nan" || text == "inf") return "." + text;
  if (text == "-inf") return "-.inf";
  // "1e+16" would not be read back as a number.
  const size_t mark = text.find('e');
  if (mark != text.npos && text.find('.') == text.npos) text.insert(mark, ".0");
  return text;
}

class Writer {
 public:
  explicit Writer(const YamlStyle& style)
      : style_(style),
        width_(style.width > 0 ? style.width : std::numeric_limits<int>::max() / 2) {}

  Result<> node(const ordered_json& value, int depth, bool in_mapping) {
    if (depth > kDeepest) {
      return fail(ErrorKind::kTooLarge, "values nest deeper than {} levels", kDeepest);
    }
    if (value.is_object() && !value.empty()) return mapping(value, depth);
    if (value.is_array() && !value.empty()) return sequence(value, depth, in_mapping);
    if (value.is_object() || value.is_array()) {
      indicator(value.is_object() ? "{" : "[", true, true, false);
      indicator(value.is_object() ? "}" : "]", false, false, false);
      return {};
    }
    scalar(value, false);
    return {};
  }

  std::string finish() {
    if (open_ended_) {
      indicator("...", true, false, false);
      line_break();
    } else if (column_ > 0) {
      line_break();
    }
    return std::move(out_);
  }

 private:
  Result<> mapping(const ordered_json& value, int depth) {
    std::vector<std::pair<std::string, const ordered_json*>> entries;
    for (const auto& [key, one] : value.items()) entries.emplace_back(key, &one);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    const int outer = indent_;
    indent_ = outer < 0 ? 0 : outer + style_.indent;
    for (const auto& [key, one] : entries) {
      new_line();
      const Looks looks = looks_of(key);
      const size_t length = code_points(key).size() + kTagLength;
      if (length <= kLongestSimpleKey && !looks.empty && !looks.multiline) {
        scalar(key, true);
        indicator(":", false, false, false);
      } else {
        indicator("?", true, false, true);
        scalar(key, false);
        new_line();
        indicator(":", true, false, true);
      }
      HOB_TRY_VOID(node(*one, depth + 1, true));
    }
    indent_ = outer;
    return {};
  }

  Result<> sequence(const ordered_json& value, int depth, bool in_mapping) {
    const int outer = indent_;
    // A list that is a mapping's value stands as far left as its key.
    const bool indentless = in_mapping && !only_indent_;
    if (outer < 0) {
      indent_ = 0;
    } else if (!indentless) {
      indent_ = outer + style_.indent;
    }
    for (const auto& one : value) {
      new_line();
      indicator("-", true, false, true);
      HOB_TRY_VOID(node(one, depth + 1, false));
    }
    indent_ = outer;
    return {};
  }

  void scalar(const ordered_json& value, bool as_key) {
    const int outer = indent_;
    indent_ = outer < 0 ? style_.indent : outer + style_.indent;
    if (value.is_string()) {
      string(value.get_ref<const std::string&>(), as_key);
    } else if (value.is_null()) {
      plain("null", true);
    } else if (value.is_boolean()) {
      plain(value.get<bool>() ? "true" : "false", true);
    } else if (value.is_number_float()) {
      plain(yaml_float(value.get<double>()), true);
    } else {
      plain(value.dump(), true);
    }
    indent_ = outer;
  }

  void string(const std::string& text, bool as_key) {
    const Looks looks = looks_of(text);
    const bool fold = !as_key;
    const bool literal = style_.literal_lines && text.find('\n') != text.npos;
    if (!literal && looks.plain && yaml_kind(text) == YamlKind::kString &&
        !(as_key && (looks.empty || looks.multiline))) {
      plain(text, fold);
    } else if (literal && !as_key && looks.block) {
      block(text);
    } else if (looks.single_quoted && !(as_key && looks.multiline)) {
      single_quoted(text, fold);
    } else {
      double_quoted(text, fold);
    }
  }

  // Words; a lone blank past the width becomes a line break.
  void plain(std::string_view text, bool fold) {
    if (text.empty()) return;
    if (!after_blank_) put(" ");
    after_blank_ = only_indent_ = false;
    words(text, fold, false);
  }

  void single_quoted(std::string_view text, bool fold) {
    indicator("'", true, false, false);
    for (size_t i = 0; i < text.size();) {
      if (text[i] == '\n') {
        const size_t end = std::min(text.find_first_not_of('\n', i), text.size());
        line_break();  // one more than the text has: a single one would read as a blank
        for (; i < end; ++i) line_break();
        new_line();
        continue;
      }
      const size_t end = std::min(text.find('\n', i), text.size());
      std::string line;
      for (const char c : text.substr(i, end - i)) line += c == '\'' ? "''" : std::string(1, c);
      words(line, fold, true, i == 0, end == text.size());
      i = end;
    }
    indicator("'", false, false, false);
  }

  // `first` and `last`: the piece begins or ends the scalar, where a quoted one is not folded.
  void words(std::string_view text, bool fold, bool quoted, bool first = false, bool last = false) {
    for (size_t i = 0; i < text.size();) {
      const bool blank = text[i] == ' ';
      const size_t end = std::min(blank ? text.find_first_not_of(' ', i) : text.find(' ', i),
                                  text.size());
      const bool at_edge = quoted && ((first && i == 0) || (last && end == text.size()));
      if (blank && fold && end == i + 1 && column_ > width_ && !at_edge) {
        new_line();
        if (!quoted) after_blank_ = only_indent_ = false;
      } else {
        put(text.substr(i, end - i));
      }
      i = end;
    }
  }

  void double_quoted(std::string_view utf8, bool fold) {
    const std::u32string text = code_points(utf8);
    const auto size = static_cast<std::ptrdiff_t>(text.size());
    indicator("\"", true, false, false);
    std::ptrdiff_t begin = 0;  // of what is not written yet: ASCII
    const auto pending = [&](std::ptrdiff_t end) {
      std::string out;
      for (std::ptrdiff_t i = begin; i < end; ++i)
        out += static_cast<char>(text[static_cast<size_t>(i)]);
      return out;
    };
    for (std::ptrdiff_t i = 0; i <= size; ++i) {
      const std::string escaped = i < size ? escape(text[static_cast<size_t>(i)]) : "";
      if (i == size || !escaped.empty()) {
        put(pending(i));
        begin = std::max(begin, i);
        if (i < size) put(escaped), begin = i + 1;
      }
      const bool may_fold = i > 0 && i < size - 1 &&
                            (text[static_cast<size_t>(i)] == ' ' || begin >= i);
      if (!may_fold || !fold || column_ + (i - begin) <= width_) continue;
      put(pending(i) + "\\");
      begin = std::max(begin, i);
      new_line();
      after_blank_ = only_indent_ = false;
      if (text[static_cast<size_t>(begin)] == ' ') put("\\");
    }
    indicator("\"", false, false, false);
  }

  void block(std::string_view text) {
    std::string hints;
    if (text.front() == ' ' || text.front() == '\n') hints += std::to_string(style_.indent);
    if (text.back() != '\n') {
      hints += '-';
    } else if (text.size() == 1 || text[text.size() - 2] == '\n') {
      hints += '+';
    }
    indicator("|" + hints, true, false, false);
    if (hints.ends_with('+')) open_ended_ = true;
    line_break();
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      if (end > 0) {
        new_line();
        out_ += text.substr(0, end);  // a block's own text counts no columns
      }
      line_break();
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void put(std::string_view text) {
    out_ += text;
    column_ += static_cast<int>(text.size());
  }

  void indicator(std::string_view text, bool wants_blank, bool blank, bool keeps_indent) {
    if (wants_blank && !after_blank_) put(" ");
    put(text);
    after_blank_ = blank;
    only_indent_ = only_indent_ && keeps_indent;
    open_ended_ = false;
  }

  // To the current indent, on a new line unless this one holds nothing else yet.
  void new_line() {
    const int indent = std::max(indent_, 0);
    if (!only_indent_ || column_ > indent || (column_ == indent && !after_blank_)) line_break();
    if (column_ < indent) {
      after_blank_ = true;
      put(std::string(static_cast<size_t>(indent - column_), ' '));
    }
  }

  void line_break() {
    out_ += '\n';
    after_blank_ = only_indent_ = true;
    column_ = 0;
  }

  const YamlStyle& style_;
  const int width_;
  std::string out_;
  int indent_ = -1;  // -1: outside everything
  int column_ = 0;
  bool after_blank_ = true;  // the last thing written was white space, or nothing
  bool only_indent_ = true;  // this line holds nothing but indentation and "-", "?" or ":"
  bool open_ended_ = false;  // the document needs "..." to end
};

}  // namespace

Result<std::string> to_yaml(const ordered_json& value, const YamlStyle& style) {
  Writer writer(style);
  HOB_TRY_VOID(writer.node(value, 0, false));
  return writer.finish();
}

}  // namespace hob::text
