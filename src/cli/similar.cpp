// hob similar: the items of a collection nearest to a text or to one of them.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/embed_flags.h"
#include "embed/search.h"
#include "kernels/registry.h"
#include "os/cpu.h"
#include "store/json_text.h"
#include "text/python_text.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct SimilarFlags {
  std::string collection, id, prefix;
  ContentFlags content;
  DatabaseFlag database;
  int number = 10;
  bool plain = false;
};

Result<std::string> hit_text(const embed::Hit& hit, bool plain) {
  ordered_json metadata;
  if (hit.metadata) {
    metadata = ordered_json::parse(*hit.metadata, nullptr, /*allow_exceptions=*/false);
    if (metadata.is_discarded())
      return fail(ErrorKind::kCorrupt, "the metadata of '{}' is not JSON", hit.id);
  }
  if (!plain) {
    ordered_json line = {{"id", hit.id}, {"score", hit.score}};
    line["content"] = hit.content ? ordered_json(*hit.content) : ordered_json();
    line["metadata"] = metadata;
    return store::json_text(line) + '\n';
  }
  std::string out = fmt::format("{} ({})\n\n", hit.id, store::json_text(hit.score));
  if (hit.content && !hit.content->empty()) out += text::indented(*hit.content, "  ") + '\n';
  if (!metadata.empty()) out += text::indented(store::json_text(metadata), "  ") + '\n';
  return out + '\n';
}

Result<embed::Query> read_query(Io& io, const SimilarFlags& flags, embed::Collections& collections,
                                const embed::Collection& collection) {
  embed::Query query{.vector = {}, .most = 0, .prefix = flags.prefix, .skip_id = {}};
  // A negative number sets no limit, as in SQL.
  query.most = flags.number < 0 ? SIZE_MAX : static_cast<size_t>(flags.number);
  if (!flags.id.empty()) {
    HOB_TRY(auto vector, collections.vector(collection, flags.id));
    if (!vector) return fail(ErrorKind::kNotFound, "ID not found in collection");
    query.vector = *std::move(vector);
    query.skip_id = flags.id;
    return query;
  }
  HOB_TRY(const std::string content, flags.content.read(io));
  HOB_TRY(const auto* known, model_of(collection));
  if (flags.content.binary && !known->takes_binary)
    return fail(ErrorKind::kInvalid, "{} takes text only, no binary data", known->id);
  HOB_TRY(const auto model, known->open({}));
  HOB_TRY(auto vectors, model->embed({&content, 1}));
  note_cut(io, *model);
  query.vector = std::move(vectors.front());
  return query;
}

Result<> find_similar(Io& io, const SimilarFlags& flags) {
  if (flags.id.empty() && flags.content.content.empty() && flags.content.input.empty())
    return fail(ErrorKind::kInvalid, "Must provide content or an ID for the comparison");
  // Another program's file stays as it is unless it has the collection.
  auto db = flags.database.open(store::Access::kRead);
  if (!db && db.error().kind != ErrorKind::kNotFound) return tl::unexpected<Error>(db.error());
  HOB_TRY(const bool any, db ? db->has_table("embeddings") : Result<bool>(false));
  if (!any) return fail(ErrorKind::kNotFound, "No embeddings table found in database");
  embed::Collections collections(*db);
  HOB_TRY(const auto collection, collections.find(flags.collection));
  if (!collection) return fail(ErrorKind::kNotFound, "Collection does not exist");
  HOB_TRY(const embed::Query query, read_query(io, flags, collections, *collection));
  // An index may have to be written; without the right to, it goes without one.
  if (auto writable = flags.database.open(store::Access::kWrite)) db = std::move(writable);

  HOB_TRY(const kernels::Table* const kernels, kernels::select());
  os::ThreadPool pool(os::usable_cores());
  ItemProgress progress(io, "Indexing", 0);
  embed::Search search(*db, pool, *kernels,
                       {.on_indexed = [&](uint64_t items) { progress.at(items); }});
  HOB_TRY(const auto hits, search.nearest(*collection, query));
  for (const embed::Hit& hit : hits) {
    HOB_TRY(const std::string text, hit_text(hit, flags.plain));
    if (!io.show(text)) break;
  }
  return {};
}

}  // namespace

Action define_similar(CLI::App& app, Io& io) {
  auto flags = std::make_shared<SimilarFlags>();
  app.add_option("COLLECTION", flags->collection, "Collection to search")->required();
  app.add_option("ID", flags->id, "Item to compare the others with");
  flags->content.declare(app, "to compare with");
  app.add_option("-n,--number", flags->number, "Number of results (default: 10)")
      ->option_text("N");
  app.add_flag("-p,--plain", flags->plain, "Print as plain text");
  flags->database.declare(app);
  app.add_option("--prefix", flags->prefix, "Only ids that begin so")->option_text("TEXT");
  return [flags, &io] { return find_similar(io, *flags); };
}

}  // namespace hob::cli
