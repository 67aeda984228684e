// Flags that several commands share: which model, how it runs, how replies are sampled.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "chat/local_model.h"
#include "chat/model.h"
#include "chat/model_store.h"
#include "engine/engine.h"

namespace hob::cli {

// More tokens than any model takes: what a flag that counts tokens may be.
inline constexpr uint64_t kMostTokens = INT32_MAX;
// Check of a flag whose value is a whole number, in decimal digits, from `low` to `high`. CLI11 by
// itself reads 010 as eight and wraps -1 around.
CLI::Validator whole_number(uint64_t low, uint64_t high);

// -m. The struct must outlive parsing.
struct ModelFlag {
  std::string model;
  void declare(CLI::App& app);
  Result<std::string> path() const { return chat::ModelStore::standard().find(model); }
};

// -m, --threads, --context, --kv, --numerics.
struct EngineFlags : ModelFlag {
  int threads = 0;
  size_t context = 0;
  std::string kv;  // "": what suits the numerics
  std::string numerics = "portable";
  void declare(CLI::App& app);
  engine::EngineOptions options() const;
  std::string kv_name() const;  // of the cache that options() asks for
  Result<std::unique_ptr<chat::LocalModel>> load() const;
};

// -s, -o, --tokens, --seed, --stop.
struct ReplyFlags {
  std::string system;
  std::vector<std::pair<std::string, std::string>> options;
  std::optional<size_t> tokens;
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
  void declare(CLI::App& app);
  // As options by name, for any model: -o's pairs and those that the other flags mean.
  chat::OptionTexts option_texts() const;
};

// A file's bytes for people: "98.0 MB".
std::string bytes_text(uint64_t bytes);
// "1,234,567".
std::string grouped(uint64_t number);
// For reading at a glance: "134.5 M".
std::string count_text(uint64_t count);
// "0.26 s", "1 min 5 s".
std::string seconds_text(double seconds);

}  // namespace hob::cli
