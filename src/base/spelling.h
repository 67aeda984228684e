// Did you mean: how far apart two spellings are, and the nearest of several.
//
// Levenshtein's distance (1966), and Sellers' variant (1980) for a word somewhere inside a longer
// one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hob {

// Insertions, deletions and substitutions of bytes that turn `a` into `b`.
size_t edit_distance(std::string_view a, std::string_view b);
// The distance from `word` to the part of `text` that is most like it.
size_t distance_inside(std::string_view word, std::string_view text);
// The candidate within a slip or two of `word`, the first among equals; empty when none is that
// near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hob
