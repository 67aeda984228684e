// Patterns for names and paths, in time bounded by the product of the lengths, whatever they are.
#pragma once

#include <string_view>

namespace hob::text {

// As Python's fnmatch on a POSIX system, of the whole text: * ? [set] [!set]; a slash is a
// character like any other and there are no escapes.
bool name_matches(std::string_view name, std::string_view pattern);

// A path of names separated by slashes, as .gitignore has it: * ? and [set] match no slash, **
// alone between slashes matches any number of names, a backslash takes the meaning from what
// follows it. Bytes are characters; a set may have classes, [[:digit:]].
bool path_matches(std::string_view path, std::string_view pattern);

// Whether the text has a character that makes it a pattern.
bool is_pattern(std::string_view text);

}  // namespace hob::text
