#include "base/spelling.h"

#include <algorithm>

namespace hob {
namespace {

// The last row of the distance table: entry j is the distance from `word` to what of `text` ends at
// j. `inside` lets the part of `text` start anywhere at no cost.
std::vector<size_t> last_row(std::string_view word, std::string_view text, bool inside) {
  std::vector<size_t> row(text.size() + 1, 0);
  if (!inside) {
    for (size_t j = 0; j <= text.size(); ++j) row[j] = j;
  }
  for (size_t i = 0; i < word.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < text.size(); ++j) {
      const size_t substitute = diagonal + (word[i] != text[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substitute, row[j] + 1, diagonal + 1});
    }
  }
  return row;
}

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  return last_row(a, b, false).back();
}

size_t distance_inside(std::string_view word, std::string_view text) {
  const auto row = last_row(word, text, true);
  return *std::min_element(row.begin(), row.end());
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const size_t limit = word.size() <= 2 ? 0 : word.size() <= 4 ? 1 : word.size() <= 8 ? 2 : 3;
  size_t best = limit + 1;
  std::string name;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best) best = distance, name = candidate;
  }
  return name;
}

}  // namespace hob
