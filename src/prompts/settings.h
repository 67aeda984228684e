// The person's small files about models: aliases.json, model_options.json, default_model.txt, with
// the names, the layout and the meaning that llm gives them. Aliases in llm's own folder count
// where hob has none of the name; nothing is written there.
//
// A file that is not what it should be counts as an error when it is read for a purpose, and is
// never overwritten: the person's entries would be lost. Processes that change one take turns.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hob::prompts {

// A JSON object; an empty one where the file does not exist.
Result<nlohmann::ordered_json> read_settings(const std::string& path);
// Indented as llm does it, by write, fsync, rename; folders come into being.
Result<> write_settings(const std::string& path, const nlohmann::ordered_json& value, int indent,
                        std::string_view end);

class Aliases {
 public:
  // `own` is written; `other` (may be empty) only read.
  Aliases(std::string own, std::string other) : own_(std::move(own)), other_(std::move(other)) {}
  static Aliases standard();

  // alias -> model, own ones first, in the order of the files.
  Result<nlohmann::ordered_json> all() const;
  Result<std::optional<std::string>> find(const std::string& alias) const;
  Result<> set(const std::string& alias, const std::string& model);
  // kNotFound where this file has no such alias.
  Result<> remove(const std::string& alias);
  const std::string& path() const { return own_; }

 private:
  std::string own_, other_;
};

// Saved default options per model: text values, as they were typed.
class ModelOptions {
 public:
  explicit ModelOptions(std::string path) : path_(std::move(path)) {}
  static ModelOptions standard();

  Result<nlohmann::ordered_json> all() const;  // model -> {key: value}
  Result<nlohmann::ordered_json> of(const std::string& model) const;
  Result<> set(const std::string& model, const std::string& key, const std::string& value);
  // One that is not set is no error.
  Result<> clear(const std::string& model, const std::string& key);

 private:
  Result<nlohmann::ordered_json> of(const nlohmann::ordered_json& every,
                                    const std::string& model) const;

  std::string path_;
};

// What default_model.txt or default_embedding_model.txt says; nothing where there is none.
Result<std::optional<std::string>> saved_default(const std::string& path);
Result<> save_default(const std::string& path, const std::string& model);

}  // namespace hob::prompts
