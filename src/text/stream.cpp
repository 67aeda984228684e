// held_ is what cannot be shown yet: the beginning of a stop string or of a UTF-8 sequence at the
// end of what came. It is never longer than the longest stop string and a cut sequence, so
// searching it again at every push is cheap.
//
// Of several stop strings the one that is complete first ends the reply (of those, the one that
// began first), so the result does not depend on how the bytes were cut into tokens.
#include "text/stream.h"

#include <algorithm>

#include "text/utf8.h"

namespace hob::text {
namespace {

// How many bytes at the end of `text` begin `stop` without completing it.
size_t begun(std::string_view text, std::string_view stop) {
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.ends_with(stop.substr(0, length))) return length;
  }
  return 0;
}

// How many bytes at the end of `text` are a UTF-8 sequence still incomplete.
size_t cut_bytes(std::string_view text) {
  constexpr size_t kLongestCut = 3;
  for (size_t length = std::min(text.size(), kLongestCut); length > 0; --length) {
    if (next_utf8(text.substr(text.size() - length)).head == Utf8Head::kCut) return length;
  }
  return 0;
}

}  // namespace

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
}

std::string TextStream::push(std::string_view bytes) {
  if (stopped_) return {};
  held_ += bytes;
  size_t stop_begin = 0, stop_end = std::string::npos;
  for (const std::string& stop : stops_) {
    const size_t begin = held_.find(stop);
    if (begin == std::string::npos) continue;
    const size_t end = begin + stop.size();
    if (end > stop_end || (end == stop_end && begin >= stop_begin)) continue;
    stop_begin = begin, stop_end = end, matched_ = stop;
  }
  if (stop_end != std::string::npos) {
    stopped_ = true;
    std::string shown = held_.substr(0, stop_begin);
    held_.clear();
    return shown;
  }
  size_t keep = 0;
  for (const std::string& stop : stops_) keep = std::max(keep, begun(held_, stop));
  const std::string_view candidate = std::string_view(held_).substr(0, held_.size() - keep);
  std::string shown(candidate.substr(0, candidate.size() - cut_bytes(candidate)));
  held_.erase(0, shown.size());
  return shown;
}

std::string TextStream::finish() {
  std::string rest = std::move(held_);
  held_.clear();
  return rest;
}

}  // namespace hob::text
