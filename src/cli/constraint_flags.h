// --schema, --schema-multi, --regex and --grammar: what a reply must obey.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "chat/local_model.h"

namespace hob::cli {

// The text of the stored schema with this id, or nothing. Empty where nothing is stored.
using StoredSchemas = std::function<std::optional<std::string>(const std::string& id)>;

// Those of the ledger at `path`, which need not exist.
StoredSchemas schemas_in(const std::string& path);

struct ResolvedSchema {
  nlohmann::ordered_json schema;
  bool from_fields = false;  // written in the short notation
};

// The schema that a person means by `text`, as llm reads it: JSON, the short notation
// (text/schema_dsl.h), a file, "t:" and a template's name, or the id of a stored schema.
Result<ResolvedSchema> resolve_schema(const std::string& text, const StoredSchemas& stored);

struct ConstraintFlags {
  std::optional<std::string> schema, schema_multi, regex, grammar;
  void declare(CLI::App& app);
  // What is asked for, files read; nothing where no flag is given. More than one is an error.
  Result<std::optional<chat::ConstraintText>> constraint(const StoredSchemas& stored) const;
  // The schema as it is asked for, which is what templates and the ledger keep; nothing without
  // one. constraint() may be narrower: fields in the short notation allow no others.
  Result<std::optional<nlohmann::ordered_json>> asked_schema(const StoredSchemas& stored) const;
};

}  // namespace hob::cli
