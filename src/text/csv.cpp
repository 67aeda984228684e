#include "text/csv.h"

#include <algorithm>
#include <set>

namespace hob::text {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class Reader {
 public:
  Reader(std::string_view text, const std::string& name, char separator)
      : text_(text), name_(name), separator_(separator) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  bool done() const { return at_ == text_.size(); }
  size_t line() const { return line_; }

  bool skip_empty_line() {
    const bool empty = at_line_break();
    if (empty) end_line();
    return empty;
  }

  // The fields of one record and its line break.
  Result<std::vector<std::string>> record() {
    std::vector<std::string> fields;
    for (;;) {
      fields.emplace_back();
      if (peek() == '"') {
        HOB_TRY_VOID(quoted(fields.back()));
      } else {
        while (!at_end_of_field()) fields.back() += text_[at_++];
      }
      if (!done() && text_[at_] == separator_) {
        ++at_;
        continue;
      }
      end_line();
      return fields;
    }
  }

 private:
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool at_line_break() const {
    return !done() && (text_[at_] == '\n' || text_.substr(at_).starts_with("\r\n"));
  }
  bool at_end_of_field() const { return done() || text_[at_] == separator_ || at_line_break(); }

  void end_line() {
    if (done()) return;
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
  }

  Result<> quoted(std::string& field) {
    const size_t began = line_;
    ++at_;
    for (;;) {
      if (done())
        return fail(ErrorKind::kInvalid, "{}:{}: a quote that never closes", name_, began);
      const char c = text_[at_++];
      if (c == '"') {
        if (peek() != '"') break;
        ++at_;
      }
      if (c == '\n') ++line_;
      field += c;
    }
    if (at_end_of_field()) return {};
    return fail(ErrorKind::kInvalid, "{}:{}: text behind a closing quote", name_, line_);
  }

  std::string_view text_;
  const std::string& name_;
  char separator_;
  size_t at_ = 0, line_ = 1;
};

}  // namespace

Result<CsvTable> parse_csv(std::string_view text, const std::string& name, char separator) {
  Reader reader(text, name, separator);
  CsvTable table;
  while (!reader.done()) {
    const size_t line = reader.line();
    if (reader.skip_empty_line()) continue;
    HOB_TRY(auto fields, reader.record());
    if (table.head.empty()) {
      const std::set<std::string> names(fields.begin(), fields.end());
      if (names.size() < fields.size())
        return fail(ErrorKind::kInvalid, "{}:{}: two columns of one name", name, line);
      table.head = std::move(fields);
      continue;
    }
    if (fields.size() != table.head.size()) {
      return fail(ErrorKind::kInvalid, "{}:{}: {} field{} for {} columns", name, line,
                  fields.size(), fields.size() == 1 ? "" : "s", table.head.size());
    }
    table.rows.push_back(std::move(fields));
  }
  if (table.head.empty()) return fail(ErrorKind::kInvalid, "{}: no line with columns' names", name);
  return table;
}

std::string csv_line(const std::vector<std::string>& fields, char separator) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line += separator;
    const std::string& field = fields[i];
    const bool plain = field.find_first_of("\"\r\n") == field.npos &&
                       field.find(separator) == field.npos &&
                       !(field.empty() && fields.size() == 1);
    if (plain) {
      line += field;
      continue;
    }
    line += '"';
    for (const char c : field) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line + '\n';
}

}  // namespace hob::text
