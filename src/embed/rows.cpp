// Tables and JSON, as Python's csv and json modules read them.
#include "embed/rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "store/json_text.h"

namespace hob::embed {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBlanks = " \t\r\n\f\v";

// A value as Python's str() writes it in an id or a content; null is nothing.
std::string text_of(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return {};
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return store::json_text(value);
}

Result<> take_object(const ordered_json& row, const std::string& name, uint64_t number,
                     const Take& take) {
  if (!row.is_object() || row.empty())
    return fail(ErrorKind::kInvalid, "{}: row {} is not an object with an id", name, number);
  Item item;
  bool first = true, second = true;
  for (const auto& value : row) {
    if (first) {
      item.id = value.is_null() ? "None" : text_of(value);
    } else {
      if (!second) item.content += ' ';
      item.content += text_of(value);
      second = false;
    }
    first = false;
  }
  return take(std::move(item));
}

Result<> read_json(const ordered_json& rows, const std::string& name, const Take& take) {
  if (rows.is_object()) return take_object(rows, name, 1, take);
  if (!rows.is_array())
    return fail(ErrorKind::kInvalid, "{}: JSON must be a list or a dictionary", name);
  uint64_t number = 0;
  for (const auto& row : rows) HOB_TRY_VOID(take_object(row, name, ++number, take));
  return {};
}

// Calls use(line) for each line that is not blank.
template <class Use>
Result<> each_line(std::string_view text, const Use& use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r\f\v") != line.npos) HOB_TRY_VOID(use(line));
  }
  return {};
}

Result<> read_lines(std::string_view text, const std::string& name, const Take& take) {
  uint64_t number = 0;
  return each_line(text, [&](std::string_view line) -> Result<> {
    const auto row = ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
    ++number;
    if (row.is_discarded())
      return fail(ErrorKind::kInvalid, "{}: line {} is not JSON", name, number);
    return take_object(row, name, number, take);
  });
}

// One record of a table at a time: fields in quotes may hold separators, line ends and doubled
// quotes.
class Table {
 public:
  Table(std::string_view text, char separator) : text_(text), separator_(separator) {}

  // False at the end. A blank line is a record of no fields.
  bool next(std::vector<std::string>& fields) {
    fields.clear();
    if (at_ >= text_.size()) return false;
    std::string field;
    bool quoted = false, any = false;
    for (;; ++at_) {
      const bool end = at_ >= text_.size();
      const char c = end ? '\n' : text_[at_];
      if (quoted && !end) {
        if (c != '"') {
          field += c;
        } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
          field += '"';
          ++at_;
        } else {
          quoted = false;
        }
        continue;
      }
      if (c == separator_ && !end) {
        fields.push_back(std::move(field));
        field.clear();
        any = true;
      } else if (c == '\n' || c == '\r') {
        if (any || !field.empty()) fields.push_back(std::move(field));
        if (c == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
        ++at_;
        return true;
      } else if (c == '"' && field.empty()) {
        quoted = any = true;
      } else {
        field += c;
      }
    }
  }

 private:
  std::string_view text_;
  char separator_;
  size_t at_ = 0;
};

Result<> read_table(std::string_view text, char separator, const std::string& name,
                    const Take& take) {
  Table table(text, separator);
  std::vector<std::string> header, fields;
  while (header.empty() && table.next(header)) {
  }
  for (uint64_t number = 1; table.next(fields); ++number) {
    if (fields.empty()) continue;
    if (fields.size() > header.size()) {
      return fail(ErrorKind::kInvalid, "{}: row {} has {} columns, the first line {}", name, number,
                  fields.size(), header.size());
    }
    fields.resize(header.size());
    Item item{.id = fields[0], .content = {}, .metadata = {}};
    for (size_t i = 1; i < fields.size(); ++i) item.content += (i > 1 ? " " : "") + fields[i];
    HOB_TRY_VOID(take(std::move(item)));
  }
  return {};
}

char frequent_separator(std::string_view text) {
  const std::string_view line = text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
  char best = ',';
  std::ptrdiff_t most = std::ranges::count(line, best);
  for (const char c : {'\t', ';', '|'}) {
    const auto count = std::ranges::count(line, c);
    if (count > most) best = c, most = count;
  }
  return best;
}

}  // namespace

std::optional<RowFormat> row_format(std::string_view name) {
  constexpr std::pair<std::string_view, RowFormat> kNames[] = {{"json", RowFormat::kJson},
                                                               {"csv", RowFormat::kCsv},
                                                               {"tsv", RowFormat::kTsv},
                                                               {"nl", RowFormat::kLines}};
  for (const auto& [known, format] : kNames) {
    if (known == name) return format;
  }
  return {};
}

Result<> read_rows(std::string_view text, std::optional<RowFormat> format, const std::string& name,
                   const Take& take) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t begin = text.find_first_not_of(kBlanks);
  if (!format && begin == text.npos) return {};
  const bool looks_like_json = !format && (text[begin] == '[' || text[begin] == '{');
  if (looks_like_json || format == RowFormat::kJson) {
    const auto rows = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!rows.is_discarded()) return read_json(rows, name, take);
    if (is_document(text, format)) return fail(ErrorKind::kInvalid, "{}: is not JSON", name);
    return read_lines(text, name, take);
  }
  if (format == RowFormat::kLines) return read_lines(text, name, take);
  const char separator = format == RowFormat::kTsv   ? '\t'
                         : format == RowFormat::kCsv ? ','
                                                     : frequent_separator(text);
  return read_table(text, separator, name, take);
}

Result<uint64_t> count_rows(std::string_view text, std::optional<RowFormat> format,
                            const std::string& name) {
  uint64_t count = 0;
  HOB_TRY_VOID(read_rows(text, format, name, [&](Item) -> Result<> {
    ++count;
    return {};
  }));
  return count;
}

bool is_document(std::string_view text, std::optional<RowFormat> format) {
  if (format) return format == RowFormat::kJson;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t begin = text.find_first_not_of(kBlanks);
  return begin != text.npos && text[begin] == '[';
}

// ---- a query ----

namespace {

// A statement that may run; an error where it is no query.
Result<SQLite::Statement> prepared(SQLite::Database& sql, const std::string& query) {
  SQLite::Statement statement(sql, query);
  if (statement.getColumnCount() == 0)
    return fail(ErrorKind::kInvalid, "--sql: not a query that returns rows");
  return statement;
}

std::string column_text(const SQLite::Column& column) {
  if (column.isNull()) return {};
  if (!column.isFloat()) return column.getString();
  return store::json_text(column.getDouble());
}

}  // namespace

Result<> read_query(store::Database& db, const std::string& query, const Take& take) {
  return db.read([&](SQLite::Database& sql) -> Result<> {
    HOB_TRY(auto rows, prepared(sql, query));
    while (rows.executeStep()) {
      Item item;
      item.id = rows.getColumn(0).isNull() ? "None" : column_text(rows.getColumn(0));
      for (int i = 1; i < rows.getColumnCount(); ++i)
        item.content += (i > 1 ? " " : "") + column_text(rows.getColumn(i));
      HOB_TRY_VOID(take(std::move(item)));
    }
    return {};
  });
}

Result<uint64_t> count_query(store::Database& db, const std::string& query) {
  return db.read([&](SQLite::Database& sql) -> Result<uint64_t> {
    HOB_TRY_VOID(prepared(sql, query));
    return static_cast<uint64_t>(
        sql.execAndGet("select count(*) from (" + query + "\n)").getInt64());
  });
}

}  // namespace hob::embed
