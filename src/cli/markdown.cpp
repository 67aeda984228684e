#include "cli/markdown.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "cli/markdown_inline.h"
#include "cli/safe_text.h"

namespace hob::cli {
namespace {

constexpr std::string_view kReset = "\x1b[0m", kDim = "\x1b[2m", kCode = "\x1b[36m",
                           kBold = "\x1b[1m", kBoldUnderlined = "\x1b[1;4m";
constexpr std::string_view kBullet = "\xE2\x80\xA2 ";             // U+2022
constexpr std::string_view kBar = "\x1b[2m\xE2\x94\x82\x1b[0m ";  // U+2502
constexpr std::string_view kLine = "\xE2\x94\x80";                // U+2500
constexpr size_t kShortestFence = 3, kShortestRule = 3, kDeepestHeading = 6, kLongestNumber = 9;

enum class Kind { kUndecided, kBlank, kFence, kHeading, kRule, kItem, kQuote, kTable, kPlain };

struct Line {
  Kind kind = Kind::kPlain;
  size_t indent = 0;  // blanks at its start
  size_t mark = 0;    // bytes of "# ", "12. ", "> "
  size_t content() const { return indent + mark; }
};

size_t run_length(std::string_view text) {
  return std::min(text.find_first_not_of(text[0]), text.size());
}

bool only(std::string_view text, char mark) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return c == mark || c == ' '; });
}

// A kind that needs more of the line than there is so far is kUndecided unless the line is whole.
Line classify(std::string_view line, bool whole) {
  Line out;
  out.indent = std::min(line.find_first_not_of(" \t"), line.size());
  const std::string_view text = line.substr(out.indent);
  const auto decided = [&](Kind kind, size_t mark = 0) {
    return out.kind = kind, out.mark = mark, out;
  };
  const auto later = [&](Kind kind) { return decided(whole ? kind : Kind::kUndecided); };
  if (text.empty()) return later(Kind::kBlank);
  const char c = text[0];
  const size_t run = run_length(text);
  if (c == '`' || c == '~') {
    if (run >= kShortestFence) return later(Kind::kFence);
    return run == text.size() ? later(Kind::kPlain) : decided(Kind::kPlain);
  }
  if (c == '|') return later(Kind::kTable);
  if (c == '>')
    return text.size() == 1 ? later(Kind::kQuote) : decided(Kind::kQuote, text[1] == ' ' ? 2 : 1);
  if (c == '#') {
    if (run == text.size()) return later(Kind::kPlain);
    return run <= kDeepestHeading && text[run] == ' ' ? decided(Kind::kHeading, run + 1)
                                                      : decided(Kind::kPlain);
  }
  if (std::string_view("-*_=").find(c) != std::string_view::npos && only(text, c)) {
    const bool rule = static_cast<size_t>(std::count(text.begin(), text.end(), c)) >= kShortestRule;
    return later(rule ? Kind::kRule : Kind::kPlain);
  }
  if ((c == '-' || c == '*' || c == '+') && text.size() > 1 && text[1] == ' ')
    return decided(Kind::kItem, 2);
  if (c == '+' && text.size() == 1) return later(Kind::kPlain);
  if (std::isdigit(static_cast<unsigned char>(c))) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::string_view rest = text.substr(digits);
    const bool number =
        digits <= kLongestNumber && (rest.empty() || rest[0] == '.' || rest[0] == ')');
    if (!number) return decided(Kind::kPlain);
    if (rest.size() < 2) return later(Kind::kPlain);
    return rest[1] == ' ' ? decided(Kind::kItem, digits + 2) : decided(Kind::kPlain);
  }
  return decided(Kind::kPlain);
}

std::string item_mark(std::string_view mark) {
  return std::isdigit(static_cast<unsigned char>(mark[0])) ? std::string(mark)
                                                           : std::string(kBullet);
}

