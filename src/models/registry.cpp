#include "models/registry.h"

#include "models/families.h"

namespace hob::models {
namespace {

constexpr Architecture kArchitectures[] = {
    {"llama", load_llama},
    {"qwen2", load_qwen2},
};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

Result<std::shared_ptr<const Transformer>> load(std::shared_ptr<const gguf::File> file) {
  HOB_TRY(const std::string name, file->text("general.architecture"));
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    known += (known.empty() ? "" : ", ") + std::string(architecture.name);
    if (architecture.name != name) continue;
    auto model = std::make_shared<Transformer>();
    model->file = file;
    model->spec.architecture = name;
    WeightSource source(*file);
    HOB_TRY_VOID(architecture.load(source, *file, *model));
    model->unclaimed = source.unclaimed();
    return model;
  }
  return fail(ErrorKind::kUnsupported, "{}: architecture '{}' is not supported (there are {})",
              file->path(), gguf::printable(name, 60), known);
}

Result<std::shared_ptr<const Transformer>> load(const std::string& path) {
  HOB_TRY(gguf::File file, gguf::File::open(path));
  return load(std::make_shared<const gguf::File>(std::move(file)));
}

}  // namespace hob::models
