// How much energy a stretch of work took, as far as the machine tells.
//
// RAPL: processors by Intel and AMD count the energy of their packages (and some that of their
// memory), and Linux shows the counters under /sys/class/powercap. They are of the whole package:
// what other programs did meanwhile is in them. Since 2020 only root may read them (CVE-2020-8694),
// and virtual machines have none; then what is left is the processor time of this process, which
// knows nothing of watts. The caller must say which of the two it shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace hob::os {

enum class EnergySource { kRapl, kCpuTime };

struct EnergyUse {
  EnergySource source = EnergySource::kCpuTime;
  double joules = 0;       // with kRapl; else 0, which means not known
  double cpu_seconds = 0;  // of all threads of this process
  double seconds = 0;      // by the clock
};

// The counters of a machine. Reading them changes nothing.
struct RaplZones {
  struct Zone {
    std::string name;  // "package-0", "dram"
    std::string file;  // energy_uj: microjoules
    uint64_t range;    // the counter begins again at 0 after this many
  };
  // Packages, and their memory where it is counted. The parts of a package ("core", "uncore"), the
  // whole platform ("psys") and second views of the same counter are left out, so that nothing
  // counts twice.
  std::vector<Zone> zones;
  // Why there are none: "no RAPL counters under ...", "...: Permission denied".
  std::string problem;

  static RaplZones find(const std::string& powercap = kPowercap);
  static constexpr const char* kPowercap = "/sys/class/powercap";
};

// Runs from start() to stop(). A package of 200 W goes through the 262 kJ that its counter holds in
// 20 minutes, so long work must call sample() from time to time. Where a counter may have turned
// between two readings, its joules count for nothing. Not thread-safe.
class EnergyCounter {
 public:
  static EnergyCounter start(RaplZones zones = RaplZones::find());
  void sample();
  // What was used since start() or the last lap(). A counter that failed or may have turned
  // meanwhile leaves processor time alone.
  EnergyUse lap();
  EnergyUse stop() { return lap(); }

 private:
  void begin();

  RaplZones zones_;
  std::vector<uint64_t> last_;  // [zones]
  bool counting_ = false;
  std::chrono::steady_clock::time_point sampled_;
  bool may_have_turned_ = false;  // since begin()
  uint64_t microjoules_ = 0;
  double cpu_began_ = 0;
  std::chrono::steady_clock::time_point began_;
};

// Seconds that all threads of this process have run so far.
double process_cpu_seconds();

}  // namespace hob::os
