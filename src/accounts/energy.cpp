#include "accounts/energy.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "os/file.h"
#include "store/user_folder.h"

namespace hob::accounts {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr double kJoulesPerKwh = 3.6e6;
constexpr double kMostWatts = 1000, kMostGrams = 5000;

constexpr std::string_view kWorldSource = "life-cycle, 2023; Ember, Global Electricity Review 2024";
constexpr std::string_view kGridSource =
    "life-cycle, 2023; Ember and Energy Institute via Our World in Data, carbon intensity of "
    "electricity";

struct KnownGrid {
  std::string_view code, name;
  double grams_per_kwh;
};
// All of 2023: the world's first, from kWorldSource, then countries', from kGridSource.
constexpr KnownGrid kGrids[] = {
    {"WORLD", "the world", 480}, {"AR", "Argentina", 354}, {"AT", "Austria", 111},
    {"AU", "Australia", 549},    {"BE", "Belgium", 138},   {"BR", "Brazil", 98},
    {"CA", "Canada", 170},       {"CL", "Chile", 291},     {"CN", "China", 582},
    {"CO", "Colombia", 260},     {"CR", "Costa Rica", 53}, {"CZ", "Czechia", 450},
    {"DE", "Germany", 381},      {"DK", "Denmark", 152},   {"EG", "Egypt", 570},
    {"FI", "Finland", 79},       {"FR", "France", 56},     {"GB", "United Kingdom", 238},
    {"GR", "Greece", 337},       {"HU", "Hungary", 204},   {"IE", "Ireland", 291},
    {"IN", "India", 713},        {"JP", "Japan", 485},     {"NO", "Norway", 30},
    {"PL", "Poland", 662},       {"SE", "Sweden", 41},     {"US", "United States", 369},
    {"ZA", "South Africa", 708},
};

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

Grid grid_of(const KnownGrid& known) {
  const bool world = &known == kGrids;
  return {std::string(known.name), known.grams_per_kwh,
          std::string(world ? kWorldSource : kGridSource)};
}

// Three figures, in the largest of the units that keeps the number at least 1.
std::string scaled(double value, std::span<const std::pair<double, const char*>> units) {
  const auto* unit = &units.front();
  for (const auto& other : units) {
    if (value >= other.first) unit = &other;
  }
  const double number = value / unit->first;
  const int places = number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", number, places, unit->second);
}

}  // namespace

std::string energy_settings_path() { return store::settings_file("energy.json"); }

Result<EnergySettings> EnergySettings::standard() {
  EnergySettings settings;
  settings.grid = grid_of(kGrids[0]);
  const std::string path = energy_settings_path();
  if (!os::file_exists(path)) return settings;
  HOB_TRY(const std::string text, os::read_file(path));
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return fail(ErrorKind::kInvalid, "{}: not a JSON object", path);
  const auto number = [&](const json& from, const char* key, double most,
                          double& into) -> Result<bool> {
    const auto found = from.find(key);
    if (found == from.end()) return false;
    if (!found->is_number() || found->get<double>() < 0 || found->get<double>() > most)
      return fail(ErrorKind::kInvalid, "{}: \"{}\" is no number from 0 to {}", path, key, most);
    into = found->get<double>();
    return true;
  };
  HOB_TRY(settings.own_watts,
          number(document, "watts_per_core", kMostWatts, settings.watts_per_core));
  if (const auto grid = document.find("grid"); grid != document.end() && grid->is_object()) {
    HOB_TRY(const bool given,
            number(*grid, "grams_per_kwh", kMostGrams, settings.grid.grams_per_kwh));
    const auto text = [&](const char* key, const char* otherwise) {
      const auto found = grid->find(key);
      return found != grid->end() && found->is_string() ? found->get<std::string>() : otherwise;
    };
    if (given) {
      settings.grid.name = text("name", "a grid of your own");
      settings.grid.source = text("source", "set by you");
    }
  }
  return settings;
}

