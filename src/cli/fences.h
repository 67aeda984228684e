// Fenced code blocks of a Markdown text, as CommonMark defines them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hob::cli {

enum class WhichBlock { kFirst, kLast };

// The content of the first or last fenced block, its final newline with it. A block that nothing
// closes counts as none: the text broke off, and what it holds is not all.
std::optional<std::string> fenced_block(std::string_view text, WhichBlock which);

}  // namespace hob::cli
