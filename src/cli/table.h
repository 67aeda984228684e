// Columns for people.
#pragma once

#include <string>
#include <vector>

namespace hob::cli {

struct Column {
  std::string head;
  bool right = false;  // numbers
};

// Cells are made safe for one line. Every row has one cell per column.
std::string table_text(const std::vector<Column>& columns,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace hob::cli
