// What makes vectors of texts: the interface, and the table of those that hob has.
//
// A collection remembers its model by id, so ids are those that llm's plugins use for the same
// model: collections made there go on here.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::embed {

using Vector = std::vector<float>;

// Not thread-safe.
class Model {
 public:
  virtual ~Model() = default;
  // Items at a time for which memory is meant; a caller's batch is no larger.
  virtual size_t batch_size() const = 0;
  // A vector for each item, all of one length, each depending on its own item only.
  virtual Result<std::vector<Vector>> embed(std::span<const std::string> items) = 0;
  // Of the items so far those longer than the model takes: only their beginning counted.
  virtual size_t cut_items() const { return 0; }
  virtual size_t most_tokens() const { return 0; }  // what it takes; 0: any length
};

struct ModelOptions {
  int threads = 0;  // 0: as many as there are cores
};

struct KnownModel {
  std::string_view id;
  std::string_view kind;                // "Bert", as lists show it before the id
  std::span<const std::string_view> aliases;
  bool takes_binary = false;
  bool hidden = false;  // for tests: lists have it only where its id is asked for
  Result<std::unique_ptr<Model>> (*open)(const ModelOptions& options);
};

// The first is the default.
std::span<const KnownModel> known_models();
// By id or alias; null when there is none.
const KnownModel* find_model(std::string_view name);

// The folder of all-MiniLM-L6-v2, which `./hob` fetches: in a folder of $HOB_MODELS, or in hob's
// own models folder. kNotFound says how to get it.
inline constexpr std::string_view kDefaultFolder = "all-minilm-l6-v2";
Result<std::string> find_folder(std::string_view name);

}  // namespace hob::embed
