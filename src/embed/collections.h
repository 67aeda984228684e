// embeddings.db: named collections of vectors, in the tables and with the migrations' names that
// llm has, so that either program goes on where the other stopped.
//
// A vector is stored as its numbers, float32, little endian. What is stored once is not embedded
// again: an item is known by the MD5 of its content (llm's choice; it tells items apart and proves
// nothing). An id that has that content already is left alone, but for metadata and text that are
// given anew; a new id with known content takes the vector that is there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "embed/model.h"
#include "store/database.h"

namespace hob::embed {

struct Collection {
  int64_t id = 0;  // 0: it comes into being with the first add()
  std::string name, model;
};

struct Listing {
  std::string name, model;
  uint64_t items = 0;
};

struct Item {
  std::string id;
  std::string content;
  bool binary = false;
  std::optional<std::string> metadata;  // JSON text
};

struct Added {
  size_t embedded = 0;  // by the model
  size_t copied = 0;    // known content under a new id
  size_t unchanged = 0;
};

// The migrations of embeddings.db.
std::span<const store::Migration> embeddings_migrations();

class Collections {
 public:
  explicit Collections(store::Database& db) : db_(db) {}

  // Nothing where the database has none of the name, or no table of them.
  Result<std::optional<Collection>> find(const std::string& name);
  Result<std::vector<Listing>> list();  // by name
  Result<> remove(const Collection& collection);

  // Embeds what is new and stores all in one transaction: after an interruption the batch is there
  // whole or not at all, and so is a collection that it makes. `store` keeps the content itself.
  // kNotFound where the collection was deleted meanwhile: SQLite may give its id to another one.
  Result<Added> add(Collection& collection, Model& model, std::span<const Item> items, bool store);

  // The vector of an item; nothing where there is no such item.
  Result<std::optional<Vector>> vector(const Collection& collection, const std::string& id);

 private:
  store::Database& db_;
};

std::string encode_vector(std::span<const float> vector);
// Bytes that are no whole number of floats lose the rest.
Vector decode_vector(std::string_view bytes);
std::string content_hash(std::string_view content);  // 16 bytes

}  // namespace hob::embed
