// The counters are files of a made-up machine.
#include "os/energy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/temp_folder.h"

namespace hob::os {
namespace {

namespace fs = std::filesystem;

class EnergyTest : public test::FolderTest {
 protected:
  void zone(const std::string& folder, const std::string& name, uint64_t energy,
            uint64_t range = 1'000'000'000) {
    write(folder + "/name", name + "\n");
    write(folder + "/max_energy_range_uj", std::to_string(range) + "\n");
    set(folder, energy);
  }
  void set(const std::string& folder, uint64_t energy) {
    write(folder + "/energy_uj", std::to_string(energy) + "\n");
  }
  RaplZones find() const { return RaplZones::find(folder_.string()); }
};

TEST_F(EnergyTest, AddsPackagesAndMemoryOnce) {
  zone("intel-rapl:0", "package-0", 1'000'000);
  zone("intel-rapl:0:0", "core", 500'000);
  zone("intel-rapl:0:1", "uncore", 100'000);
  zone("intel-rapl:0:2", "dram", 2'000'000);
  zone("intel-rapl:1", "package-1", 3'000'000);
  zone("intel-rapl:2", "psys", 9'000'000);
  zone("intel-rapl-mmio:0", "package-0", 1'000'000);  // the same counter, seen another way
  fs::create_directories(folder_ / "dtpm");
  const auto zones = find();
  ASSERT_EQ(zones.zones.size(), 3u);
  EXPECT_EQ(zones.zones[0].name, "package-0");
  EXPECT_EQ(zones.zones[1].name, "dram");
  EXPECT_EQ(zones.zones[2].name, "package-1");
  auto counter = EnergyCounter::start(zones);
  for (const char* folder : {"intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"})
    set(folder, 50'000'000);
  set("intel-rapl:0", 1'000'000 + 4'000'000);
  set("intel-rapl:0:2", 2'000'000 + 250'000);
  set("intel-rapl:1", 3'000'000 + 2'000'000);
  const EnergyUse use = counter.stop();
  EXPECT_EQ(use.source, EnergySource::kRapl);
  EXPECT_DOUBLE_EQ(use.joules, 6.25);
}

TEST_F(EnergyTest, CountersTurnOver) {
  zone("intel-rapl:0", "package-0", 99'900'000'000, 100'000'000'000);
  auto counter = EnergyCounter::start(find());
  set("intel-rapl:0", 50'000);
  counter.sample();
  set("intel-rapl:0", 90'000'000'000);
  counter.sample();
  set("intel-rapl:0", 1'000'000);
  EXPECT_DOUBLE_EQ(counter.stop().joules, 100.05 + 89'999.95 + 10'001);
}

TEST_F(EnergyTest, ACounterThatMayHaveTurnedUnseenIsNotBelieved) {
  zone("intel-rapl:0", "package-0", 0, 5'000'000);  // 10 ms at 500 W
  auto counter = EnergyCounter::start(find());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  set("intel-rapl:0", 1'000'000);
  EXPECT_EQ(counter.lap().source, EnergySource::kCpuTime);
}

TEST_F(EnergyTest, LapsAddUp) {
  zone("intel-rapl:0", "package-0", 0);
  auto counter = EnergyCounter::start(find());
  set("intel-rapl:0", 1'000'000);
  EXPECT_DOUBLE_EQ(counter.lap().joules, 1);
  EXPECT_DOUBLE_EQ(counter.lap().joules, 0);
  set("intel-rapl:0", 3'500'000);
  EXPECT_DOUBLE_EQ(counter.lap().joules, 2.5);
}

TEST_F(EnergyTest, WithoutCountersThereIsProcessorTime) {
  const auto zones = find();
  EXPECT_TRUE(zones.zones.empty());
  EXPECT_NE(zones.problem.find("no RAPL counters"), std::string::npos);
  auto counter = EnergyCounter::start(zones);
  const double before = process_cpu_seconds();
  volatile double x = 1;
  while (process_cpu_seconds() - before < 0.02) x = x * 1.0000001;
  const EnergyUse use = counter.stop();
  EXPECT_EQ(use.source, EnergySource::kCpuTime);
  EXPECT_EQ(use.joules, 0);
  EXPECT_GE(use.cpu_seconds, 0.02);
  EXPECT_GT(use.seconds, 0);
}

TEST_F(EnergyTest, AFolderThatIsNotThereIsNoCounter) {
  EXPECT_TRUE(RaplZones::find(path("missing")).zones.empty());
}

TEST_F(EnergyTest, WithoutTheRightToReadOnePackageCountsNone) {
  zone("intel-rapl:0", "package-0", 1'000'000);
  zone("intel-rapl:1", "package-1", 1'000'000);
  // What only root may read; root itself, who may run this test, meets a file that is no number.
  fs::permissions(folder_ / "intel-rapl:1/energy_uj", fs::perms::none);
  if (::geteuid() == 0) write("intel-rapl:1/energy_uj", "secret\n");
  const auto zones = find();
  EXPECT_TRUE(zones.zones.empty());
  EXPECT_NE(zones.problem.find("intel-rapl:1/energy_uj"), std::string::npos) << zones.problem;
}

TEST_F(EnergyTest, ACounterThatGoesAwayIsNotZeroJoules) {
  zone("intel-rapl:0", "package-0", 1'000'000);
  auto counter = EnergyCounter::start(find());
  fs::remove(folder_ / "intel-rapl:0/energy_uj");
  EXPECT_EQ(counter.stop().source, EnergySource::kCpuTime);
}

TEST_F(EnergyTest, NonsenseIsNoCounter) {
  for (const char* text : {"", "\n", "-5\n", "12x\n", "99999999999999999999999\n"}) {
    zone("intel-rapl:0", "package-0", 1);
    write("intel-rapl:0/energy_uj", text);
    EXPECT_TRUE(find().zones.empty()) << text;
  }
}

}  // namespace
}  // namespace hob::os
