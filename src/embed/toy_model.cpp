#include "embed/toy_model.h"

namespace hob::embed {
namespace {

constexpr size_t kNumbers = 16;

bool is_space(char c) { return (c >= 9 && c <= 13) || (c >= 28 && c <= 32); }
bool begins_character(char c) { return (c & 0xc0) != 0x80; }

Vector word_lengths(std::string_view text) {
  Vector lengths;
  bool inside = false;
  for (const char c : text) {
    if (is_space(c)) {
      inside = false;
      continue;
    }
    if (!inside && lengths.size() == kNumbers) break;
    if (!inside) lengths.push_back(0);
    inside = true;
    if (begins_character(c)) ++lengths.back();
  }
  lengths.resize(kNumbers, 0.0f);
  return lengths;
}

}  // namespace

Result<std::vector<Vector>> ToyModel::embed(std::span<const std::string> items) {
  std::vector<Vector> vectors;
  for (const std::string& item : items) vectors.push_back(word_lengths(item));
  return vectors;
}

}  // namespace hob::embed
