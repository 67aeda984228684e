// What a search finds is what comparing everything finds, before and after every kind of change; an
// index that does not describe the collection is never used.
#include "embed/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "embed/similarity.h"
#include "embed/test_vectors.h"
#include "kernels/registry.h"
#include "os/file.h"
#include "tests/support/temp_folder.h"

namespace hob::embed {
namespace {

namespace fs = std::filesystem;

class SearchTest : public test::FolderTest {
 protected:
  static constexpr size_t kLength = 24;

  void SetUp() override {
    reopen();
    run("insert into collections (name, model) values ('c', 'toy'), ('other', 'toy')");
    collection = **Collections(*db).find("c");
    other = **Collections(*db).find("other");
  }
  void reopen(store::Access access = store::Access::kCreate) {
    db.reset();
    db = *store::Database::open(path("e.db"), access, embeddings_migrations());
  }
  void put(const std::string& id, const Vector& vector, int64_t into = 0) {
    const auto done = db->write([&](SQLite::Database& sql) -> Result<> {
      SQLite::Statement row(sql,
                            "insert or replace into embeddings (collection_id, id, embedding, "
                            "content) values (?, ?, ?, ?)");
      const std::string bytes = encode_vector(vector);
      row.bind(1, into ? into : collection.id);
      row.bind(2, id);
      row.bind(3, bytes.data(), static_cast<int>(bytes.size()));
      row.bind(4, "content of " + id);
      row.exec();
      return {};
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  void fill(uint64_t first, uint64_t last, int64_t into = 0) {
    for (uint64_t i = first; i < last; ++i)
      put(fmt::format("id{:04}", i), random_vector(kLength, i), into);
  }
  void run(const std::string& text) {
    const auto done = db->read([&](SQLite::Database& sql) -> Result<> {
      sql.exec(text);
      return {};
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  std::vector<Hit> search(const Query& query) {
    os::ThreadPool pool(2);
    Search search(*db, pool, **kernels::select(), {.worth_indexing = 100});
    auto hits = search.nearest(collection, query);
    EXPECT_TRUE(hits) << hits.error().message;
    facts = search.facts();
    return hits ? *hits : std::vector<Hit>{};
  }
  // With an index and without one.
  void expect_same() {
    for (uint64_t seed = 500; seed < 505; ++seed) {
      Query query{.vector = random_vector(kLength, seed), .most = 7, .prefix = "%", .skip_id = {}};
      const auto all = search(query);
      EXPECT_FALSE(facts.used_index);
      query.prefix = {};
      const auto found = search(query);
      EXPECT_TRUE(facts.used_index);
      ASSERT_EQ(found.size(), all.size());
      for (size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(found[i].id, all[i].id);
        EXPECT_EQ(found[i].score, all[i].score);
        EXPECT_EQ(found[i].content, "content of " + all[i].id);
      }
    }
  }
  // One search, to see whether it built.
  bool builds() {
    search({.vector = random_vector(kLength, 1), .most = 3, .prefix = {}, .skip_id = {}});
    EXPECT_TRUE(facts.used_index);
    return facts.built_index;
  }
  std::string index() const { return Search::index_path(path("e.db"), collection.id); }

  std::optional<store::Database> db;
  Collection collection, other;
  SearchFacts facts;
};

TEST_F(SearchTest, SmallCollectionsAreComparedDirectly) {
  fill(0, 50);
  const auto hits =
      search({.vector = random_vector(kLength, 7), .most = 3, .prefix = {}, .skip_id = {}});
  EXPECT_FALSE(facts.used_index);
  EXPECT_FALSE(os::file_exists(index()));
  ASSERT_EQ(hits.size(), 3u);
  EXPECT_EQ(hits[0].id, "id0007");
  EXPECT_NEAR(hits[0].score, 1, 1e-12);  // rounding of double
}

TEST_F(SearchTest, LargeOnesGetAnIndexOnce) {
  fill(0, 300);
  EXPECT_TRUE(builds());
  EXPECT_FALSE(builds());
  expect_same();
}

TEST_F(SearchTest, PrefixesAndSkippedIds) {
  fill(0, 300);
  Query query{.vector = random_vector(kLength, 7), .most = 2, .prefix = {}, .skip_id = "id0007"};
  EXPECT_NE(search(query)[0].id, "id0007");
  EXPECT_TRUE(facts.used_index);
  query.skip_id = {};
  query.prefix = "id002";
  for (const Hit& hit : search(query)) EXPECT_TRUE(hit.id.starts_with("id002"));
  query = {.vector = random_vector(kLength, 7), .most = 1000, .prefix = {}, .skip_id = {}};
  EXPECT_EQ(search(query).size(), 300u);
}

TEST_F(SearchTest, AdditionsExtendTheIndex) {
  fill(0, 300);
  builds();
  fill(300, 320);
  fill(0, 30, other.id);
  EXPECT_TRUE(builds());
  EXPECT_TRUE(facts.extended_index);
  expect_same();
  const auto hits =
      search({.vector = random_vector(kLength, 310), .most = 1, .prefix = {}, .skip_id = {}});
  EXPECT_EQ(hits[0].id, "id0310");
}

TEST_F(SearchTest, ChangesOfOtherCollectionsAndMetadataDoNotMatter) {
  fill(0, 300);
  builds();
  fill(0, 30, other.id);
  run("update embeddings set metadata = '{}'");
  EXPECT_FALSE(builds());
}

TEST_F(SearchTest, EveryKindOfChangeIsSeen) {
  fill(0, 300);
  const std::function<void()> changes[] = {
      // REPLACE, which no delete trigger sees.
      [&] { put("id0005", random_vector(kLength, 1005)); },
      [&] { put("id0299", random_vector(kLength, 1299)); },  // the largest row id is used again
      [&] { run("delete from embeddings where id = 'id0007'"); },
      [&] { run("update embeddings set embedding = zeroblob(96) where id = 'id0009'"); },
      [&] { run("update embeddings set id = 'new' where id = 'id0011'"); },
      [&] {
        run("delete from embeddings where id like 'id029%'");
        fill(290, 299);
      },
  };
  for (const auto& change : changes) {
    builds();
    change();
    EXPECT_TRUE(builds());
    EXPECT_FALSE(facts.extended_index);
    expect_same();
  }
}

TEST_F(SearchTest, VacuumMayMoveRows) {
  fill(0, 60, other.id);
  fill(0, 300);
  builds();
  run("delete from embeddings where collection_id = " + std::to_string(other.id));
  run("vacuum");
  search({.vector = random_vector(kLength, 1), .most = 3, .prefix = {}, .skip_id = {}});
  expect_same();
  fill(300, 310);
  search({.vector = random_vector(kLength, 1), .most = 3, .prefix = {}, .skip_id = {}});
  expect_same();
}

TEST_F(SearchTest, ARestoredDatabaseIsNotTakenForTheCurrentOne) {
  fill(0, 300);
  run("pragma wal_checkpoint(truncate)");
  builds();
  run("pragma wal_checkpoint(truncate)");
  fs::copy_file(path("e.db"), path("backup"));
  fill(300, 310);
  builds();
  db.reset();
  fs::rename(path("backup"), path("e.db"));
  fs::remove(path("e.db-wal"));
  fs::remove(path("e.db-shm"));
  reopen();
  for (uint64_t i = 300; i < 310; ++i)
    put(fmt::format("id{:04}", i), random_vector(kLength, 7000 + i));
  EXPECT_TRUE(builds());
  expect_same();
}

TEST_F(SearchTest, WithoutItsTriggersNothingIsKnown) {
  fill(0, 300);
  builds();
  run("drop trigger _hob_vectors_insert");
  put("id0005", random_vector(kLength, 1005));
  EXPECT_TRUE(builds());
  expect_same();
}

TEST_F(SearchTest, ASpoiledOrForeignFileIsMadeAnew) {
  fill(0, 300);
  builds();
  std::string content = *os::read_file(index());
  const std::string whole = content;
  content[4096 + 100] ^= 1;
  ASSERT_TRUE(os::write_file_atomically(index(), content));
  EXPECT_TRUE(builds());
  expect_same();
  ASSERT_TRUE(os::write_file_atomically(index(), whole));  // an older build
  EXPECT_TRUE(builds());
  ASSERT_TRUE(os::write_file_atomically(index(), "nonsense"));
  EXPECT_TRUE(builds());
  fs::remove(index());
  EXPECT_TRUE(builds());
  expect_same();
}

TEST_F(SearchTest, WithoutTheRightToWriteEverythingIsCompared) {
  fill(0, 300);
  reopen(store::Access::kRead);
  const auto hits =
      search({.vector = random_vector(kLength, 7), .most = 1, .prefix = {}, .skip_id = {}});
  EXPECT_FALSE(facts.used_index);
  EXPECT_EQ(hits.at(0).id, "id0007");
}

TEST_F(SearchTest, VectorsOfAnotherLengthAreAnError) {
  for (const size_t others : {size_t{0}, size_t{300}}) {
    fill(0, others);
    put("odd", random_vector(kLength + 1, 1));
    os::ThreadPool pool(1);
    Search search(*db, pool, **kernels::select(), {.worth_indexing = 100});
    const auto hits = search.nearest(collection, {.vector = random_vector(kLength, 1)});
    ASSERT_FALSE(hits);
    EXPECT_THAT(hits.error().message, testing::HasSubstr("the vector of 'odd' has 25 numbers"));
  }
}

TEST(Similarity, TheBestAreKeptInOrder) {
  Best best(3);
  for (const auto& [score, id] :
       {std::pair{0.5, "d"}, {0.5, "b"}, {0.9, "z"}, {0.1, "a"}, {0.5, "c"}})
    best.offer({score, id, 0});
  EXPECT_FALSE(best.wants(0.4));
  EXPECT_TRUE(best.wants(0.5));
  std::string order;
  for (const Scored& s : best.take()) order += s.id;
  EXPECT_EQ(order, "zbc");
  Best none(0);
  none.offer({1, "a", 0});
  EXPECT_TRUE(none.take().empty());
}

TEST(Similarity, WhatHasNoDirectionIsAtARightAngle) {
  const Vector one = {1, 0}, zero = {0, 0}, infinite = {INFINITY, 0};
  EXPECT_EQ(cosine(one, Vector{2, 0}), 1);
  EXPECT_EQ(cosine(one, Vector{-3, 0}), -1);
  EXPECT_EQ(cosine(zero, one), 0);
  EXPECT_EQ(cosine(infinite, one), 0);
}

}  // namespace
}  // namespace hob::embed
