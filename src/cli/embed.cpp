// hob embed: one content to its vector, printed or kept in a collection.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "cli/accepted_flags.h"
#include "cli/command.h"
#include "cli/embed_flags.h"
#include "store/json_text.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct EmbedFlags {
  std::string collection, id;
  ContentFlags content;
  DatabaseFlag database;
  std::string model, metadata, format;
  bool store = false;
};

constexpr std::string_view kFormats[] = {"json", "blob", "base64", "hex"};

std::string hexadecimal(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return out;
}

std::string vector_text(const embed::Vector& vector, const std::string& format) {
  const std::string bytes = embed::encode_vector(vector);
  if (format == "blob") return bytes;
  if (format == "base64") return base64(bytes);
  if (format == "hex") return hexadecimal(bytes);
  ordered_json numbers = ordered_json::array();
  for (const float x : vector) numbers.push_back(static_cast<double>(x));
  return store::json_text(numbers);
}

// The metadata as it is stored: JSON as Python writes it; nothing for an empty object.
Result<std::optional<std::string>> metadata_text(const std::string& given) {
  if (given.empty()) return std::optional<std::string>{};
  const auto value = ordered_json::parse(given);  // the flag's check saw that it is one
  if (value.empty()) return std::optional<std::string>{};
  return std::optional(store::json_text(value));
}

std::string check_metadata(const std::string& given) {
  const auto value = ordered_json::parse(given, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return "metadata must be valid JSON";
  return value.is_object() ? "" : "metadata must be a JSON object";
}

Result<> embed_content(Io& io, const EmbedFlags& flags) {
  const bool keeps = !flags.collection.empty();
  if (keeps && flags.id.empty())
    return fail(ErrorKind::kInvalid, "Must provide both collection and id");
  if (flags.store && !keeps)
    return fail(ErrorKind::kInvalid, "Must provide collection when using --store");
  std::optional<store::Database> database;  // to keep it in
  std::optional<embed::Collection> found;
  const embed::KnownModel* known = nullptr;
  if (keeps) {
    HOB_TRY(database, flags.database.open(store::Access::kCreate));
    HOB_TRY(found, embed::Collections(*database).find(flags.collection));
  }
  if (found) {
    HOB_TRY(known, model_of(*found));
  } else {
    HOB_TRY(known, choose_model(flags.model));
  }
  HOB_TRY(const std::string content, flags.content.read(io));
  if (flags.content.binary && !known->takes_binary)
    return fail(ErrorKind::kInvalid, "{} takes text only, no binary data", known->id);
  HOB_TRY(const auto metadata, metadata_text(flags.metadata));
  HOB_TRY(const auto model, known->open({}));

  embed::Vector vector;
  if (keeps) {
    embed::Collections collections(*database);
    embed::Collection collection =
        found.value_or(embed::Collection{0, flags.collection, std::string(known->id)});
    const embed::Item item{flags.id, content, flags.content.binary, metadata};
    HOB_TRY_VOID(collections.add(collection, *model, {&item, 1}, flags.store));
    HOB_TRY(const auto stored, collections.vector(collection, flags.id));
    if (stored) vector = *stored;
  } else {
    HOB_TRY(auto vectors, model->embed({&content, 1}));
    vector = std::move(vectors.front());
  }
  note_cut(io, *model);
  if (!keeps || !flags.format.empty()) io.write(vector_text(vector, flags.format) + '\n');
  return {};
}

}  // namespace

Action define_embed(CLI::App& app, Io& io) {
  auto flags = std::make_shared<EmbedFlags>();
  app.add_option("COLLECTION", flags->collection, "Keep the vector in this collection");
  app.add_option("ID", flags->id, "Under this id");
  flags->content.declare(app, "to embed");
  app.add_option("-m,--model", flags->model,
                 "Embedding model, by id or alias (default: $HOB_EMBEDDING_MODEL, else what "
                 "'hob embed-models default' says)")
      ->option_text("MODEL");
  accept_key(app);
  app.add_flag("--store", flags->store, "Keep the content itself as well");
  flags->database.declare(app);
  app.add_option("--metadata", flags->metadata, "JSON object to keep with it")
      ->option_text("JSON")
      ->check(check_metadata);
  app.add_option("-f,--format", flags->format,
                 "Print the vector as json, blob, base64 or hex (default: json, and nothing where "
                 "it is kept)")
      ->option_text("FORMAT")
      ->check([](const std::string& format) -> std::string {
        if (std::ranges::find(kFormats, format) != std::end(kFormats)) return {};
        return fmt::format("'{}' is not one of 'json', 'blob', 'base64', 'hex'.", format);
      });
  return [flags, &io] { return embed_content(io, *flags); };
}

}  // namespace hob::cli
