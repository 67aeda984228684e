#include "embed/vector_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <queue>

#include "base/check.h"

namespace hob::embed {
namespace {

constexpr char kMagic[8] = {'h', 'o', 'b', 'v', 'e', 'c', '1', '\n'};
constexpr uint64_t kHeaderBytes = 4096;  // codes begin on a page
constexpr uint64_t kRowBytes = 4 + 4 + 4 + 8;
constexpr uint64_t kMostRows = uint64_t{1} << 40;
// Rows whose dot products are taken at once: their codes, 24 KiB of 384 each, stay in the first
// cache for the checksum.
constexpr size_t kBlock = 64;
constexpr size_t kPendingBytes = size_t{4} << 20;
// Rounding of the arithmetic around the bound, all in double: far less than this.
constexpr double kSlack = 1e-9;

struct Header {
  char magic[8];
  uint64_t build, rows, length;
  uint64_t check;  // of the fields above
};

uint64_t mixed(uint64_t x) {  // the finaliser of SplitMix64 (Steele et al. 2014)
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

uint64_t header_check(const Header& h) {
  return mixed(mixed(mixed(h.build) + h.rows) + h.length + 1);
}

size_t padded_length(size_t length) { return kernels::round_up(length, kernels::kCodeBlock); }

// Fixed numbers, none of them 0, that a row's codes are multiplied with for its checksum: a change
// of one code changes the sum.
std::vector<int16_t> check_query(size_t padded) {
  const auto most = static_cast<uint32_t>(kernels::max_query(padded));
  std::vector<int16_t> query(padded);
  for (size_t i = 0; i < padded; ++i) {
    const auto w = static_cast<uint32_t>(mixed(i + 1));
    const auto size = static_cast<int>(1 + (w >> 1) % most);
    query[i] = static_cast<int16_t>(w & 1 ? size : -size);
  }
  return query;
}

uint32_t check_of(int32_t codes, float scale, float err, int64_t row) {
  const uint64_t both =
      uint64_t{std::bit_cast<uint32_t>(scale)} << 32 | std::bit_cast<uint32_t>(err);
  return static_cast<uint32_t>(mixed(mixed(both) + static_cast<uint64_t>(row)) +
                               static_cast<uint32_t>(codes));
}

// They need not be aligned.
int64_t load_row_id(const std::byte* ids, uint64_t row) {
  int64_t id;
  std::memcpy(&id, ids + row * sizeof id, sizeof id);
  return id;
}

double length_of(std::span<const float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  return std::sqrt(squares);
}

// Any float not below x.
float rounded_up(double x) {
  return std::nextafter(static_cast<float>(x), std::numeric_limits<float>::infinity());
}

// A query as step * d, and how far that is from it.
struct QueryCode {
  std::vector<int16_t> d;
  double step = 0, err = 0;

  QueryCode(std::span<const float> query, size_t padded) : d(padded) {
    const double length = length_of(query);
    if (!(length > 0) || !std::isfinite(length)) return;  // at a right angle to all
    double most = 0;
    for (const float y : query) most = std::max(most, std::fabs(y / length));
    const int range = kernels::max_query(padded);
    step = most / range;
    double squares = 0;
    for (size_t i = 0; i < query.size(); ++i) {
      const double y = query[i] / length;
      d[i] = static_cast<int16_t>(
          std::clamp(static_cast<int>(std::nearbyint(y / step)), -range, range));
      squares += (y - step * d[i]) * (y - step * d[i]);
    }
    err = std::sqrt(squares);
  }
};

// One thread's share of a scan.
struct Share {
  struct Possible {
    double upper;
    uint64_t place;
  };
  std::vector<Possible> possible;
  // The largest lower ends, the smallest on top.
  std::priority_queue<double, std::vector<double>, std::greater<>> lower;
  bool damaged = false;

  void see(uint64_t place, double middle, double bound, size_t most) {
    if (lower.size() < most) {
      lower.push(middle - bound);
    } else if (middle - bound > lower.top()) {
      lower.pop();
      lower.push(middle - bound);
    }
    if (lower.size() < most || middle + bound >= lower.top())
      possible.push_back({middle + bound, place});
  }
};

}  // namespace

Code encode(std::span<const float> vector) {
  Code code{.codes = std::vector<int8_t>(padded_length(vector.size()))};
  const double length = length_of(vector);
  if (!(length > 0) || !std::isfinite(length)) return code;
  double most = 0;
  for (const float x : vector) most = std::max(most, std::fabs(x / length));
  code.scale = rounded_up(most / 127);
  const double scale = code.scale;
  double squares = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const double x = vector[i] / length;
    code.codes[i] = static_cast<int8_t>(std::clamp(std::nearbyint(x / scale), -127.0, 127.0));
    squares += (x - scale * code.codes[i]) * (x - scale * code.codes[i]);
  }
  code.err = rounded_up(std::sqrt(squares));
  return code;
}

Result<VectorIndex> VectorIndex::open(const std::string& path) {
  HOB_TRY(os::MappedFile file, os::MappedFile::open(path));
  const auto bytes = file.bytes();
  const auto damaged = [&](const char* what) {
    return fail(ErrorKind::kCorrupt, "{}: damaged: {}", path, what);
  };
  Header header{};
  if (bytes.size() < kHeaderBytes) return damaged("too short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return damaged("not a vector index");
  if (header.check != header_check(header)) return damaged("the header's checksum");
  if (header.rows > kMostRows || header.length == 0 || header.length > kMostNumbers)
    return damaged("the header's numbers");
  VectorIndex index;
  index.build_ = header.build;
  index.rows_ = header.rows;
  index.length_ = header.length;
  index.padded_ = padded_length(header.length);
  if (bytes.size() != kHeaderBytes + index.rows_ * (index.padded_ + kRowBytes))
    return damaged("its size");
  const std::byte* at = bytes.data() + kHeaderBytes + index.rows_ * index.padded_;
  index.scales_ = reinterpret_cast<const float*>(at);
  index.errs_ = index.scales_ + index.rows_;
  index.checks_ = reinterpret_cast<const uint32_t*>(index.errs_ + index.rows_);
  index.row_ids_ = reinterpret_cast<const std::byte*>(index.checks_ + index.rows_);
  index.file_ = std::move(file);
  return index;
}

const int8_t* VectorIndex::codes(uint64_t row) const {
  return reinterpret_cast<const int8_t*>(file_.bytes().data() + kHeaderBytes) + row * padded_;
}

uint32_t VectorIndex::row_check(uint64_t row, int32_t codes_check) const {
  return check_of(codes_check, scales_[row], errs_[row], load_row_id(row_ids_, row));
}

bool VectorIndex::holds(uint64_t place, const Code& code) const {
  return code.codes.size() == padded_ && scales_[place] == code.scale && errs_[place] == code.err &&
         std::memcmp(codes(place), code.codes.data(), padded_) == 0;
}

Result<std::vector<Candidate>> VectorIndex::candidates(os::ThreadPool& pool,
                                                       const kernels::Table& kernels,
                                                       std::span<const float> query, size_t most,
                                                       int64_t skip) const {
  HOB_CHECK(query.size() == length_ && most > 0);
  const QueryCode q(query, padded_);
  const std::vector<int16_t> check = check_query(padded_);
  std::vector<Share> shares(static_cast<size_t>(pool.size()));
  pool.split(rows_, kBlock, [&](size_t first, size_t last, int thread) {
    Share& share = shares[static_cast<size_t>(thread)];
    int32_t dots[kBlock], checks[kBlock];
    for (size_t at = first; at < last; at += kBlock) {
      const size_t count = std::min(kBlock, last - at);
      kernels.dot_codes(codes(at), count, padded_, q.d.data(), dots);
      kernels.dot_codes(codes(at), count, padded_, check.data(), checks);
      for (size_t i = 0; i < count; ++i) {
        const uint64_t row = at + i;
        if (row_check(row, checks[i]) != checks_[row]) share.damaged = true;
        const double scale = scales_[row], err = errs_[row];
        const double bound = err + (1 + err) * q.err + kSlack;
        share.see(row, dots[i] * (scale * q.step), bound, most + (skip != 0));
      }
    }
  });
  std::vector<double> lower;
  for (Share& share : shares) {
    if (share.damaged) {
      return fail(ErrorKind::kCorrupt, "{}: damaged: a row's checksum", file_.path());
    }
    for (; !share.lower.empty(); share.lower.pop()) lower.push_back(share.lower.top());
  }
  std::ranges::sort(lower, std::greater<>());
  const size_t wanted = most + (skip != 0);
  const double least =
      lower.size() < wanted ? -std::numeric_limits<double>::infinity() : lower[wanted - 1];
  std::vector<Candidate> found;
  for (const Share& share : shares) {
    for (const auto& possible : share.possible) {
      const int64_t row = load_row_id(row_ids_, possible.place);
      if (possible.upper >= least && row != skip) found.push_back({row, possible.place});
    }
  }
  return found;
}

VectorIndexWriter::VectorIndexWriter(os::AtomicFile file, size_t length)
    : file_(std::move(file)),
      length_(length),
      padded_(padded_length(length)),
      check_query_(check_query(padded_)) {}

Result<VectorIndexWriter> VectorIndexWriter::create(const std::string& path, size_t length,
                                                    const VectorIndex* older) {
  HOB_CHECK(length > 0 && length <= VectorIndex::kMostNumbers);
  HOB_TRY(os::AtomicFile file, os::AtomicFile::create(path));
  VectorIndexWriter writer(std::move(file), length);
  HOB_TRY_VOID(writer.file_.append(std::vector<std::byte>(kHeaderBytes)));
  if (!older) return writer;
  HOB_CHECK(older->length_ == length);
  const uint64_t rows = older->rows_;
  HOB_TRY_VOID(writer.file_.append(
      {reinterpret_cast<const std::byte*>(older->codes(0)), rows * writer.padded_}));
  writer.scales_.assign(older->scales_, older->scales_ + rows);
  writer.errs_.assign(older->errs_, older->errs_ + rows);
  writer.checks_.assign(older->checks_, older->checks_ + rows);
  for (uint64_t i = 0; i < rows; ++i)
    writer.row_ids_.push_back(load_row_id(older->row_ids_, i));
  return writer;
}

Result<> VectorIndexWriter::add(int64_t row, std::span<const float> vector) {
  HOB_CHECK(vector.size() == length_);
  const Code code = encode(vector);
  int32_t codes = 0;
  for (size_t i = 0; i < padded_; ++i) codes += code.codes[i] * check_query_[i];
  pending_.insert(pending_.end(), code.codes.begin(), code.codes.end());
  scales_.push_back(code.scale);
  errs_.push_back(code.err);
  checks_.push_back(check_of(codes, code.scale, code.err, row));
  row_ids_.push_back(row);
  if (pending_.size() < kPendingBytes) return {};
  HOB_TRY_VOID(file_.append(std::as_bytes(std::span(pending_))));
  pending_.clear();
  return {};
}

Result<> VectorIndexWriter::commit(uint64_t build) {
  HOB_TRY_VOID(file_.append(std::as_bytes(std::span(pending_))));
  HOB_TRY_VOID(file_.append(std::as_bytes(std::span(scales_))));
  HOB_TRY_VOID(file_.append(std::as_bytes(std::span(errs_))));
  HOB_TRY_VOID(file_.append(std::as_bytes(std::span(checks_))));
  HOB_TRY_VOID(file_.append(std::as_bytes(std::span(row_ids_))));
  Header header{.magic = {}, .build = build, .rows = rows(), .length = length_, .check = 0};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.check = header_check(header);
  HOB_TRY_VOID(file_.write_at(0, std::as_bytes(std::span(&header, 1))));
  return file_.commit();
}

}  // namespace hob::embed
