#include "cli/batch_rows.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "store/log_chain.h"
#include "text/csv.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

constexpr auto kReplace = ordered_json::error_handler_t::replace;

char separator_of(RowFormat format) { return format == RowFormat::kTsv ? '\t' : ','; }

// A value as a cell of a table.
std::string cell(const ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, kReplace);
}

Result<> add_json_row(BatchInput& input, ordered_json value, const std::string& where) {
  if (!value.is_object()) return fail(ErrorKind::kInvalid, "{}: no JSON object", where);
  for (const auto& [key, unused] : value.items()) {
    if (std::find(input.columns.begin(), input.columns.end(), key) == input.columns.end())
      input.columns.push_back(key);
  }
  input.rows.push_back({"", std::move(value)});
  return {};
}

Result<> parse_json(BatchInput& input, std::string_view text, const std::string& name) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && text[first] == '[') {
    auto whole = store::parse_shallow_json(text);
    if (!whole || !whole->is_array())
      return fail(ErrorKind::kInvalid, "{}: not a JSON array", name);
    for (size_t i = 0; i < whole->size(); ++i) {
      HOB_TRY_VOID(add_json_row(input, std::move((*whole)[i]), fmt::format("{}: [{}]", name, i)));
    }
    return {};
  }
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    HOB_TRY_VOID(add_json_row(input, store::parse_shallow_json(line).value_or(nullptr),
                              fmt::format("{}:{}", name, number)));
  }
  return {};
}

Result<> parse_table(BatchInput& input, std::string_view text, const std::string& name) {
  HOB_TRY(auto table, text::parse_csv(text, name, separator_of(input.format)));
  input.columns = table.head;
  for (auto& fields : table.rows) {
    BatchRow row{"", ordered_json::object()};
    for (size_t i = 0; i < fields.size(); ++i) row.fields[table.head[i]] = std::move(fields[i]);
    input.rows.push_back(std::move(row));
  }
  return {};
}

Result<> name_rows(BatchInput& input, const std::string& name, const std::string& id_column) {
  const std::string column = id_column.empty() ? "id" : id_column;
  const bool there =
      std::find(input.columns.begin(), input.columns.end(), column) != input.columns.end();
  if (!there && !id_column.empty())
    return fail(ErrorKind::kInvalid, "{}: no column '{}' for ids", name, id_column);
  std::set<std::string> ids;
  for (size_t i = 0; i < input.rows.size(); ++i) {
    BatchRow& row = input.rows[i];
    const auto found = row.fields.find(column);
    row.id = there && found != row.fields.end() ? cell(*found) : fmt::format("{}", i + 1);
    if (!ids.insert(row.id).second)
      return fail(ErrorKind::kInvalid, "{}: two rows with the id '{}'", name, row.id);
  }
  return {};
}

}  // namespace

Result<RowFormat> row_format_of(const std::string& path) {
  const std::string end = std::filesystem::path(path).extension().string();
  if (end == ".csv") return RowFormat::kCsv;
  if (end == ".tsv") return RowFormat::kTsv;
  if (end == ".jsonl" || end == ".ndjson" || end == ".json") return RowFormat::kJsonLines;
  return fail(ErrorKind::kInvalid, "{}: its name ends in none of .csv, .tsv, .jsonl, .json", path);
}

RowFormat row_format_of_text(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != text.npos && (text[first] == '{' || text[first] == '[');
  return json ? RowFormat::kJsonLines : RowFormat::kCsv;
}

Result<BatchInput> parse_batch(std::string_view text, const std::string& name, RowFormat format,
                               const std::string& id_column) {
  if (!text::is_utf8(text)) return fail(ErrorKind::kInvalid, "{}: not UTF-8", name);
  BatchInput input;
  input.format = format;
  if (format == RowFormat::kJsonLines) {
    HOB_TRY_VOID(parse_json(input, text, name));
  } else {
    HOB_TRY_VOID(parse_table(input, text, name));
  }
  HOB_TRY_VOID(name_rows(input, name, id_column));
  return input;
}

std::string batch_head(RowFormat format, const BatchInput& input, const std::string& column) {
  if (format == RowFormat::kJsonLines) return "";
  auto head = input.columns;
  head.push_back(column);
  head.emplace_back("error");
  return text::csv_line(head, separator_of(format));
}

std::string batch_record(RowFormat format, const BatchInput& input, const BatchRow& row,
                         const BatchAnswer& answer, const std::string& column) {
  if (format == RowFormat::kJsonLines) {
    ordered_json out = row.fields;
    out[column] = answer.response;
    if (!answer.error.empty()) out["error"] = answer.error;
    return out.dump(-1, ' ', false, kReplace) + '\n';
  }
  std::vector<std::string> fields;
  for (const std::string& name : input.columns) {
    const auto found = row.fields.find(name);
    fields.push_back(found == row.fields.end() ? "" : cell(*found));
  }
  fields.push_back(cell(answer.response));
  fields.push_back(answer.error);
  return text::csv_line(fields, separator_of(format));
}

}  // namespace hob::cli
