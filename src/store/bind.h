// Values of columns that may be null, to and from statements.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

namespace hob::store {

// An empty optional is null.
template <class T>
void bind(SQLite::Statement& statement, int index, const std::optional<T>& value) {
  if (!value) {
    statement.bind(index);
  } else if constexpr (std::is_integral_v<T>) {
    statement.bind(index, static_cast<int64_t>(*value));
  } else {
    statement.bind(index, *value);
  }
}

// Text; the empty one is null.
inline void bind_text(SQLite::Statement& statement, int index, const std::string& text) {
  text.empty() ? statement.bind(index) : statement.bind(index, text);
}

inline std::optional<std::string> column_text(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional<std::string>(column.getString());
}
// Text; null is the empty one.
inline std::string text_of(const SQLite::Column& column) {
  return column.isNull() ? std::string() : column.getString();
}
inline std::optional<int64_t> integer_of(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional<int64_t>(column.getInt64());
}
inline std::optional<double> real_of(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional<double>(column.getDouble());
}

}  // namespace hob::store
