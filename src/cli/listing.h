// How lists are printed: llm's JSON, and lines cut to the terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/io.h"

namespace hob::cli {

// As Python's json.dumps: ASCII, indented, and a line break at the end.
std::string json_text(const nlohmann::ordered_json& value, int indent);

// $COLUMNS, else the terminal behind `out`, else 80.
int listing_width(const Io& io);

// How many characters (code points) a text has.
size_t character_count(std::string_view text);
// At most `most` characters, the last three of them dots where something was cut.
std::string cut_to(std::string_view text, size_t most);
// Padded with blanks to `width` characters.
std::string padded(std::string_view text, size_t width);

// Every line of a text behind `indent` blanks; a line break at the end.
std::string indented_by(std::string_view lines, size_t indent);

}  // namespace hob::cli
