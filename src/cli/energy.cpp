// hob energy list, hob energy set: what local models drew, by which measure, and its CO2e.
#include "accounts/energy.h"

#include <memory>

#include "cli/command.h"
#include "cli/spending_text.h"
#include "store/json_text.h"

namespace hob::cli {
namespace {

struct SetFlags {
  std::string watts, grid, grid_name;
};

std::string measure_text(const os::RaplZones& zones, const accounts::EnergySettings& settings) {
  if (zones.zones.empty()) {
    return fmt::format("estimated from processor time, {} ({})", settings.power_text(),
                       zones.problem);
  }
  std::string names;
  for (const auto& zone : zones.zones) names += (names.empty() ? "" : ", ") + zone.name;
  return fmt::format("measured by RAPL ({}), with all that runs on the machine", names);
}

Result<> list_energy(Io& io, const SpendingFlags& flags) {
  HOB_TRY(const auto by, flags.group_by());
  HOB_TRY(const auto settings, accounts::EnergySettings::standard());
  HOB_TRY(const auto report, flags.report());
  const double grams = accounts::grams_co2e(report.total.joules, settings.grid);
  const auto zones = os::RaplZones::find();
  if (flags.json) {
    auto out = spending_json(report, by);
    out["grams_co2e"] = grams;
    out["grid"] = {{"name", settings.grid.name},
                   {"grams_per_kwh", settings.grid.grams_per_kwh},
                   {"source", settings.grid.source}};
    out["method_now"] = zones.zones.empty() ? "cpu-time" : "rapl";
    out["watts_per_core"] = settings.watts_per_core;
    io.write(store::indented_json(out) + "\n");
    return {};
  }
  if (report.total.with_energy > 0) {
    io.write(spending_table(report, by, /*energy_first=*/true));
    io.print("\n{} = {} CO2e{}\n", accounts::joules_text(report.total.joules),
             accounts::grams_text(grams),
             report.total.energy_measured == report.total.with_energy
                 ? ""
                 : fmt::format(", an estimate: {} of {} turns were measured",
                               report.total.energy_measured, report.total.with_energy));
  } else {
    io.note("No turns with energy on record.\n");
  }
  io.print("energy now: {}\n", measure_text(zones, settings));
  io.print("grid: {}\n", settings.grid_text());
  return {};
}

Result<> set_energy(Io& io, const SetFlags& flags) {
  HOB_TRY(auto settings, accounts::EnergySettings::standard());
  if (flags.watts.empty() && flags.grid.empty())
    return fail(ErrorKind::kInvalid, "nothing to set: give --watts, --grid or both");
  if (!flags.watts.empty()) {
    HOB_TRY_VOID(settings.set_watts(flags.watts));
  }
  if (!flags.grid.empty()) {
    HOB_TRY_VOID(settings.set_grid(flags.grid, flags.grid_name));
  }
  HOB_TRY_VOID(settings.save());
  io.note(fmt::format("energy: {}\ngrid: {}\n", settings.power_text(), settings.grid_text()));
  return {};
}

}  // namespace

Action define_energy_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<SpendingFlags>();
  flags->declare(app);
  return [flags, &io] { return list_energy(io, *flags); };
}

Action define_energy_set(CLI::App& app, Io& io) {
  auto flags = std::make_shared<SetFlags>();
  app.add_option("--watts", flags->watts,
                 "What one busy core draws, for machines whose energy cannot be measured")
      ->option_text("W");
  app.add_option("--grid", flags->grid, "A country's code, as DE, or grams of CO2e per kWh")
      ->option_text("GRID");
  app.add_option("--grid-name", flags->grid_name, "What a grid given in grams is called")
      ->option_text("NAME");
  return [flags, &io] { return set_energy(io, *flags); };
}

}  // namespace hob::cli
