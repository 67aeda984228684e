// Fenced code blocks in Markdown, as CommonMark (0.31, section 4.5) sees them: of backticks or
// tildes, indented up to three columns, also below a list item; any info string that the fence
// allows. A block that is never closed is none, so that half a reply is not taken for its code.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hob::text {

enum class FencePick { kFirst, kLast };

// The lines between the fences, with their line ends and without the opening fence's indentation.
std::optional<std::string> fenced_code(std::string_view markdown, FencePick pick);

// The shortest fence of backticks, of at least `least`, that `text` does not contain.
std::string fence_for(std::string_view text, size_t least = 3);

}  // namespace hob::text
