// From counters and processor time to joules and grams of CO2e, and the settings both need.
//
// Where RAPL counted (os/energy.h), joules are measured. Elsewhere they are an estimate: the
// seconds that the process's threads ran, times watts per busy core. The default of 4 W is what
// Cloud Carbon Footprint's coefficients, from SPECpower results, give a busy hardware thread of
// Intel's Skylake (4.05 W) and Cascade Lake (3.80 W) servers; AMD's Milan has 1.87 W there, a
// desktop several times as much. It covers no memory, disks, fans or losses of the supply. `hob
// energy set` takes better values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/energy.h"

namespace hob::accounts {

inline constexpr double kDefaultWattsPerCore = 4;

// Life-cycle emissions of the electricity of a place.
struct Grid {
  std::string name;
  double grams_per_kwh = 0;  // of CO2 equivalents
  std::string source;
};

struct EnergySettings {
  double watts_per_core = kDefaultWattsPerCore;
  bool own_watts = false;  // set by the person
  Grid grid;               // the world's where nobody set one

  // Of energy.json among the settings; defaults where there is none.
  static Result<EnergySettings> standard();
  // A grid's code ("DE"), or grams per kWh with a name of one's own.
  Result<> set_grid(std::string_view code_or_grams, std::string_view name);
  Result<> set_watts(std::string_view watts);
  Result<> save() const;
  // One line each, naming source and date.
  std::string power_text() const;
  std::string grid_text() const;
};
std::string energy_settings_path();

struct Energy {
  double joules = 0;
  bool measured = false;  // else estimated from processor time
};
Energy energy_of(const os::EnergyUse& use, double watts_per_core);
double grams_co2e(double joules, const Grid& grid);

// What the ledger keeps with a turn beside the joules: how they came about. `shared`: with turns
// that ran at the same time.
std::string energy_json(const os::EnergyUse& use, double watts_per_core, bool shared = false);

// For people: "3.2 J", "1.25 kJ"; from 0.1 kWh on "1.20 kWh". "0.4 mg", "12 g", "3.1 kg".
std::string joules_text(double joules);
std::string grams_text(double grams);

}  // namespace hob::accounts
