#include "kernels/registry.h"

#include <cstdlib>

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

namespace hob::kernels {
namespace {
constexpr const Table* kCompiled[] = {&kRefTable, &avx2::kTable, &avx512::kTable, &amx::kTable};
}

std::span<const Table* const> compiled() { return kCompiled; }

bool runs_here(const Table& table) { return (table.needs & ~os::cpu_features()) == 0; }

Result<const Table*> select(std::string_view name) {
  if (name.empty()) {
    const char* forced = std::getenv("HOB_ISA");
    if (forced) name = forced;
  }
  std::string known;
  const Table* best = nullptr;
  for (const Table* table : kCompiled) {
    if (name == table->name) {
      if (runs_here(*table)) return table;
      return fail(ErrorKind::kUnsupported, "HOB_ISA={}: this processor lacks {}", name,
                  os::cpu_features_text(table->needs & ~os::cpu_features()));
    }
    known += (known.empty() ? "" : ", ") + std::string(table->name);
    if (runs_here(*table)) best = table;
  }
  if (!name.empty())
    return fail(ErrorKind::kInvalid, "HOB_ISA={}: unknown; there are {}", name, known);
  return best;
}

}  // namespace hob::kernels
