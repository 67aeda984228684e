#include "prompts/ignore_rules.h"

#include <algorithm>

#include "text/glob.h"

namespace hob::prompts {
namespace {

// Blanks at the end do not count unless a backslash stands before them.
std::string_view without_blanks(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') && !(line.size() > 1 && line[line.size() - 2] == '\\'))
    line.remove_suffix(1);
  return line;
}

// The path below `folder`; empty where it is not below it.
std::string_view below(std::string_view path, std::string_view folder) {
  if (folder.empty()) return path;
  if (path.size() <= folder.size() || !path.starts_with(folder) || path[folder.size()] != '/')
    return {};
  return path.substr(folder.size() + 1);
}

}  // namespace

void IgnoreRules::add(std::string_view folder, std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = without_blanks(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.empty() || line[0] == '#') continue;
    Rule rule;
    rule.folder = folder;
    if (line[0] == '!') {
      rule.takes_in = true;
      line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
      rule.folders_only = true;
      line.remove_suffix(1);
    }
    rule.anchored = line.find('/') != line.npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) continue;
    rule.pattern = line;
    rules_.push_back(std::move(rule));
  }
}

bool IgnoreRules::ignored(std::string_view path, bool is_folder) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->folders_only && !is_folder) continue;
    std::string_view inner = below(path, rule->folder);
    if (inner.empty()) continue;
    if (!rule->anchored)
      inner.remove_prefix(inner.rfind('/') == inner.npos ? 0 : inner.rfind('/') + 1);
    if (text::path_matches(inner, rule->pattern)) return !rule->takes_in;
  }
  return false;
}

}  // namespace hob::prompts
