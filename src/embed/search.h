// The items of a collection nearest to a vector, exactly.
//
// Small collections, and those of which only ids with a prefix count, are read and compared as they
// lie in the database. Larger ones have an index beside the database (embed/vector_index.h), which
// is built when it is first of use, extended when items came to the collection, and built anew when
// some were changed or removed.
//
// Whether the index describes the collection is the database's word alone. Triggers give the
// collection a new random `version` at every change, by whatever program, and a new random
// `removed` at every change but the addition of an item; the table _hob_vector_index says which
// build of the file was made of which version. So neither a restored database nor a copied file is
// mistaken for a current one. What VACUUM does to row ids shows when a candidate's own vector is
// not the one that the index has for it. Where the database cannot be written, everything is
// compared.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "embed/collections.h"
#include "kernels/table.h"
#include "os/thread_pool.h"

namespace hob::embed {

struct Hit {
  std::string id;
  double score = 0;
  std::optional<std::string> content, metadata;
};

struct Query {
  Vector vector;
  size_t most = 10;
  std::string prefix;                 // ids like it, as SQL's LIKE has it
  std::optional<std::string> skip_id;  // left out
};

struct SearchOptions {
  size_t worth_indexing = 20'000;  // items; fewer are compared directly
  // Hears how many items are in the index while it is built.
  std::function<void(uint64_t)> on_indexed;
};

// What a search did, for those who measure.
struct SearchFacts {
  bool used_index = false, built_index = false, extended_index = false;
  uint64_t candidates = 0;
};

class Search {
 public:
  Search(store::Database& db, os::ThreadPool& pool, const kernels::Table& kernels,
         SearchOptions options = {})
      : db_(db), pool_(pool), kernels_(kernels), options_(std::move(options)) {}

  // Best first; of equal scores the smaller id. Every item must be as long as the query.
  Result<std::vector<Hit>> nearest(const Collection& collection, const Query& query);
  const SearchFacts& facts() const { return facts_; }

  static std::string index_path(const std::string& database, int64_t collection);

 private:
  store::Database& db_;
  os::ThreadPool& pool_;
  const kernels::Table& kernels_;
  SearchOptions options_;
  SearchFacts facts_;
};

}  // namespace hob::embed
