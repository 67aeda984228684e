#include "cli/logits_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace hob::cli {
namespace {

constexpr char kMagic[8] = {'H', 'O', 'B', 'L', 'O', 'G', 'I', '1'};
constexpr size_t kHeader = sizeof kMagic + 3 * sizeof(uint32_t);
// A file of fewer tokens a chunk predicts nothing.
constexpr uint32_t kShortestChunk = 4;

double mean(std::span<const float> row) {
  double sum = 0;
  for (const float x : row) sum += x;
  return sum / static_cast<double>(row.size());
}

// log of the sum of exponentials.
double log_total(std::span<const float> row) {
  const float top = *std::ranges::max_element(row);
  double sum = 0;
  for (const float x : row) sum += std::exp(static_cast<double>(x) - top);
  return top + std::log(sum);
}

}  // namespace

Result<LogitsWriter> LogitsWriter::create(const std::string& path, const LogitsShape& shape) {
  HOB_TRY(auto file, os::AtomicFile::create(path));
  const uint32_t sizes[3] = {shape.vocabulary, shape.chunk, shape.chunks};
  HOB_TRY_VOID(file.append(std::as_bytes(std::span(kMagic))));
  HOB_TRY_VOID(file.append(std::as_bytes(std::span(sizes))));
  return LogitsWriter(std::move(file));
}

Result<> LogitsWriter::begin_chunk(std::span<const int32_t> tokens) {
  return file_.append(std::as_bytes(tokens));
}

Result<> LogitsWriter::add_rows(std::span<const float> logits) {
  return file_.append(std::as_bytes(logits));
}

Result<> LogitsWriter::finish() { return file_.commit(); }

Result<LogitsFile> LogitsFile::open(const std::string& path) {
  LogitsFile logits;
  HOB_TRY(logits.file_, os::MappedFile::open(path));
  const auto bytes = logits.file_.bytes();
  if (bytes.size() < kHeader || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    return fail(ErrorKind::kCorrupt, "{}: this is no file of logits (see --logits)", path);
  LogitsShape& shape = logits.shape_;
  uint32_t sizes[3];
  std::memcpy(sizes, bytes.data() + sizeof kMagic, sizeof sizes);
  shape = {.vocabulary = sizes[0], .chunk = sizes[1], .chunks = sizes[2]};
  // Compared by division: the product of three numbers from the file may not fit.
  const size_t left = bytes.size() - kHeader;
  if (shape.vocabulary == 0 || shape.chunks == 0 || shape.chunk < kShortestChunk ||
      shape.rows() > left / sizeof(float) / shape.vocabulary ||
      left % shape.chunk_bytes() != 0 || left / shape.chunk_bytes() != shape.chunks) {
    return fail(ErrorKind::kCorrupt,
                "{}: {} bytes do not hold {} chunks of {} tokens with logits of {} tokens each",
                path, bytes.size(), shape.chunks, shape.chunk, shape.vocabulary);
  }
  return logits;
}

std::span<const int32_t> LogitsFile::tokens(size_t chunk) const {
  HOB_CHECK(chunk < shape_.chunks, "chunk {} of {}", chunk, shape_.chunks);
  const std::byte* at = file_.bytes().data() + kHeader + chunk * shape_.chunk_bytes();
  return {reinterpret_cast<const int32_t*>(at), shape_.chunk};
}

std::span<const float> LogitsFile::row(size_t chunk, size_t row) const {
  HOB_CHECK(row < shape_.rows(), "row {} of {}", row, shape_.rows());
  const int32_t* end_of_tokens = tokens(chunk).data() + shape_.chunk;
  return {reinterpret_cast<const float*>(end_of_tokens) + row * shape_.vocabulary,
          shape_.vocabulary};
}

void Difference::add(std::span<const float> logits, std::span<const float> reference) {
  HOB_CHECK(logits.size() == reference.size(), "{} and {} logits", logits.size(),
            reference.size());
  const double own_mean = mean(logits), reference_mean = mean(reference);
  const double own_total = log_total(logits), reference_total = log_total(reference);
  for (size_t v = 0; v < logits.size(); ++v) {
    const double own = logits[v] - own_mean, wanted = reference[v] - reference_mean;
    squares_ += (own - wanted) * (own - wanted);
    reference_squares_ += wanted * wanted;
    const double log_p = reference[v] - reference_total, log_q = logits[v] - own_total;
    kl_ += std::exp(log_p) * (log_p - log_q);
  }
  same_ += std::ranges::max_element(logits) - logits.begin() ==
           std::ranges::max_element(reference) - reference.begin();
  ++rows_;
}

void Difference::add(const Difference& other) {
  squares_ += other.squares_;
  reference_squares_ += other.reference_squares_;
  kl_ += other.kl_;
  rows_ += other.rows_;
  same_ += other.same_;
}

double Difference::nmse() const { return rows_ == 0 ? 0 : squares_ / reference_squares_; }

double Difference::kl_divergence() const {
  return rows_ == 0 ? 0 : kl_ / static_cast<double>(rows_);
}

double Difference::same_top() const {
  return rows_ == 0 ? 0 : static_cast<double>(same_) / static_cast<double>(rows_);
}

}  // namespace hob::cli
