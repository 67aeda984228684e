// Many items from one input: CSV, TSV, JSON and JSON lines; rows of a query; files of a folder.
//
// Of a row the first column is the id and the others, joined by spaces, the content. Each reader
// hands items over one by one; a text is in memory whole, and the rows of a JSON array are as well.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "embed/collections.h"
#include "store/database.h"

namespace hob::embed {

// Takes an item; an error ends the reading.
using Take = std::function<Result<>(Item item)>;

enum class RowFormat { kJson, kCsv, kTsv, kLines };
std::optional<RowFormat> row_format(std::string_view name);  // json csv tsv nl

// What a text that says nothing else looks like: JSON and JSON lines by its first character and
// lines, otherwise columns with the separator that is most frequent in the first line.
// Errors call the text `name`. A row of a table that has more columns than the first is an error.
Result<> read_rows(std::string_view text, std::optional<RowFormat> format, const std::string& name,
                   const Take& take);
// How many rows those are; what is wrong with one is an error here already.
Result<uint64_t> count_rows(std::string_view text, std::optional<RowFormat> format,
                            const std::string& name);
// Whether the text is one JSON document, of which no row is there before all of it is read.
bool is_document(std::string_view text, std::optional<RowFormat> format);

// The rows of a query that changes nothing. The database is this reader's own.
Result<> read_query(store::Database& db, const std::string& query, const Take& take);
Result<uint64_t> count_query(store::Database& db, const std::string& query);

struct FileRows {
  std::string folder, pattern;  // as Python's Path.glob: * ? [] within a name, ** for any folders
};
// Paths below the folder, in order. A folder that is none is an error.
Result<std::vector<std::string>> matching_files(const FileRows& rows);

// Bytes as text by the first of the encodings that fits, line ends as Python's text files have
// them; nothing where none fits. An encoding that the system does not know is an error.
Result<std::optional<std::string>> decoded(std::string_view bytes,
                                           std::span<const std::string> encodings);

}  // namespace hob::embed
