// A pattern is a list of elements (a character, a set, "?", "*"), held against a name with the
// usual single point of return to the last "*" (Kirk Krauss, "Matching Wildcards", 2008): never a
// tree of choices.
#include "text/glob.h"

#include <ctype.h>

#include <algorithm>
#include <vector>

#include "text/utf8.h"

namespace hob::text {
namespace {

enum class Flavour { kPython, kGit };

// A character of a name or a pattern: a code point for Python, to which other bytes are surrogates,
// a byte for git.
struct Character {
  char32_t value = 0;
  size_t length = 1;
};

Character character(std::string_view text, size_t at, Flavour flavour) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (flavour == Flavour::kGit || byte < 0x80) return {byte, 1};
  const Utf8Sequence next = next_utf8(text.substr(at));
  if (next.head != Utf8Head::kWhole) return {0xDC00u + byte, 1};
  return {next.code_point, static_cast<size_t>(next.length)};
}

// One that stands for itself; what a backslash takes the meaning from counts as one.
Character literal(std::string_view pattern, size_t at, Flavour flavour) {
  if (flavour == Flavour::kGit && pattern[at] == '\\' && at + 1 < pattern.size())
    return {static_cast<unsigned char>(pattern[at + 1]), 2};
  return character(pattern, at, flavour);
}

// POSIX classes in the C locale.
bool in_class(std::string_view name, char32_t c) {
  constexpr struct {
    std::string_view name;
    int (*has)(int);
  } kClasses[] = {{"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
                  {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
                  {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit}};
  return c < 0x80 && std::any_of(std::begin(kClasses), std::end(kClasses), [&](const auto& one) {
           return one.name == name && one.has(static_cast<int>(c)) != 0;
         });
}

struct SetResult {
  size_t length = 0;  // with both brackets; 0: none closes it
  bool holds = false;
};

// Reads the set that begins with the bracket at `open`, and whether it has the character.
SetResult read_set(std::string_view pattern, size_t open, char32_t c, Flavour flavour) {
  const bool git = flavour == Flavour::kGit;
  size_t i = open + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || (git && pattern[i] == '^'));
  if (negated) ++i;
  bool found = false;
  for (const size_t first = i; i < pattern.size() && (pattern[i] != ']' || i == first);) {
    if (git && pattern.substr(i).starts_with("[:")) {
      constexpr size_t kLongest = 6;  // "xdigit"
      const std::string_view name = pattern.substr(i + 2, kLongest + 2);
      if (const size_t end = name.find(":]"); end != name.npos) {
        found |= in_class(name.substr(0, end), c);
        i += 2 + end + 2;
        continue;
      }
    }
    const Character low = literal(pattern, i, flavour);
    Character high = low;
    i += low.length;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      high = literal(pattern, i + 1, flavour);
      i += 1 + high.length;
    }
    found |= low.value <= c && c <= high.value;
  }
  if (i >= pattern.size()) return {};
  return {i + 1 - open, found != negated};
}

// A pattern taken apart once.
class Matcher {
 public:
  Matcher(std::string_view pattern, Flavour flavour) : flavour_(flavour) {
    bool closed = true;  // a bracket that none closes stands for itself, and so do those after it
    for (size_t i = 0; i < pattern.size();) {
      Element e;
      size_t length = 1;
      if (pattern[i] == '*') {
        e.kind = Kind::kStar;
      } else if (pattern[i] == '?') {
        e.kind = Kind::kAny;
      } else {
        const Character one = literal(pattern, i, flavour);
        e.one = one.value;
        length = one.length;
        if (pattern[i] == '[' && closed) {
          const size_t set = read_set(pattern, i, 0, flavour).length;
          closed = set > 0;
          if (closed) {
            e.kind = Kind::kSet;
            e.set = pattern.substr(i, set);
            length = set;
          }
        }
      }
      elements_.push_back(e);
      i += length;
    }
  }

  bool matches(std::string_view name) const {
    constexpr size_t kNone = std::string_view::npos;
    size_t n = 0, p = 0, star = kNone, resume = 0;
    while (n < name.size()) {
      if (p < elements_.size() && elements_[p].kind == Kind::kStar) {
        star = p++;
        resume = n;
        continue;
      }
      const Character c = character(name, n, flavour_);
      if (p < elements_.size() && takes(elements_[p], c.value)) {
        ++p;
        n += c.length;
        continue;
      }
      if (star == kNone) return false;
      p = star + 1;
      resume += character(name, resume, flavour_).length;
      n = resume;
    }
    while (p < elements_.size() && elements_[p].kind == Kind::kStar) ++p;
    return p == elements_.size();
  }

 private:
  enum class Kind { kOne, kAny, kSet, kStar };
  struct Element {
    Kind kind = Kind::kOne;
    char32_t one = 0;
    std::string_view set;
  };

  bool takes(const Element& e, char32_t c) const {
    if (e.kind == Kind::kSet) return read_set(e.set, 0, c, flavour_).holds;
    return e.kind == Kind::kAny || e.one == c;
  }

  Flavour flavour_;
  std::vector<Element> elements_;
};

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
  return Matcher(pattern, Flavour::kPython).matches(name);
}

bool path_matches(std::string_view path, std::string_view pattern) {
  const auto names = names_of(path), parts = names_of(pattern);
  // reach[i]: the parts so far can have taken the first i names.
  std::vector<char> reach(names.size() + 1, 0);
  reach[0] = 1;
  for (size_t k = 0; k < parts.size(); ++k) {
    std::vector<char> next(names.size() + 1, 0);
    const bool last = k + 1 == parts.size();
    const Matcher part(parts[k], Flavour::kGit);
    for (size_t i = 0; i <= names.size(); ++i) {
      if (!reach[i]) continue;
      if (parts[k] == "**") {
        // A trailing ** means what lies inside, so at least one name.
        for (size_t j = i + (last ? 1 : 0); j <= names.size(); ++j) next[j] = 1;
      } else if (i < names.size() && part.matches(names[i])) {
        next[i + 1] = 1;
      }
    }
    reach = std::move(next);
  }
  return reach[names.size()];
}

bool is_pattern(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

}  // namespace hob::text
