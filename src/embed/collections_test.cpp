// The tables are llm's; what is known is not embedded again; a changed text is.
#include "embed/collections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "embed/toy_model.h"
#include "tests/support/temp_folder.h"

namespace hob::embed {
namespace {

using testing::ElementsAre;

// Counts what it is asked.
class CountingModel : public ToyModel {
 public:
  Result<std::vector<Vector>> embed(std::span<const std::string> items) override {
    EXPECT_LE(items.size(), batch_size());
    asked.insert(asked.end(), items.begin(), items.end());
    return ToyModel::embed(items);
  }
  std::vector<std::string> asked;
};

class CollectionsTest : public test::FolderTest {
 protected:
  void SetUp() override {
    db = *store::Database::open(path("e.db"), store::Access::kCreate, embeddings_migrations());
    collection = made("c");
  }
  Collections collections() { return Collections(*db); }
  Collection made(const std::string& name) {
    Collection fresh{.name = name, .model = "toy"};
    EXPECT_TRUE(collections().add(fresh, model, {}, false));
    return fresh;
  }
  Added add(std::vector<Item> items, bool store = false) {
    const auto added = collections().add(collection, model, items, store);
    EXPECT_TRUE(added) << added.error().message;
    return *added;
  }
  std::string one(const std::string& query) {
    return *db->read([&](SQLite::Database& sql) -> Result<std::string> {
      return sql.execAndGet(query).getString();
    });
  }
  void run(const std::string& text) {
    EXPECT_TRUE(db->write([&](SQLite::Database& sql) -> Result<> {
      sql.exec(text);
      return {};
    }));
  }
  std::optional<store::Database> db;
  Collection collection;
  CountingModel model;
};

TEST_F(CollectionsTest, AnItemAndItsVector) {
  add({{"1", "hello world", false, "{\"a\": 1}"}}, true);
  const auto vector = collections().vector(collection, "1");
  ASSERT_TRUE(vector && *vector);
  EXPECT_THAT(std::vector<float>((*vector)->begin(), (*vector)->begin() + 3), ElementsAre(5, 5, 0));
  EXPECT_FALSE(*collections().vector(collection, "2"));
  EXPECT_EQ(one("select content || metadata from embeddings"), "hello world{\"a\": 1}");
  EXPECT_EQ(one("select hex(content_hash) from embeddings"), "5EB63BBBE01EEED093CB22BB8F5ACDC3");
  EXPECT_EQ(one("select length(embedding) from embeddings"), "64");
}

TEST_F(CollectionsTest, KnownContentIsNotEmbeddedAgain) {
  add({{"1", "one", false, {}}, {"2", "two", false, {}}});
  const Added again = add({{"1", "one", false, {}},
                           {"3", "two", false, {}},
                           {"4", "four", false, {}},
                           {"5", "four", false, {}}});
  EXPECT_EQ(again.unchanged, 1u);
  EXPECT_EQ(again.copied, 2u);
  EXPECT_EQ(again.embedded, 1u);
  EXPECT_THAT(model.asked, ElementsAre("one", "two", "four"));
  EXPECT_EQ(one("select group_concat(id) from (select id from embeddings order by id)"),
            "1,2,3,4,5");
  EXPECT_EQ(*collections().vector(collection, "3"), *collections().vector(collection, "2"));
}

TEST_F(CollectionsTest, AChangedTextIsEmbeddedAnew) {
  add({{"1", "one", false, {}}});
  add({{"1", "changed", false, {}}});
  EXPECT_EQ((*collections().vector(collection, "1"))->at(0), 7);
  EXPECT_EQ(one("select count(*) from embeddings"), "1");
}

TEST_F(CollectionsTest, MetadataAndTextCanComeLater) {
  add({{"1", "one", false, {}}});
  EXPECT_EQ(one("select content is null and metadata is null from embeddings"), "1");
  add({{"1", "one", false, "{\"b\": 2}"}}, true);
  EXPECT_EQ(one("select content || metadata from embeddings"), "one{\"b\": 2}");
  add({{"1", "one", false, {}}});
  EXPECT_EQ(one("select content || metadata from embeddings"), "one{\"b\": 2}");
  EXPECT_EQ(model.asked.size(), 1u);
}

TEST_F(CollectionsTest, BinaryContentIsKeptAsBytes) {
  add({{"1", std::string("a\0b\xff", 4), true, {}}}, true);
  EXPECT_EQ(one("select hex(content_blob) || (content is null) from embeddings"), "610062FF1");
}

TEST_F(CollectionsTest, ListedAndRemoved) {
  add({{"1", "one", false, {}}});
  made("a");
  auto listings = *collections().list();
  ASSERT_EQ(listings.size(), 2u);
  EXPECT_EQ(listings[0].name + listings[1].name, "ac");
  EXPECT_EQ(listings[0].items + listings[1].items, 1u);
  ASSERT_TRUE(collections().remove(collection));
  EXPECT_FALSE(*collections().find("c"));
  EXPECT_TRUE(*collections().find("a"));
  EXPECT_EQ(one("select count(*) from embeddings"), "0");
}

TEST_F(CollectionsTest, WhatFailsMakesNoCollection) {
  Collection fresh{.name = "fresh", .model = "toy"};
  const Item item{"1", "one", false, {}};
  run("create trigger no_items before insert on embeddings begin select raise(abort, 'no'); end");
  EXPECT_FALSE(collections().add(fresh, model, {&item, 1}, false));
  EXPECT_EQ(fresh.id, 0);
  EXPECT_FALSE(*collections().find("fresh"));
  run("drop trigger no_items");
  EXPECT_TRUE(collections().add(fresh, model, {&item, 1}, false));
  EXPECT_EQ((*collections().find("fresh"))->id, fresh.id);
}

// Its id is free when it is gone, and the next one has it.
TEST_F(CollectionsTest, ADeletedCollectionsRowsGoToNoOther) {
  ASSERT_TRUE(collections().remove(collection));
  const Collection other = made("other");
  ASSERT_EQ(other.id, collection.id);
  const Item item{"1", "one", false, {}};
  const auto added = collections().add(collection, model, {&item, 1}, false);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().message, "collection 'c' was deleted meanwhile");
  EXPECT_EQ(one("select count(*) from embeddings"), "0");
}

TEST_F(CollectionsTest, OthersMayMakeItFirst) {
  Collection fresh{.name = "c", .model = "toy"};
  ASSERT_TRUE(collections().add(fresh, model, {}, false));
  EXPECT_EQ(fresh.id, collection.id);
}

TEST_F(CollectionsTest, MoreThanABatchAtOnce) {
  std::vector<Item> items;
  for (int i = 0; i < 35; ++i)
    items.push_back({std::to_string(i), std::string(i + 1, 'x'), false, {}});
  EXPECT_EQ(add(items).embedded, 35u);
  for (int i = 0; i < 35; ++i)
    EXPECT_EQ((*collections().vector(collection, std::to_string(i)))->at(0), i + 1);
}

// As llm's first version left its file.
TEST_F(CollectionsTest, AnOldFileGetsItsColumns) {
  {
    SQLite::Database sql(path("old.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    sql.exec(
        "create table collections (id integer primary key, name text, model text);"
        "create table embeddings (collection_id integer, id text, embedding blob, content text, "
        "metadata text, primary key (collection_id, id));"
        "insert into collections values (1, 'c', 'toy');"
        "insert into embeddings values (1, 'a', zeroblob(64), 'hello world', null);"
        "insert into embeddings values (1, 'b', zeroblob(64), null, null)");
  }
  db = *store::Database::open(path("old.db"), store::Access::kWrite, embeddings_migrations());
  EXPECT_EQ(one("select hex(content_hash) from embeddings where id = 'a'"),
            "5EB63BBBE01EEED093CB22BB8F5ACDC3");
  EXPECT_EQ(one("select length(content_hash) from embeddings where id = 'b'"), "16");
  EXPECT_EQ(one("select count(*) from embeddings where updated > 1e9 and content_blob is null"),
            "2");
  EXPECT_EQ(one("select count(*) from _sqlite_migrations"), "5");
}

TEST(Vectors, AreLittleEndianFloats) {
  const Vector vector = {1.0f, -2.5f};
  EXPECT_EQ(encode_vector(vector), std::string("\0\0\x80\x3f\0\0\x20\xc0", 8));
  EXPECT_EQ(decode_vector(encode_vector(vector)), vector);
  EXPECT_EQ(decode_vector("abc").size(), 0u);
}

}  // namespace
}  // namespace hob::embed