// `rendered` without its first `count` visible characters.
std::string_view after_visible(std::string_view rendered, size_t count) {
  while (count > 0 && !rendered.empty()) {
    if (rendered[0] == '\x1b') {
      rendered.remove_prefix(std::min(rendered.find('m'), rendered.size() - 1) + 1);
    } else {
      rendered.remove_prefix(1);
      --count;
    }
  }
  return rendered;
}

size_t visible_bytes(std::string_view rendered) {
  size_t count = 0;
  while (!rendered.empty()) {
    const bool escape = rendered[0] == '\x1b';
    rendered.remove_prefix(escape ? std::min(rendered.find('m'), rendered.size() - 1) + 1 : 1);
    count += !escape;
  }
  return count;
}

std::string padded(const std::string& cell, int width, MarkdownTable::Align align) {
  const size_t room = static_cast<size_t>(std::max(0, width - styled_width(cell)));
  const size_t left = align == MarkdownTable::Align::kRight    ? room
                      : align == MarkdownTable::Align::kCenter ? room / 2
                                                               : 0;
  return std::string(left, ' ') + cell + std::string(room - left, ' ');
}

std::string repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string table_text(const MarkdownTable& table) {
  std::vector<int> widths(table.align.size(), 0);
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], styled_width(row[i]));
  }
  std::string out;
  for (size_t r = 0; r < table.rows.size(); ++r) {
    for (size_t i = 0; i < widths.size(); ++i) {
      if (i > 0) out += ' ' + std::string(kBar);
      const std::string cell = i < table.rows[r].size() ? table.rows[r][i] : "";
      const std::string text = padded(cell, widths[i], table.align[i]);
      out += r == 0 ? std::string(kBold) + text + std::string(kReset) : text;
    }
    out += '\n';
    if (r > 0) continue;
    int total = -3;
    for (int width : widths) total += width + 3;
    out += std::string(kDim) + repeated(kLine, total) + std::string(kReset) + '\n';
  }
  return out;
}

}  // namespace

MarkdownRenderer::MarkdownRenderer(int width, Write write)
    : width_(width), flow_(width, write), write_(std::move(write)) {}

void MarkdownRenderer::push(std::string_view text) {
  const std::string safe = safe_text(text);
  std::string_view rest = safe;
  for (size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
    line_ += rest.substr(0, end);
    take_line(line_);
    line_.clear();
    line_taken_ = 0;
  }
  line_ += rest;
  if (!rest.empty()) take_partial();
}

void MarkdownRenderer::finish() {
  if (!line_.empty()) take_line(line_);
  line_taken_ = 0;
  end_block();
  if (!something_) write_("\n");
  line_.clear();
  something_ = blank_ = false;
}

void MarkdownRenderer::take_line(std::string_view line) {
  if (block_ == Block::kCode) return take_code(line, true);
  if (line_taken_ == 0) {
    const Line what = classify(line, true);
    if (block_ == Block::kTable && what.kind != Kind::kTable) end_block();
    switch (what.kind) {
      case Kind::kBlank:
        end_block();
        blank_ = something_;
        return;
      case Kind::kFence:
        return begin_code(line.substr(what.indent));
      case Kind::kRule:
        return rule();
      case Kind::kTable:
        if (block_ != Block::kTable) begin_block(Block::kTable);
        source_ += line;
        source_ += '\n';
        return;
      default:
        begin_line(line);
    }
  } else {
    grow_text(line.substr(line_taken_));
  }
  if (one_line_) end_block();
}

// What of an unfinished line can be shown already.
void MarkdownRenderer::take_partial() {
  if (block_ == Block::kCode) return take_code(line_, false);
  if (line_taken_ > 0) {
    grow_text(std::string_view(line_).substr(line_taken_));
  } else {
    const Kind kind = classify(line_, false).kind;
    if (kind == Kind::kUndecided) return;
    if (block_ == Block::kTable) end_block();
    begin_line(line_);
  }
  line_taken_ = line_.size();
}

