// The table of embedding models. A new one is a row and, where it is of a new kind, a file.
#include "embed/model.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "embed/sentence_model.h"
#include "embed/toy_model.h"
#include "os/file.h"
#include "os/terminal.h"

namespace hob::embed {
namespace {

Result<std::unique_ptr<Model>> open_minilm(const ModelOptions& options) {
  HOB_TRY(const std::string folder, find_folder(kDefaultFolder));
  return SentenceModel::open(folder, options);
}

Result<std::unique_ptr<Model>> open_toy(const ModelOptions&) {
  return std::make_unique<ToyModel>();
}

constexpr std::string_view kMiniLmAliases[] = {"all-MiniLM-L6-v2", "minilm"};
constexpr KnownModel kModels[] = {
    {"sentence-transformers/all-MiniLM-L6-v2", "Bert", kMiniLmAliases, false, false, open_minilm},
    {"toy", "Toy", {}, true, true, open_toy},
};

}  // namespace

std::span<const KnownModel> known_models() { return kModels; }

const KnownModel* find_model(std::string_view name) {
  for (const KnownModel& model : kModels) {
    if (model.id == name || std::ranges::find(model.aliases, name) != model.aliases.end())
      return &model;
  }
  return nullptr;
}

Result<std::string> find_folder(std::string_view name) {
  std::vector<std::string> folders;
  std::string listed = os::environment("HOB_MODELS");
  for (size_t at = 0, end; at < listed.size(); at = end + 1) {
    end = std::min(listed.find(':', at), listed.size());
    if (end > at) folders.push_back(listed.substr(at, end - at));
  }
  folders.push_back(os::data_dir() + "/models");
  for (const std::string& folder : folders) {
    const std::string path = fmt::format("{}/{}", folder, name);
    if (os::file_exists(path + "/model.safetensors")) return path;
  }
  return fail(ErrorKind::kNotFound,
              "the embedding model {} is not in {}: './hob embed' in hob's own folder fetches it",
              name, fmt::join(folders, " or "));
}

}  // namespace hob::embed
