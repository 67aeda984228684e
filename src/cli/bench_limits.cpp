#include "cli/bench_limits.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "cli/table.h"
#include "os/cpu.h"

namespace hob::cli {
namespace {

using engine::Peaks;
using nlohmann::ordered_json;

// What a column shows, and its name in JSON.
struct Figure {
  const char* head;
  const char* key;
  double Peaks::*peak;
};
constexpr Figure kPeaks[] = {{"FP32", "fp32_gflops", &Peaks::fp32},
                             {"BF16", "bf16_gflops", &Peaks::bf16},
                             {"INT8", "int8_gops", &Peaks::int8},
                             {"BF16 TILES", "bf16_tiles_gflops", &Peaks::bf16_tiles},
                             {"INT8 TILES", "int8_tiles_gops", &Peaks::int8_tiles}};

struct Limits {
  int threads = 0;
  std::string isa;
  Peaks peaks;
  double read_gbps = 0;
  std::optional<double> model_read_gbps;
};

Result<Limits> measure(int threads, const LimitsRequest& request) {
  HOB_TRY(auto meter, engine::LimitMeter::create(threads));
  Limits limits{.threads = meter.threads(), .isa = meter.isa(), .peaks = meter.peaks()};
  HOB_TRY(limits.read_gbps, meter.read_gbps(request.memory_bytes));
  if (request.model_bytes) {
    HOB_TRY(limits.model_read_gbps, meter.read_gbps(*request.model_bytes));
  }
  return limits;
}

ordered_json as_json(const Limits& limits, const LimitsRequest& request) {
  ordered_json out = {{"threads", limits.threads}, {"isa", limits.isa}};
  for (const Figure& figure : kPeaks) {
    const double rate = limits.peaks.*figure.peak;
    out[figure.key] = rate > 0 ? ordered_json(rate) : ordered_json();
  }
  out["read_gbps"] = limits.read_gbps;
  if (limits.model_read_gbps) {
    out["model_bytes"] = *request.model_bytes;
    out["model_read_gbps"] = *limits.model_read_gbps;
  }
  return out;
}

std::vector<std::string> as_row(const Limits& limits) {
  std::vector<std::string> row = {fmt::format("{}", limits.threads)};
  for (const Figure& figure : kPeaks) {
    const double rate = limits.peaks.*figure.peak;
    row.push_back(rate > 0 ? fmt::format("{:.0f}", rate) : "-");
  }
  row.push_back(fmt::format("{:.1f}", limits.read_gbps));
  if (limits.model_read_gbps) row.push_back(fmt::format("{:.1f}", *limits.model_read_gbps));
  return row;
}

std::string as_table(const std::vector<Limits>& all, const LimitsRequest& request) {
  std::vector<Column> columns = {{"THREADS", true}};
  for (const Figure& figure : kPeaks) columns.push_back({figure.head, true});
  columns.push_back({"READ", true});
  if (request.model_bytes)
    columns.push_back({fmt::format("READ {}", bytes_text(*request.model_bytes)), true});
  std::vector<std::vector<std::string>> rows;
  for (const Limits& limits : all) rows.push_back(as_row(limits));
  return table_text(columns, rows);
}

}  // namespace

Result<> show_limits(Io& io, const LimitsRequest& request) {
  HOB_TRY(const auto meter, engine::LimitMeter::create(request.threads));
  const int threads = meter.threads();
  std::vector<Limits> all;
  for (const int count : threads == 1 ? std::vector{1} : std::vector{1, threads}) {
    HOB_TRY(all.emplace_back(), measure(count, request));
  }
  if (request.json) {
    auto out = ordered_json::array();
    for (const Limits& limits : all) out.push_back(as_json(limits, request));
    io.write(out.dump(2) + "\n");
    return {};
  }
  io.print("{} ({}), {}\n", safe_line(os::cpu_model()), os::cpu_features_text(os::cpu_features()),
           all.front().isa);
  io.write(as_table(all, request));
  io.print("\nMultiplications and additions in 1e9 a second, reading in GB/s{}\n",
           request.model_bytes
               ? ": from memory, and of as much as the model's weights over and over"
               : " from memory");
  return {};
}

}  // namespace hob::cli
