// Which model files are on this machine, and which one a person means by a name.
//
// Folders: those of $HOB_MODELS (separated by colons), then `models` in hob's data folder
// ($HOB_HOME). A model's name is its path below the folder without ".gguf". What other programs
// have fetched (hub/caches.h) is there as well, where it lies.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/caches.h"

namespace hob::chat {

struct StoredModel {
  std::string name;  // "smollm2-135m-instruct-q4_1", "org/model-q4_k_m"
  std::string path;
  uint64_t bytes = 0;
};

// Names that hob gives to files it knows.
struct KnownModel {
  std::string_view alias;
  std::string_view name;  // as in StoredModel
};
std::vector<KnownModel> known_models();

// The file that `./hob` fetches, and its alias.
inline constexpr std::string_view kDefaultModel = "smollm2-135m-instruct-q4_1";

class ModelStore {
 public:
  explicit ModelStore(std::vector<std::string> folders, hub::CacheFolders caches = {})
      : folders_(std::move(folders)), caches_(std::move(caches)) {}
  static ModelStore standard();

  const std::vector<std::string>& folders() const { return folders_; }
  // Sorted by name; of two with one name the first folder's stands, and before a cache's. Folders
  // that do not exist hold nothing.
  std::vector<StoredModel> list() const;

  // The file that `wanted` means: a path, a name, an alias, or the beginning or a part of exactly
  // one name, whatever the case. Empty: $HOB_MODEL, else the default model. The error says what is
  // near.
  Result<std::string> find(std::string_view wanted) const;
  // What find() finds the file by again: its name in list(), else the path.
  std::string name_of(const std::string& path) const;

 private:
  Result<std::string> find_named(std::string_view wanted) const;
  std::vector<std::string> folders_;
  hub::CacheFolders caches_;
};

}  // namespace hob::chat
