// What the commands about embeddings share: which database, which model, what content, and progress
// on a terminal.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/io.h"
#include "embed/collections.h"
#include "embed/model.h"

namespace hob::cli {

// -d. Without it $HOB_EMBEDDINGS_DB, else embeddings.db in hob's folder.
struct DatabaseFlag {
  std::string path;
  void declare(CLI::App& app);
  std::string chosen() const;
  Result<store::Database> open(store::Access access) const;
};

// The model that `name` means: its id or alias; empty: $HOB_EMBEDDING_MODEL, the one that
// 'embed-models default' set, or the first that hob has.
Result<const embed::KnownModel*> choose_model(const std::string& name);
// That of a collection.
Result<const embed::KnownModel*> model_of(const embed::Collection& collection);

// -i, -c and --binary: one content.
struct ContentFlags {
  std::string input, content;
  bool binary = false;
  void declare(CLI::App& app, const char* what);
  // From -c, else from the file of -i, else from standard input. Text must be UTF-8; its line ends
  // become single ones, as in llm. Empty content is an error.
  Result<std::string> read(Io& io) const;
};

// Says what a model cut, once.
void note_cut(Io& io, const embed::Model& model);

// "Embedding 1,200 of 5,000, 24 %, 480/s, 8 s left" on one line of the terminal behind `err`.
class ItemProgress {
 public:
  // `total` 0: not known.
  ItemProgress(Io& io, std::string title, uint64_t total);
  ~ItemProgress();
  void at(uint64_t done);

 private:
  Io& io_;
  std::string title_;
  uint64_t total_;
  std::chrono::steady_clock::time_point began_, shown_;
};

}  // namespace hob::cli
