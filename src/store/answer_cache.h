// Answers that were paid for once: a request's digest and what came back, in a SQLite file of its
// own among the caches. It may be deleted at any time.
//
// `hob batch` asks here first. So a batch that was killed goes on where it was (every answer is on
// disk before the next begins), and what two rows or two runs ask alike is asked once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace hob::store {

class AnswerCache {
 public:
  // batch.db in os::cache_dir().
  static std::string standard_path();
  static Result<AnswerCache> open(const std::string& path);
  // One that ends with the object.
  static Result<AnswerCache> memory();

  // 32 hexadecimal digits of a request's text; equal requests, and in practice no others, have it
  // in common.
  static std::string key_of(std::string_view request);

  Result<std::optional<std::string>> find(const std::string& key);
  // Replaces what was there. On disk when it returns.
  Result<> put(const std::string& key, std::string_view answer);

 private:
  explicit AnswerCache(Database database) : database_(std::move(database)) {}
  Database database_;
};

}  // namespace hob::store
