// Layouts, as the programs write them:
//   Hugging Face  models--ORG--NAME/refs/main, a commit; snapshots/COMMIT/FILE, links into blobs/
//   Ollama        manifests/HOST/NAMESPACE/MODEL/TAG, JSON; its layer of the model's media type
//   names
//                 blobs/sha256-...
//   LM Studio     ORG/NAME/FILE.gguf
#include "hub/caches.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "os/file.h"
#include "os/terminal.h"

namespace hob::hub {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 6;                    // folders below a snapshot or a manifest's root
constexpr size_t kLongestManifest = 1u << 20;  // bytes
constexpr std::string_view kOllamaModel = "application/vnd.ollama.image.model";

bool is_model(const fs::path& path) {
  const std::string name = path.filename().string();
  // The projector of a model that sees is no model.
  return name.ends_with(".gguf") && !name.starts_with("mmproj");
}

void each_file(const fs::path& folder, const std::function<void(const fs::path&)>& use) {
  std::error_code error, ignored;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry.depth() >= kDeepest) entry.disable_recursion_pending();
    if (entry->is_regular_file(ignored)) use(entry->path());  // follows links
  }
}

void add(std::vector<CachedModel>& found, std::string name, const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (!error) found.push_back({std::move(name), path.string(), bytes});
}

std::string stem_of(const fs::path& relative) {
  return (relative.parent_path() / relative.stem()).string();
}

// "models--org--name" -> "org/name"; empty for other folders.
std::string repository_of(const std::string& folder) {
  constexpr std::string_view kPrefix = "models--";
  if (!folder.starts_with(kPrefix)) return {};
  std::string name = folder.substr(kPrefix.size());
  if (const size_t at = name.find("--"); at != name.npos) name.replace(at, 2, "/");
  return name;
}

void add_hugging_face(const fs::path& cache, std::vector<CachedModel>& found) {
  std::error_code error;
  for (fs::directory_iterator entry(cache, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string repository = repository_of(entry->path().filename().string());
    if (repository.empty()) continue;
    // Of several commits the one that the branch names; without one, all.
    std::string commit = os::read_file(entry->path() / "refs/main").value_or("");
    commit.erase(std::min(commit.find_first_of("\r\n/ "), commit.size()));
    const fs::path snapshots = entry->path() / "snapshots";
    std::error_code ignored;
    const bool named = !commit.empty() && fs::is_directory(snapshots / commit, ignored);
    each_file(named ? snapshots / commit : snapshots, [&](const fs::path& path) {
      if (!is_model(path)) return;
      const fs::path below = path.lexically_relative(snapshots);  // COMMIT/FILE
      const fs::path file = below.lexically_relative(*below.begin());
      add(found, repository + "/" + stem_of(file), path);
    });
  }
}

// The blob that a manifest's model layer names; empty where there is none.
std::string model_digest(const fs::path& manifest) {
  std::error_code error;
  if (fs::file_size(manifest, error) > kLongestManifest || error) return {};
  const auto text = os::read_file(manifest.string());
  if (!text) return {};
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("layers") || !json["layers"].is_array()) return {};
  for (const auto& layer : json["layers"]) {
    if (!layer.is_object() || layer.value("mediaType", nlohmann::json()) != kOllamaModel) continue;
    const auto digest = layer.value("digest", nlohmann::json());
    if (digest.is_string()) return digest.get<std::string>();
  }
  return {};
}

void add_ollama(const fs::path& folder, std::vector<CachedModel>& found) {
  const fs::path manifests = folder / "manifests";
  each_file(manifests, [&](const fs::path& manifest) {
    std::vector<std::string> parts;  // HOST, NAMESPACE..., MODEL, TAG
    for (const auto& part : manifest.lexically_relative(manifests)) parts.push_back(part.string());
    if (parts.size() < 4) return;
    std::string digest = model_digest(manifest);
    if (!digest.starts_with("sha256:") || digest.find('/') != digest.npos) return;
    digest[digest.find(':')] = '-';
    std::string name;
    const bool library = parts[1] == "library";
    for (size_t i = library ? 2 : 1; i + 1 < parts.size(); ++i) {
      name += (name.empty() ? "" : "/") + parts[i];
    }
    add(found, name + ":" + parts.back(), folder / "blobs" / digest);
  });
}

}  // namespace

CacheFolders CacheFolders::standard() {
  const auto variable = [](const char* name) { return os::environment(name); };
  const std::string home = variable("HOME");
  const auto at_home = [&](std::string_view path) {
    return home.empty() ? std::string() : fmt::format("{}/{}", home, path);
  };
  CacheFolders folders;
  const std::string xdg = variable("XDG_CACHE_HOME"), hf_home = variable("HF_HOME");
  folders.hugging_face = variable("HF_HUB_CACHE");
  if (folders.hugging_face.empty()) {
    const std::string base = !hf_home.empty() ? hf_home
                             : !xdg.empty()   ? xdg + "/huggingface"
                                              : at_home(".cache/huggingface");
    if (!base.empty()) folders.hugging_face = base + "/hub";
  }
  folders.ollama = variable("OLLAMA_MODELS");
  if (folders.ollama.empty()) folders.ollama = at_home(".ollama/models");
  folders.lm_studio = {at_home(".lmstudio/models"), at_home(".cache/lm-studio/models")};
  std::erase(folders.lm_studio, "");
  return folders;
}

std::vector<CachedModel> cached_models(const CacheFolders& folders) {
  std::vector<CachedModel> found;
  if (!folders.hugging_face.empty()) add_hugging_face(folders.hugging_face, found);
  if (!folders.ollama.empty()) add_ollama(folders.ollama, found);
  for (const std::string& folder : folders.lm_studio) {
    each_file(folder, [&](const fs::path& path) {
      if (is_model(path)) add(found, stem_of(path.lexically_relative(folder)), path);
    });
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

}  // namespace hob::hub
