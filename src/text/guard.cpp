// A position p is guarded when a guard must stand before byte p of the content. Breaking a spelling
// after its first character suffices, wherever the rest of it comes from; at the front of a text
// one guard breaks every spelling that a template could have begun.
#include "text/guard.h"

#include <algorithm>

#include "base/ascii.h"
#include "text/utf8.h"

namespace hob::text {
namespace {

// Bytes of the first character.
size_t first_character(std::string_view text) {
  return text.empty() ? 0 : static_cast<size_t>(next_utf8(text).length);
}

void append_escape(std::string& out, unsigned value) {
  append_utf8(out, kGuardEscape);
  append_utf8(out, kEscapedBase + value);
}

}  // namespace

std::string without_guards(std::string_view rendered) {
  constexpr std::string_view kNoncharacterLead = "\xef\xb7";  // of both U+FDD0 and U+FDD1
  if (rendered.find(kNoncharacterLead) == std::string_view::npos) return std::string(rendered);
  std::string out;
  out.reserve(rendered.size());
  bool escaped = false;
  while (!rendered.empty()) {
    const Utf8Sequence next = next_utf8(rendered);
    const auto length = static_cast<size_t>(next.length);
    const bool whole = next.head == Utf8Head::kWhole;
    if (escaped && whole && next.code_point >= kEscapedBase &&
        next.code_point <= kEscapedBase + 0xff) {
      const char32_t value = next.code_point - kEscapedBase;
      if (value < 2) {
        append_utf8(out, value == 0 ? kGuard : kGuardEscape);
      } else {
        out.push_back(static_cast<char>(value));
      }
      escaped = false;
    } else {
      if (escaped) append_utf8(out, kGuardEscape);  // an escape that a filter cut in two
      escaped = whole && next.code_point == kGuardEscape;
      if (!escaped && !(whole && next.code_point == kGuard)) out += rendered.substr(0, length);
    }
    rendered.remove_prefix(length);
  }
  if (escaped) append_utf8(out, kGuardEscape);
  return out;
}

Guard::Guard(std::vector<std::string_view> control_spellings) {
  for (const std::string_view spelling : control_spellings) {
    if (spelling.empty()) continue;
    spellings_.push_back(ascii_lower(spelling));
    const size_t one = first_character(spelling), two = one + first_character(spelling.substr(one));
    one_.push_back(spellings_.back().substr(0, one));
    two_.push_back(spellings_.back().substr(0, two));
    full_.add(spellings_.back(), 0);
  }
  for (std::vector<std::string>* beginnings : {&one_, &two_}) {
    std::sort(beginnings->begin(), beginnings->end());
    beginnings->erase(std::unique(beginnings->begin(), beginnings->end()), beginnings->end());
  }
}

std::vector<bool> Guard::guarded_positions(std::string_view content, Guarding how) const {
  std::vector<bool> guarded(content.size() + 1, false);
  const std::string lower = ascii_lower(content);
  const std::string_view text = lower;
  const auto break_at = [&](size_t begin) {
    guarded[begin + first_character(text.substr(begin))] = true;
  };
  for (auto match = full_.find(text); match.length > 0; match = full_.find(text, match.begin + 1))
    break_at(match.begin);
  if (how == Guarding::kInside) return guarded;
  for (const std::string_view spelling : spellings_) {
    for (size_t length = 1; length < spelling.size() && length <= text.size(); ++length) {
      if (text.ends_with(spelling.substr(0, length))) break_at(text.size() - length);
      if (text.starts_with(spelling.substr(spelling.size() - length))) guarded[0] = true;
    }
    if (how == Guarding::kEdges) continue;
    if (!text.empty() && spelling.find(text) != std::string_view::npos) guarded[0] = true;
  }
  if (how < Guarding::kTwoCharacters) return guarded;
  for (const std::string_view beginning : how == Guarding::kTwoCharacters ? two_ : one_) {
    for (size_t at = text.find(beginning); at != std::string_view::npos;
         at = text.find(beginning, at + 1))
      break_at(at);
  }
  return guarded;
}

std::string Guard::apply(std::string_view content, Guarding how) const {
  const std::vector<bool> guarded = guarded_positions(content, how);
  std::string out;
  out.reserve(content.size() + 16);
  for (size_t i = 0; i < content.size();) {
    if (guarded[i]) append_utf8(out, kGuard);
    const Utf8Sequence next = next_utf8(content.substr(i));
    const auto length = static_cast<size_t>(next.length);
    if (next.head != Utf8Head::kWhole) {
      for (size_t k = i; k < i + length; ++k) append_escape(out, static_cast<uint8_t>(content[k]));
    } else if (next.code_point == kGuard || next.code_point == kGuardEscape) {
      append_escape(out, next.code_point == kGuard ? 0 : 1);
    } else {
      out += content.substr(i, length);
    }
    i += length;
  }
  if (guarded[content.size()]) append_utf8(out, kGuard);
  return out;
}

}  // namespace hob::text
