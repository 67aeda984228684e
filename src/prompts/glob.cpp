// One element of a pattern at a time (a character, a set, "?"), with the usual single point of
// return to the last "*" (Kirk Krauss, "Matching Wildcards", 2008): never a tree of choices.
#include "prompts/glob.h"

#include <algorithm>
#include <vector>

namespace hob::prompts {
namespace {

enum class Flavour { kPython, kGit };

struct Element {
  size_t length = 1;  // of the pattern
  bool matches = false;
};

// The end of the set that begins behind `open`; npos where no bracket closes it.
size_t set_end(std::string_view pattern, size_t open) {
  size_t i = open + 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  return pattern.find(']', i);
}

bool in_set(std::string_view set, char c, Flavour flavour) {
  const bool negated =
      !set.empty() && (set[0] == '!' || (flavour == Flavour::kGit && set[0] == '^'));
  if (negated) set.remove_prefix(1);
  bool found = false;
  for (size_t i = 0; i < set.size(); ++i) {
    const auto low = static_cast<unsigned char>(set[i]), wanted = static_cast<unsigned char>(c);
    if (i + 2 < set.size() && set[i + 1] == '-') {
      found |= low <= wanted && wanted <= static_cast<unsigned char>(set[i + 2]);
      i += 2;
    } else {
      found |= low == wanted;
    }
  }
  return found != negated;
}

Element element(std::string_view pattern, size_t at, char c, Flavour flavour) {
  const char p = pattern[at];
  if (p == '?') return {1, true};
  if (p == '\\' && flavour == Flavour::kGit && at + 1 < pattern.size())
    return {2, pattern[at + 1] == c};
  if (p == '[') {
    const size_t end = set_end(pattern, at);
    if (end != pattern.npos) {
      return {end - at + 1, in_set(pattern.substr(at + 1, end - at - 1), c, flavour)};
    }
  }
  return {1, p == c};
}

bool matches(std::string_view name, std::string_view pattern, Flavour flavour) {
  size_t n = 0, p = 0, star = pattern.npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
      continue;
    }
    if (p < pattern.size()) {
      if (const Element e = element(pattern, p, name[n], flavour); e.matches) {
        p += e.length;
        ++n;
        continue;
      }
    }
    if (star == pattern.npos) return false;
    p = star + 1;
    n = ++resume;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string_view> names_of(std::string_view path) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    if (end == path.size()) return out;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

bool name_matches(std::string_view name, std::string_view pattern) {
  return matches(name, pattern, Flavour::kPython);
}

bool path_matches(std::string_view path, std::string_view pattern) {
  const auto names = names_of(path), parts = names_of(pattern);
  // reach[i]: the parts so far can have taken the first i names.
  std::vector<char> reach(names.size() + 1, 0);
  reach[0] = 1;
  for (size_t k = 0; k < parts.size(); ++k) {
    std::vector<char> next(names.size() + 1, 0);
    const bool last = k + 1 == parts.size();
    for (size_t i = 0; i <= names.size(); ++i) {
      if (!reach[i]) continue;
      if (parts[k] == "**") {
        // A trailing ** means what lies inside, so at least one name.
        for (size_t j = i + (last ? 1 : 0); j <= names.size(); ++j) next[j] = 1;
      } else if (i < names.size() && matches(names[i], parts[k], Flavour::kGit)) {
        next[i + 1] = 1;
      }
    }
    reach = std::move(next);
  }
  return reach[names.size()];
}

bool is_pattern(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

}  // namespace hob::prompts
