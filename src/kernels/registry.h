// Which kernel tables this program holds and which of them this machine runs.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kernels/table.h"

namespace hob::kernels {

// Every table compiled in, best last, the native ones after the portable ones. ref comes first.
std::span<const Table* const> compiled();
bool runs_here(const Table& table);
// The scalar table of the definitions that `table` implements.
const Table& oracle(const Table& table);
// The table of that name and set of definitions, which must run here; "" means the one HOB_ISA
// names, or else the best.
Result<const Table*> select(std::string_view name = {}, Numerics numerics = Numerics::kPortable);

}  // namespace hob::kernels
