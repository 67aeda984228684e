// hob collections: what is in the embeddings database.
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/embed_flags.h"
#include "embed/search.h"
#include "store/json_text.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct ListFlags {
  DatabaseFlag database;
  bool json = false;
};

Result<> list_collections(Io& io, const ListFlags& flags) {
  const auto none = [&] {
    return fail(ErrorKind::kNotFound, "No collections table found in {}", flags.database.chosen());
  };
  auto db = flags.database.open(store::Access::kRead);
  if (!db && db.error().kind == ErrorKind::kNotFound) return none();
  if (!db) return tl::unexpected<Error>(db.error());
  HOB_TRY(const bool has_table, db->has_table("collections"));
  if (!has_table) return none();
  HOB_TRY(const auto listings, embed::Collections(*db).list());
  ordered_json rows = ordered_json::array();
  std::string lines;
  for (const embed::Listing& l : listings) {
    rows.push_back({{"name", l.name}, {"model", l.model}, {"num_embeddings", l.items}});
    lines += fmt::format("{}: {}\n  {} embedding{}\n", l.name, l.model, l.items,
                         l.items == 1 ? "" : "s");
  }
  io.show(flags.json ? rows.dump(4, ' ', /*ensure_ascii=*/true,
                                 ordered_json::error_handler_t::replace) +
                           '\n'
                     : lines);
  return {};
}

struct DeleteFlags {
  std::string collection;
  DatabaseFlag database;
};

Result<> delete_collection(const DeleteFlags& flags) {
  // Another program's file stays as it is unless it has the collection.
  auto reader = flags.database.open(store::Access::kRead);
  if (!reader && reader.error().kind != ErrorKind::kNotFound)
    return tl::unexpected<Error>(reader.error());
  if (!reader) return fail(ErrorKind::kNotFound, "Collection does not exist");
  HOB_TRY(const auto collection, embed::Collections(*reader).find(flags.collection));
  if (!collection) return fail(ErrorKind::kNotFound, "Collection does not exist");
  HOB_TRY(auto db, flags.database.open(store::Access::kWrite));
  HOB_TRY_VOID(embed::Collections(db).remove(*collection));
  std::error_code ignored;  // without its collection nobody trusts it anyway
  std::filesystem::remove(embed::Search::index_path(db.path(), collection->id), ignored);
  return {};
}

}  // namespace

Action define_collections_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ListFlags>();
  flags->database.declare(app);
  app.add_flag("--json", flags->json, "Print as JSON");
  return [flags, &io] { return list_collections(io, *flags); };
}

Action define_collections_path(CLI::App&, Io& io) {
  return [&io]() -> Result<> {
    io.print("{}\n", DatabaseFlag{}.chosen());
    return {};
  };
}

Action define_collections_delete(CLI::App& app, Io&) {
  auto flags = std::make_shared<DeleteFlags>();
  app.add_option("COLLECTION", flags->collection, "Collection to delete")->required();
  flags->database.declare(app);
  return [flags] { return delete_collection(*flags); };
}

}  // namespace hob::cli
