#include "chat/model_store.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "base/ascii.h"
#include "base/spelling.h"
#include "os/file.h"
#include "os/terminal.h"

namespace hob::chat {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kExtension = ".gguf";
constexpr int kDeepest = 3;       // folders below a model folder: org/name/file.gguf
constexpr size_t kMostNamed = 5;  // names in an error

constexpr KnownModel kKnown[] = {
    {"default", kDefaultModel},
    {"smollm2", kDefaultModel},
};

std::string without_extension(std::string_view name) {
  const bool has = ascii_lower(name).ends_with(kExtension);
  return std::string(has ? name.substr(0, name.size() - kExtension.size()) : name);
}

void scan(const std::string& folder, std::vector<StoredModel>& found) {
  std::error_code error;
  auto entry = fs::recursive_directory_iterator(folder,
                                                fs::directory_options::skip_permission_denied |
                                                    fs::directory_options::follow_directory_symlink,
                                                error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry.depth() >= kDeepest) entry.disable_recursion_pending();
    std::error_code ignored;
    if (!entry->is_regular_file(ignored)) continue;
    if (ascii_lower(entry->path().extension().string()) != kExtension) continue;
    const std::string relative = entry->path().lexically_relative(folder).string();
    found.push_back(
        {without_extension(relative), entry->path().string(), entry->file_size(ignored)});
  }
}

std::vector<std::string> split_folders(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(':'), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool looks_like_path(std::string_view wanted) {
  return wanted.starts_with('/') || wanted.starts_with("./") || wanted.starts_with("../") ||
         ascii_lower(wanted).ends_with(kExtension);
}

using Matches = std::function<bool(const std::string& name)>;

std::vector<StoredModel> matching(const std::vector<StoredModel>& models, const Matches& matches) {
  std::vector<StoredModel> out;
  std::copy_if(models.begin(), models.end(), std::back_inserter(out),
               [&](const StoredModel& m) { return matches(ascii_lower(m.name)); });
  return out;
}

std::string name_list(const std::vector<StoredModel>& models) {
  std::string out;
  for (size_t i = 0; i < std::min(models.size(), kMostNamed); ++i) {
    out += (i > 0 ? ", " : "") + models[i].name;
  }
  return models.size() > kMostNamed ? out + ", ..." : out;
}

// The names most like `key`, when any is like it at all.
std::vector<StoredModel> near_names(std::vector<StoredModel> models, const std::string& key) {
  const auto distance = [&](const StoredModel& m) {
    return distance_inside(key, ascii_lower(m.name));
  };
  std::stable_sort(models.begin(), models.end(),
                   [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
  std::erase_if(models, [&](const StoredModel& m) {
    return distance(m) > std::max<size_t>(1, key.size() / 3);
  });
  return models;
}

tl::unexpected<Error> default_is_missing(const std::vector<std::string>& folders) {
  return fail(
      ErrorKind::kNotFound,
      "the default model {}.gguf is not in {}: run ./hob once to fetch it, or name a file with -m",
      kDefaultModel, fmt::join(folders, " or "));
}

}  // namespace

std::vector<KnownModel> known_models() { return {std::begin(kKnown), std::end(kKnown)}; }

ModelStore ModelStore::standard() {
  auto folders = split_folders(os::environment("HOB_MODELS"));
  folders.push_back(os::data_dir() + "/models");
  return ModelStore(std::move(folders), hub::CacheFolders::standard());
}

std::vector<StoredModel> ModelStore::list() const {
  std::vector<StoredModel> found;
  for (const std::string& folder : folders_) scan(folder, found);
  for (auto& model : hub::cached_models(caches_)) {
    found.push_back({std::move(model.name), std::move(model.path), model.bytes});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
  found.erase(std::unique(found.begin(), found.end(),
                          [](const auto& a, const auto& b) { return a.name == b.name; }),
              found.end());
  return found;
}

Result<std::string> ModelStore::find(std::string_view wanted) const {
  if (!wanted.empty()) return find_named(wanted);
  const std::string chosen = os::environment("HOB_MODEL");
  return find_named(chosen.empty() ? "default" : chosen);
}

Result<std::string> ModelStore::find_named(std::string_view wanted) const {
  std::error_code ignored;
  if (fs::is_regular_file(wanted, ignored)) return std::string(wanted);
  if (fs::is_directory(wanted, ignored)) {
    return fail(ErrorKind::kNotFound, "{}: is a folder, not a model file", wanted);
  }
  std::string key = ascii_lower(without_extension(wanted));
  const auto models = list();
  const auto exact = [&] {
    return matching(models, [&](const auto& name) { return name == key; });
  };
  auto found = exact();
  for (const KnownModel& known : kKnown) {
    if (!found.empty() || key != known.alias) continue;
    key = known.name;
    found = exact();
    if (found.empty()) return default_is_missing(folders_);
  }
  if (found.empty() && key == kDefaultModel) return default_is_missing(folders_);
  if (found.empty())
    found = matching(models, [&](const auto& name) { return name.starts_with(key); });
  if (found.empty()) {
    found = matching(models, [&](const auto& name) { return name.find(key) != name.npos; });
  }
  if (found.size() == 1) return found.front().path;
  if (found.size() > 1) {
    return fail(ErrorKind::kNotFound, "'{}' could be any of {}", wanted, name_list(found));
  }
  if (looks_like_path(wanted)) {
    const bool exists = fs::exists(wanted, ignored);
    return fail(ErrorKind::kNotFound, "{}: {}", wanted,
                exists ? "is not a regular file" : "no such file");
  }
  const auto near = near_names(models, key);
  return fail(ErrorKind::kNotFound, "no model named '{}'{}; 'hob models' lists what is here",
              wanted, near.empty() ? "" : fmt::format(" (near: {})", name_list(near)));
}

std::string ModelStore::name_of(const std::string& path) const {
  for (const StoredModel& model : list()) {
    if (model.path == path) return model.name;
  }
  return path;
}

}  // namespace hob::chat
