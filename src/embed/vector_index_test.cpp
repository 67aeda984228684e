// No true neighbour is ever missing among the candidates, whatever the vectors; no spoiled byte is
// ever believed.
#include "embed/vector_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "embed/similarity.h"
#include "embed/test_vectors.h"
#include "kernels/registry.h"
#include "tests/support/temp_folder.h"

namespace hob::embed {
namespace {

class VectorIndexTest : public test::FolderTest {
 protected:
  // Row i + 1 is vectors[i].
  VectorIndex made_of(const std::vector<Vector>& vectors, const VectorIndex* older = nullptr,
                      size_t first = 0) {
    auto writer = VectorIndexWriter::create(path("index"), vectors[0].size(), older);
    EXPECT_TRUE(writer) << writer.error().message;
    for (size_t i = first; i < vectors.size(); ++i)
      EXPECT_TRUE(writer->add(static_cast<int64_t>(i) + 1, vectors[i]));
    EXPECT_TRUE(writer->commit(7));
    auto index = VectorIndex::open(path("index"));
    EXPECT_TRUE(index) << index.error().message;
    return *std::move(index);
  }
  std::vector<int64_t> rows_of(const VectorIndex& index, const Vector& query, size_t most,
                               int threads = 2, int64_t skip = 0) {
    os::ThreadPool pool(threads);
    const auto found = index.candidates(pool, **kernels::select(), query, most, skip);
    EXPECT_TRUE(found) << found.error().message;
    std::vector<int64_t> rows;
    for (const Candidate& c : *found) rows.push_back(c.row);
    std::ranges::sort(rows);
    return rows;
  }
  // The rows of the n largest cosines, and all that equal the last of them.
  static std::vector<int64_t> nearest(const std::vector<Vector>& vectors, const Vector& query,
                                      size_t most) {
    std::vector<std::pair<double, int64_t>> scores;
    for (size_t i = 0; i < vectors.size(); ++i)
      scores.push_back({-cosine(vectors[i], query), static_cast<int64_t>(i) + 1});
    std::ranges::sort(scores);
    std::vector<int64_t> rows;
    for (const auto& [score, row] : scores) {
      if (rows.size() >= most && score > scores[most - 1].first) break;
      rows.push_back(row);
    }
    std::ranges::sort(rows);
    return rows;
  }
  void expect_complete(const std::vector<Vector>& vectors, const std::vector<Vector>& queries) {
    const VectorIndex index = made_of(vectors);
    EXPECT_EQ(index.rows(), vectors.size());
    for (const Vector& query : queries) {
      for (const size_t most : {1, 3, 10}) {
        const auto rows = rows_of(index, query, most);
        EXPECT_TRUE(std::ranges::includes(rows, nearest(vectors, query, most)));
        EXPECT_EQ(rows, rows_of(index, query, most, 1));
      }
    }
  }
};

TEST_F(VectorIndexTest, EveryNeighbourIsACandidate) {
  for (const size_t length : {1, 16, 33, 384}) {
    std::vector<Vector> vectors, queries;
    for (uint64_t i = 0; i < 700; ++i) vectors.push_back(random_vector(length, i));
    for (uint64_t i = 0; i < 10; ++i) queries.push_back(random_vector(length, 1000 + i));
    queries.push_back(vectors[5]);
    expect_complete(vectors, queries);
  }
}

TEST_F(VectorIndexTest, AlsoWhereAllAreAlike) {
  std::vector<Vector> vectors;
  for (uint64_t i = 0; i < 500; ++i) {
    Vector v = random_vector(64, 1);
    const Vector noise = random_vector(64, 2 + i);
    for (size_t j = 0; j < v.size(); ++j) v[j] += 1e-4f * noise[j];
    vectors.push_back(i % 7 == 0 ? random_vector(64, 1) : v);  // and some the same
  }
  expect_complete(vectors, {random_vector(64, 1), random_vector(64, 9)});
}

TEST_F(VectorIndexTest, VectorsOfAnySizeAndNone) {
  std::vector<Vector> vectors;
  for (uint64_t i = 0; i < 100; ++i) {
    Vector v = random_vector(32, i);
    for (float& x : v) x *= std::ldexp(1.0f, static_cast<int>(i) - 50);
    vectors.push_back(v);
  }
  vectors.push_back(Vector(32, 0.0f));
  vectors.push_back(Vector(32, INFINITY));
  vectors.push_back(Vector(32, NAN));
  Vector one(32, 0.0f);
  one[3] = -5;
  vectors.push_back(one);
  expect_complete(vectors, {random_vector(32, 3), one, Vector(32, 0.0f), Vector(32, NAN)});
}

TEST_F(VectorIndexTest, FewCandidatesOfMany) {
  std::vector<Vector> vectors;
  for (uint64_t i = 0; i < 5000; ++i) vectors.push_back(random_vector(384, i));
  const VectorIndex index = made_of(vectors);
  EXPECT_LT(rows_of(index, random_vector(384, 9999), 10).size(), 100u);
}

TEST_F(VectorIndexTest, TheRowToSkipIsLeftOut) {
  std::vector<Vector> vectors;
  for (uint64_t i = 0; i < 100; ++i) vectors.push_back(random_vector(16, i));
  const VectorIndex index = made_of(vectors);
  const auto rows = rows_of(index, vectors[41], 1, 2, 42);
  EXPECT_EQ(std::ranges::count(rows, 42), 0);
  const auto with = nearest(vectors, vectors[41], 2);
  for (const int64_t row : with) EXPECT_EQ(std::ranges::count(rows, row), row == 42 ? 0 : 1);
}

TEST_F(VectorIndexTest, ExtendedItIsTheSame) {
  std::vector<Vector> vectors;
  for (uint64_t i = 0; i < 300; ++i) vectors.push_back(random_vector(40, i));
  made_of(vectors);
  const auto content = [&] {
    std::ifstream file(path("index"), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string whole = content();
  const VectorIndex part = made_of({vectors.begin(), vectors.begin() + 130});
  made_of(vectors, &part, 130);
  EXPECT_EQ(content(), whole);
}

TEST_F(VectorIndexTest, CodesAreCheckedAgainstTheirVector) {
  const std::vector<Vector> vectors = {random_vector(16, 1), random_vector(16, 2)};
  const VectorIndex index = made_of(vectors);
  EXPECT_TRUE(index.holds(0, encode(vectors[0])));
  EXPECT_FALSE(index.holds(0, encode(vectors[1])));
  EXPECT_FALSE(index.holds(0, encode(random_vector(40, 1))));
}

// Any byte spoiled: refused when it is opened, or when it is searched.
TEST_F(VectorIndexTest, NoSpoiledByteIsBelieved) {
  std::vector<Vector> vectors;
  for (uint64_t i = 0; i < 20; ++i) vectors.push_back(random_vector(16, i));
  made_of(vectors);
  std::ifstream in(path("index"), std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(in), {});
  const auto usable = [&](const std::string& content) {
    std::ofstream(path("spoiled"), std::ios::binary) << content;
    const auto index = VectorIndex::open(path("spoiled"));
    os::ThreadPool pool(1);
    return index && index->candidates(pool, **kernels::select(), vectors[0], 3, 0);
  };
  EXPECT_TRUE(usable(whole));
  for (size_t at = 0; at < whole.size(); at += at >= 40 && at < 4096 ? 500 : 1) {
    std::string spoiled = whole;
    spoiled[at] = static_cast<char>(spoiled[at] ^ (1 << at % 8));
    EXPECT_EQ(usable(spoiled), at >= 40 && at < 4096) << at;  // between: nothing stands there
  }
  for (const size_t size : {size_t{0}, size_t{7}, size_t{4096}, whole.size() - 1})
    EXPECT_FALSE(usable(whole.substr(0, size))) << size;
  EXPECT_FALSE(usable(whole + "x"));
}

}  // namespace
}  // namespace hob::embed
