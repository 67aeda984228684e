// Comma-separated values as RFC 4180 has them and spreadsheets write them: fields in double quotes
// may hold separators, line breaks and doubled quotes; lines end in LF or CRLF; a byte order mark
// is skipped. What contradicts itself is an error with its line, never a guess.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::text {

struct CsvTable {
  std::vector<std::string> head;               // the first line
  std::vector<std::vector<std::string>> rows;  // each as long as the head
};

// `name` is what errors call the text. Empty lines are no rows. Two columns of one name, a row
// longer or shorter than the head, text behind a closing quote and a quote that never closes are
// errors.
Result<CsvTable> parse_csv(std::string_view text, const std::string& name, char separator = ',');

// One record with its line break; fields in quotes where they need them.
std::string csv_line(const std::vector<std::string>& fields, char separator = ',');

}  // namespace hob::text