// The beginning of a line of text: a new block, or more of the paragraph that is open.
void MarkdownRenderer::begin_line(std::string_view line) {
  const Line what = classify(line, false);
  const std::string_view content = line.substr(what.content());
  if (what.kind != Kind::kHeading && what.kind != Kind::kItem && what.kind != Kind::kQuote) {
    if (block_ == Block::kText) return grow_text('\n' + std::string(content));
    return begin_text(std::string(what.indent, ' '), std::string(what.indent, ' '), content);
  }
  const std::string_view mark = line.substr(what.indent, what.mark);
  const std::string indent(what.indent, ' ');
  if (what.kind == Kind::kItem) {
    const std::string prefix = indent + item_mark(mark);
    return begin_text(prefix, std::string(static_cast<size_t>(styled_width(prefix)), ' '), content);
  }
  if (what.kind == Kind::kQuote) {
    begin_text(indent + std::string(kBar), indent + std::string(kBar), content);
  } else {
    begin_text("", "", content, run_length(mark) == 1 ? kBoldUnderlined : kBold);
  }
  one_line_ = true;
}

void MarkdownRenderer::begin_block(Block block) {
  end_block();
  if (blank_) flow_.verbatim("\n");
  blank_ = false;
  something_ = true;
  block_ = block;
}

void MarkdownRenderer::begin_text(std::string_view prefix, std::string hanging,
                                  std::string_view content, std::string_view base) {
  begin_block(Block::kText);
  base_ = base;
  flow_.begin(prefix, std::move(hanging));
  grow_text(content);
}

void MarkdownRenderer::grow_text(std::string_view more) {
  source_ += more;
  const size_t stable = stable_length(source_);
  const std::string rendered = render_inline(std::string_view(source_).substr(0, stable), base_);
  if (!rendered.starts_with(shown_))
    return;  // rare: what stands was settled too early; end_text() makes do
  flow_.put(std::string_view(rendered).substr(shown_.size()));
  shown_ = rendered;
  const bool word_ended =
      stable < source_.size() && (source_[stable] == ' ' || source_[stable] == '\n');
  if (word_ended) flow_.put_word();
}

void MarkdownRenderer::end_text() {
  const std::string rendered = render_inline(source_, base_);
  if (rendered.starts_with(shown_)) {
    flow_.put(std::string_view(rendered).substr(shown_.size()));
  } else {
    flow_.put(kReset);
    flow_.put(after_visible(rendered, visible_bytes(shown_)));
  }
  if (!base_.empty()) flow_.put(kReset);
  flow_.end();
}

void MarkdownRenderer::begin_code(std::string_view fence) {
  begin_block(Block::kCode);
  fence_ = fence.substr(0, run_length(fence));
  write_code(fence, kDim);
  write_("\n");
}

void MarkdownRenderer::write_code(std::string_view text, std::string_view style) {
  if (text.empty()) return;
  write_(style);
  write_(text);
  write_(kReset);
}

void MarkdownRenderer::take_code(std::string_view line, bool whole) {
  const size_t indent = std::min(line.find_first_not_of(' '), line.size());
  const std::string_view text = line.substr(indent);
  const bool may_close = line_taken_ == 0 && only(text, fence_[0]);
  if (may_close && !whole) return;
  if (may_close && !text.empty() && run_length(text) >= fence_.size()) {
    write_code(text, kDim);
    write_("\n");
    block_ = Block::kNone;
    return;
  }
  write_code(line.substr(line_taken_), kCode);
  line_taken_ = line.size();
  if (whole) write_("\n");
}

void MarkdownRenderer::rule() {
  constexpr int kWidest = 40;
  begin_block(Block::kNone);
  write_code(repeated(kLine, std::min(width_ - 1, kWidest)), kDim);
  write_("\n");
}

void MarkdownRenderer::end_block() {
  const Block block = std::exchange(block_, Block::kNone);
  one_line_ = false;
  if (block == Block::kText) end_text();
  if (block == Block::kTable) {
    if (const auto table = parse_table(source_)) {
      write_(table_text(*table));
    } else {
      flow_.begin("", "");
      flow_.put(render_inline(source_));
      flow_.end();
    }
  }
  source_.clear();
  shown_.clear();
  base_.clear();
}

}  // namespace hob::cli