Result<> EnergySettings::set_watts(std::string_view watts) {
  const auto value = parse_number(watts);
  if (!value || *value <= 0 || *value > kMostWatts)
    return fail(ErrorKind::kInvalid, "--watts: '{}' is no number of watts per busy core, up to {}",
                watts, kMostWatts);
  watts_per_core = *value;
  own_watts = true;
  return {};
}

Result<> EnergySettings::set_grid(std::string_view code_or_grams, std::string_view name) {
  if (const auto grams = parse_number(code_or_grams)) {
    if (*grams < 0 || *grams > kMostGrams)
      return fail(ErrorKind::kInvalid, "--grid: {} is no number of grams per kWh from 0 to {}",
                  code_or_grams, kMostGrams);
    grid = {name.empty() ? "a grid of your own" : std::string(name), *grams, "set by you"};
    return {};
  }
  std::string code(code_or_grams);
  for (char& c : code) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  for (const KnownGrid& known : kGrids) {
    if (known.code == code) {
      grid = grid_of(known);
      return {};
    }
  }
  std::string codes;
  for (const KnownGrid& known : kGrids)
    codes += fmt::format("{}{}", codes.empty() ? "" : " ", known.code);
  return fail(ErrorKind::kInvalid, "--grid: '{}' is neither grams of CO2e per kWh nor one of {}",
              code_or_grams, codes);
}

Result<> EnergySettings::save() const {
  ordered_json document = ordered_json::object();
  if (own_watts) document["watts_per_core"] = watts_per_core;
  document["grid"] = {
      {"name", grid.name}, {"grams_per_kwh", grid.grams_per_kwh}, {"source", grid.source}};
  const std::string path = energy_settings_path();
  std::error_code ignored;  // the write below says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  return os::write_file_atomically(
      path, document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

std::string EnergySettings::power_text() const {
  if (own_watts)
    return fmt::format("{:g} W per busy core, set by you in {}", watts_per_core,
                       energy_settings_path());
  return fmt::format(
      "{:g} W per busy core, about what Cloud Carbon Footprint's coefficients give an "
      "Intel server's hardware thread; see 'hob energy set --watts'",
      watts_per_core);
}

std::string EnergySettings::grid_text() const {
  return fmt::format("{:g} g CO2e per kWh: {} ({})", grid.grams_per_kwh, grid.name, grid.source);
}

Energy energy_of(const os::EnergyUse& use, double watts_per_core) {
  if (use.source == os::EnergySource::kRapl) return {use.joules, true};
  return {use.cpu_seconds * watts_per_core, false};
}

double grams_co2e(double joules, const Grid& grid) {
  return joules / kJoulesPerKwh * grid.grams_per_kwh;
}

std::string energy_json(const os::EnergyUse& use, double watts_per_core, bool shared) {
  const bool measured = use.source == os::EnergySource::kRapl;
  ordered_json out = {{"method", measured ? "rapl" : "cpu-time"},
                      {"cpu_seconds", use.cpu_seconds},
                      {"seconds", use.seconds}};
  if (!measured) out["watts_per_core"] = watts_per_core;
  if (shared) out["shared"] = true;
  return out.dump();
}

std::string joules_text(double joules) {
  constexpr std::pair<double, const char*> kUnits[] = {
      {1e-3, "mJ"}, {1, "J"}, {1e3, "kJ"}, {0.1 * kJoulesPerKwh, ""}};
  if (joules >= kUnits[3].first) return fmt::format("{:.2f} kWh", joules / kJoulesPerKwh);
  return scaled(joules, std::span(kUnits).first(3));
}

std::string grams_text(double grams) {
  constexpr std::pair<double, const char*> kUnits[] = {
      {1e-6, "ug"}, {1e-3, "mg"}, {1, "g"}, {1e3, "kg"}};
  return scaled(grams, kUnits);
}

}  // namespace hob::accounts
