#include "text/fenced_code.h"

#include <algorithm>

namespace hob::text {
namespace {

constexpr size_t kShortestFence = 3, kDeepestIndent = 3;

struct Fence {
  char mark = 0;
  size_t length = 0, indent = 0;
};

size_t columns_before(std::string_view line) {
  const size_t text = line.find_first_not_of(' ');
  return text == line.npos ? line.size() : text;
}

// A line without its end: "\n" or "\r\n".
std::string_view bare(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The column at which the content of the list item that `line` begins stands; 0 for other lines.
size_t item_content(std::string_view line) {
  const size_t indent = columns_before(line);
  size_t end = indent;
  while (end < line.size() && end - indent < 9 && line[end] >= '0' && line[end] <= '9') ++end;
  if (end >= line.size()) return 0;
  const bool numbered = end > indent && (line[end] == '.' || line[end] == ')');
  const bool bullet = end == indent && std::string_view("-*+").find(line[end]) != line.npos;
  if (!numbered && !bullet) return 0;
  const size_t marker = end + 1;
  if (marker >= line.size() || line[marker] != ' ') return 0;
  return marker + columns_before(line.substr(marker));
}

// The run of fence marks at column `indent`, which is at most kDeepestIndent columns from `left`.
Fence run_at(std::string_view line, size_t indent, size_t left) {
  if (indent >= line.size() || indent > left + kDeepestIndent) return {};
  const char mark = line[indent];
  if (mark != '`' && mark != '~') return {};
  const size_t end = std::min(line.find_first_not_of(mark, indent), line.size());
  if (end - indent < kShortestFence) return {};
  return {mark, end - indent, indent};
}

bool closes(std::string_view line, const Fence& open, size_t left) {
  const Fence run = run_at(line, columns_before(line), left);
  if (run.mark != open.mark || run.length < open.length) return false;
  return line.find_first_not_of(" \t", run.indent + run.length) == line.npos;
}

}  // namespace

std::optional<std::string> fenced_code(std::string_view markdown, FencePick pick) {
  std::optional<std::string> found;
  Fence open;
  size_t left = 0;  // where the content of the list item around us stands
  std::string code;
  while (!markdown.empty()) {
    const size_t end = std::min(markdown.find('\n'), markdown.size() - 1) + 1;
    const std::string_view whole = markdown.substr(0, end), line = bare(whole);
    markdown.remove_prefix(end);
    if (open.length > 0) {
      if (closes(line, open, left)) {
        found = std::move(code);
        if (pick == FencePick::kFirst) return found;
        open = {};
        code.clear();
      } else {
        code += whole.substr(std::min(columns_before(line), open.indent));
      }
      continue;
    }
    const size_t content = item_content(line);
    if (content > 0) {
      left = content;
    } else if (!line.empty() && columns_before(line) == 0) {
      left = 0;
    }
    const Fence run = run_at(line, content > 0 ? content : columns_before(line), left);
    const bool info_is_allowed =
        run.mark == '~' || line.find('`', run.indent + run.length) == line.npos;
    if (run.length > 0 && info_is_allowed) open = run;
  }
  return found;
}

std::string fence_for(std::string_view text, size_t least) {
  std::string fence(least, '`');
  while (text.find(fence) != text.npos) fence += '`';
  return fence;
}

}  // namespace hob::text
