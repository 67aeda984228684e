#include "os/energy.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "os/file.h"

namespace hob::os {
namespace {

namespace fs = std::filesystem;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

Result<uint64_t> read_number(const std::string& path) {
  HOB_TRY(const std::string text, read_file(path));
  const std::string digits = trimmed(text);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || digits.empty() || end != digits.data() + digits.size())
    return fail(ErrorKind::kCorrupt, "{}: no number", path);
  return value;
}

// More than any package draws.
constexpr double kMostWatts = 500;

bool counts(const std::string& name) { return name.starts_with("package") || name == "dram"; }

}  // namespace

RaplZones RaplZones::find(const std::string& powercap) {
  RaplZones found;
  std::vector<std::string> folders;
  std::error_code error;
  for (fs::directory_iterator entry(powercap, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("intel-rapl:")) folders.push_back(entry->path().string());
  }
  std::sort(folders.begin(), folders.end());
  for (const std::string& folder : folders) {
    const auto name = read_file(folder + "/name");
    if (!name || !counts(trimmed(*name))) continue;
    const auto range = read_number(folder + "/max_energy_range_uj");
    const auto now = read_number(folder + "/energy_uj");
    if (!range || !now) {
      found.problem = (range ? now : range).error().message;
      found.zones.clear();  // some of the packages would pass for all
      return found;
    }
    found.zones.push_back({trimmed(*name), folder + "/energy_uj", *range});
  }
  if (found.zones.empty()) found.problem = fmt::format("no RAPL counters under {}", powercap);
  return found;
}

EnergyCounter EnergyCounter::start(RaplZones zones) {
  EnergyCounter counter;
  counter.zones_ = std::move(zones);
  counter.counting_ = !counter.zones_.zones.empty();
  for (const auto& zone : counter.zones_.zones) {
    const auto now = read_number(zone.file);
    counter.counting_ = counter.counting_ && now.has_value();
    counter.last_.push_back(now.value_or(0));
  }
  counter.begin();
  counter.sampled_ = counter.began_;
  return counter;
}

void EnergyCounter::begin() {
  may_have_turned_ = false;
  microjoules_ = 0;
  cpu_began_ = process_cpu_seconds();
  began_ = std::chrono::steady_clock::now();
}

void EnergyCounter::sample() {
  const auto last = std::exchange(sampled_, std::chrono::steady_clock::now());
  const std::chrono::duration<double, std::micro> gap = sampled_ - last;
  const double most = gap.count() * kMostWatts;  // microjoules
  for (size_t i = 0; counting_ && i < zones_.zones.size(); ++i) {
    const auto now = read_number(zones_.zones[i].file);
    if (!now) {
      counting_ = false;
      return;
    }
    may_have_turned_ |= most > static_cast<double>(zones_.zones[i].range);
    const uint64_t turned = *now < last_[i] ? zones_.zones[i].range : 0;
    microjoules_ += *now + turned - last_[i];
    last_[i] = *now;
  }
}

EnergyUse EnergyCounter::lap() {
  sample();
  EnergyUse use;
  use.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  use.cpu_seconds = process_cpu_seconds() - cpu_began_;
  if (counting_ && !may_have_turned_) {
    use.source = EnergySource::kRapl;
    use.joules = static_cast<double>(microjoules_) / 1e6;
  }
  begin();
  return use;
}

double process_cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace hob::os
