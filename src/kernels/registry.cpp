#include "kernels/registry.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "os/cpu.h"

namespace hob::avx2 {
extern const kernels::Table kTable;
}
namespace hob::avx512 {
extern const kernels::Table kTable;
}
namespace hob::amx {
extern const kernels::Table kTable;
}

namespace hob::amx_bf16 {
extern const kernels::Table kTable;
}

namespace hob::avx512_bf16 {
extern const kernels::Table kTable;
}

namespace hob::kernels {
namespace {
// The best of each numerics last.
constexpr const Table* kCompiled[] = {&kRefTable,   &avx2::kTable,        &avx512::kTable,
                                      &amx::kTable, &avx512_bf16::kTable, &amx_bf16::kTable};
}  // namespace

std::span<const Table* const> compiled() { return kCompiled; }

const Table& oracle(const Table& table) {
  if (table.numerics == Numerics::kPortable) return kRefTable;
  return &table == &amx_bf16::kTable ? kRefAmxTable : kRefBf16Table;
}

bool runs_here(const Table& table) { return (table.needs & ~os::cpu_features()) == 0; }

Result<const Table*> select(std::string_view name, Numerics numerics) {
  if (name.empty()) {
    const char* forced = std::getenv("HOB_ISA");
    if (forced) name = forced;
  }
  std::vector<std::string> known, native;
  const Table *best = nullptr, *named = nullptr;
  for (const Table* table : kCompiled) {
    (table->numerics == Numerics::kNative ? native : known).emplace_back(table->name);
    if (table->numerics != numerics) continue;
    if (name == table->name) named = table;
    if (runs_here(*table)) best = table;
  }
  if (!name.empty() && std::ranges::find(known, name) == known.end())
    return fail(ErrorKind::kInvalid, "HOB_ISA={}: unknown; there are {}", name,
                fmt::join(known, ", "));
  const Table* found = name.empty() ? best : named;
  if (!found) {
    return fail(ErrorKind::kUnsupported,
                "--numerics native: {} has no definitions of its own ({} has); portable ones run "
                "everywhere",
                name.empty() ? "this processor" : name, fmt::join(native, ", "));
  }
  if (runs_here(*found)) return found;
  return fail(ErrorKind::kUnsupported, "HOB_ISA={}: this processor lacks {}", name,
              os::cpu_features_text(found->needs & ~os::cpu_features()));
}

}  // namespace hob::kernels
