// All models that a name can mean, with what each can do: for `hob models`, for -q, for aliases and
// saved options. A new kind of model adds its entries in catalog.cpp.
//
// Reads the names of files and no file's content, so that it costs milliseconds.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::cli {

struct OptionFact {
  std::string name, type, help;  // type as llm prints it: "float", "int", "str", "boolean"
};

struct CatalogModel {
  std::string kind;  // what stands before the id: "Local", "Echo"
  std::string id;
  std::vector<std::string> aliases;  // built-in ones, then those of aliases.json
  bool streams = true, schemas = false, tools = false, async = false;
  std::vector<std::string> attachment_types;  // sorted
  std::vector<OptionFact> options;
  std::string path;  // of a local file
  uint64_t bytes = 0;

  std::string label(bool async_twin = false) const;  // "Local: smollm2-..."
  bool goes_by(std::string_view name) const;         // id or alias
  // Whether some alias or the label contains the query, whatever the case.
  bool matches(std::string_view query) const;
  bool matches_all(const std::vector<std::string>& queries) const;
};

// An error where aliases.json cannot be read.
Result<std::vector<CatalogModel>> catalog();

// A local file that is not in the catalogue, by its path.
CatalogModel local_model(const std::string& path);

// The shortest id that matches every query (-q). kNotFound names the queries.
Result<std::string> model_by_query(const std::vector<std::string>& queries);

// The id of the model that `name` means: an id or alias of the catalogue, or what the model store
// finds for a part of a name or a path (then the file's name or path). kNotFound says "Unknown
// model: ...".
Result<std::string> model_id(const std::string& name);

// $HOB_MODEL is not asked: the saved default, else the built-in one.
Result<std::string> default_model();

// The block that `models list --options` and `hob --options` print for a model, without a line
// break at the end. `helps`: with the options' descriptions.
std::string options_text(const CatalogModel& model, int width, bool async_twin, bool helps);
// The properties of the options' JSON schema, as pydantic makes it of llm's classes.
nlohmann::ordered_json options_json(const CatalogModel& model);

}  // namespace hob::cli
