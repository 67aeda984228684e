// The rows of `hob batch`: read from CSV or JSON, written back in their order with what was
// answered.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::cli {

enum class RowFormat { kCsv, kTsv, kJsonLines };

struct BatchRow {
  std::string id;                 // of the id column, else the row's number from 1
  nlohmann::ordered_json fields;  // an object; of CSV all values are text
};

struct BatchInput {
  RowFormat format = RowFormat::kJsonLines;
  std::vector<std::string> columns;  // in the order in which they first stand
  std::vector<BatchRow> rows;
};

// By the name's ending; kInvalid where it has none that is known.
Result<RowFormat> row_format_of(const std::string& path);
// By the first character that is no space: { and [ are JSON.
RowFormat row_format_of_text(std::string_view text);

// JSON lines may also be one array. `id_column` empty: "id", where there is such a column. Two rows
// of one id are an error.
Result<BatchInput> parse_batch(std::string_view text, const std::string& name, RowFormat format,
                               const std::string& id_column);

struct BatchAnswer {
  nlohmann::ordered_json response;  // text, or a value where a schema asked for one; null: failed
  std::string error;                // empty: none
};

// One output record with its line break. CSV: the columns, `column`, "error"; JSON: the fields,
// `column`, and "error" where there is one.
std::string batch_head(RowFormat format, const BatchInput& input, const std::string& column);
std::string batch_record(RowFormat format, const BatchInput& input, const BatchRow& row,
                         const BatchAnswer& answer, const std::string& column);

}  // namespace hob::cli
