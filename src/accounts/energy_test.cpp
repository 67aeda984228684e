#include "accounts/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/support/temp_folder.h"

namespace hob::accounts {
namespace {

using ::testing::HasSubstr;

class EnergySettingsTest : public test::FolderTest {
 protected:
  EnergySettingsTest() { ::setenv("HOB_HOME", folder_.c_str(), 1); }
  ~EnergySettingsTest() override { ::unsetenv("HOB_HOME"); }
};

TEST(Energy, MeasuredWhereCountersWereElseEstimated) {
  const os::EnergyUse counted{os::EnergySource::kRapl, 12.5, 3, 2};
  EXPECT_TRUE(energy_of(counted, 4).measured);
  EXPECT_DOUBLE_EQ(energy_of(counted, 4).joules, 12.5);
  const os::EnergyUse timed{os::EnergySource::kCpuTime, 0, 3, 2};
  EXPECT_FALSE(energy_of(timed, 4).measured);
  EXPECT_DOUBLE_EQ(energy_of(timed, 4).joules, 12);
  EXPECT_THAT(energy_json(timed, 4), HasSubstr("\"watts_per_core\":4"));
  EXPECT_THAT(energy_json(counted, 4), HasSubstr("\"method\":\"rapl\""));
}

TEST(Energy, GramsOfAKilowattHour) {
  EXPECT_DOUBLE_EQ(grams_co2e(3.6e6, {"Germany", 381, ""}), 381);
  EXPECT_EQ(grams_text(381), "381 g");
  EXPECT_EQ(grams_text(0.000381), "381 ug");
  EXPECT_EQ(grams_text(0.00519), "5.19 mg");
  EXPECT_EQ(grams_text(1234), "1.23 kg");
  EXPECT_EQ(joules_text(0.5), "500 mJ");
  EXPECT_EQ(joules_text(12.34), "12.3 J");
  EXPECT_EQ(joules_text(4321), "4.32 kJ");
  EXPECT_EQ(joules_text(3.6e6), "1.00 kWh");
  EXPECT_EQ(joules_text(0), "0.00 mJ");
}

TEST_F(EnergySettingsTest, DefaultsNameTheirSources) {
  const auto settings = EnergySettings::standard();
  ASSERT_TRUE(settings.has_value());
  EXPECT_THAT(settings->power_text(), HasSubstr("Cloud Carbon Footprint"));
  EXPECT_THAT(settings->grid_text(), HasSubstr("480 g CO2e per kWh: the world"));
  EXPECT_THAT(settings->grid_text(), HasSubstr("2023"));
}

TEST_F(EnergySettingsTest, AreKept) {
  auto settings = EnergySettings::standard().value();
  ASSERT_TRUE(settings.set_grid("de", "").has_value());
  ASSERT_TRUE(settings.set_watts("7.5").has_value());
  ASSERT_TRUE(settings.save().has_value());
  auto again = EnergySettings::standard().value();
  EXPECT_EQ(again.grid.name, "Germany");
  EXPECT_EQ(again.grid.grams_per_kwh, 381);
  EXPECT_EQ(again.watts_per_core, 7.5);
  ASSERT_TRUE(again.set_grid("25.5", "our roof").has_value());
  EXPECT_THAT(again.grid_text(), HasSubstr("25.5 g CO2e per kWh: our roof (set by you)"));
}

TEST_F(EnergySettingsTest, NonsenseIsRefused) {
  auto settings = EnergySettings::standard().value();
  for (const char* grid : {"", "XX", "-3", "1e9", "nan", "inf"})
    EXPECT_FALSE(settings.set_grid(grid, "").has_value()) << grid;
  for (const char* watts : {"", "0", "-1", "x", "1e9", "nan", "4W"})
    EXPECT_FALSE(settings.set_watts(watts).has_value()) << watts;
  for (const char* text : {"[", "[]", "{\"watts_per_core\": \"x\"}", "{\"watts_per_core\": -1}",
                           "{\"grid\": {\"grams_per_kwh\": 1e9}}"}) {
    write("energy.json", text);
    const auto broken = EnergySettings::standard();
    ASSERT_FALSE(broken.has_value()) << text;
    EXPECT_THAT(broken.error().message, HasSubstr("energy.json"));
  }
}

}  // namespace
}  // namespace hob::accounts
