// Guards: how content stays content through a chat template.
//
// Before rendering, a guard character goes into every place where a person's or tool's text spells
// a control token, so that the rendered prompt holds the spelling of a control token only where the
// template itself wrote it. A guard is the noncharacter U+FDD0, which no text uses; if one does, it
// is escaped, and so are bytes that are not UTF-8, since Jinja works on characters.
// without_guards() undoes all of it.
//
// Covers: spellings inside a text; spellings that text and template would make together (a text
// that begins or ends with part of one); spellings that a change of ASCII case would make; bytes of
// any kind. Does not cover: a template that deletes characters from inside a text;
// ChatTemplate::render tries the stronger kinds of Guarding for that.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/special_tokens.h"

namespace hob::text {

inline constexpr char32_t kGuard = 0xfdd0;
// Followed by U+10FE00 + b: 0 for U+FDD0 itself, 1 for U+FDD1, 0x80-0xff for that byte.
inline constexpr char32_t kGuardEscape = 0xfdd1;
inline constexpr char32_t kEscapedBase = 0x10fe00;

// The text that a guarded string stands for: guards removed, escapes undone. Harmless on any other
// text.
std::string without_guards(std::string_view rendered);

// Each covers what stands above it too.
enum class Guarding {
  kInside,         // spellings inside the text
  kEdges,          // and texts that begin or end with part of a spelling
  kWholeTexts,     // and texts that as a whole are the inside of one
  kTwoCharacters,  // and wherever the first two characters of one stand
  kOneCharacter,   // and wherever the first character of one stands
};

class Guard {
 public:
  explicit Guard(std::vector<std::string_view> control_spellings);
  // Valid UTF-8 for any bytes.
  std::string apply(std::string_view content, Guarding how) const;

 private:
  std::vector<bool> guarded_positions(std::string_view content, Guarding how) const;

  std::vector<std::string> spellings_;  // ASCII letters in lower case
  std::vector<std::string> one_, two_;  // their first one and two characters, each once
  SpecialTokens full_;
};

}  // namespace hob::text
