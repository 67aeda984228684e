#include "cli/table.h"

#include <algorithm>

#include "base/check.h"
#include "cli/safe_text.h"

namespace hob::cli {
namespace {

std::string line_text(const std::vector<Column>& columns, const std::vector<std::string>& cells,
                      const std::vector<int>& widths) {
  std::string out;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string space(static_cast<size_t>(std::max(0, widths[i] - display_width(cells[i]))),
                            ' ');
    if (i > 0) out += "  ";
    out += columns[i].right ? space + cells[i] : cells[i] + space;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out + '\n';
}

}  // namespace

std::string table_text(const std::vector<Column>& columns,
                       const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::string> head;
  for (const Column& column : columns) head.push_back(column.head);
  std::vector<std::vector<std::string>> lines = {head};
  for (const auto& row : rows) {
    HOB_CHECK(row.size() == columns.size(), "{} cells for {} columns", row.size(), columns.size());
    lines.emplace_back();
    for (const auto& cell : row) lines.back().push_back(safe_line(cell));
  }
  std::vector<int> widths(columns.size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], display_width(line[i]));
  }
  std::string out;
  for (const auto& line : lines) out += line_text(columns, line, widths);
  return out;
}

}  // namespace hob::cli
