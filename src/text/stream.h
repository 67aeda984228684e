// From tokens to a stream of text: never cuts a UTF-8 sequence, and stops before a stop string even
// when it spans tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hob::text {

// push() takes a token's bytes and returns what can be shown now: whole UTF-8 sequences that cannot
// be the beginning of a stop string. Invalid bytes pass through once they cannot become valid.
class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stops = {});
  std::string push(std::string_view bytes);
  // The rest, at the end of the reply. Empty after a stop string matched.
  std::string finish();
  bool stopped() const { return stopped_; }
  // The stop string that matched.
  const std::string& matched() const { return matched_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string matched_;
  bool stopped_ = false;
};

}  // namespace hob::text
