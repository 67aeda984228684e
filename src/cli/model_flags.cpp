#include "cli/model_flags.h"

#include <charconv>
#include <span>

#include "cli/repeatable.h"
#include "models/registry.h"

namespace hob::cli {
namespace {

std::vector<std::string> kv_names() {
  std::vector<std::string> names;
  for (const engine::NamedKvFormat& one : engine::kKvFormats) names.emplace_back(one.name);
  return names;
}

std::optional<uint64_t> parse_whole(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string scaled(uint64_t number, std::span<const char* const> units) {
  constexpr double kNextUnit = 999.95;  // what one decimal would print as 1000.0
  double value = static_cast<double>(number);
  size_t unit = 0;
  while (value >= kNextUnit && unit + 1 < units.size()) value /= 1000, ++unit;
  return unit == 0 ? fmt::format("{}{}", number, units[0])
                   : fmt::format("{:.1f}{}", value, units[unit]);
}

}  // namespace

CLI::Validator whole_number(uint64_t low, uint64_t high) {
  const auto check = [low, high](std::string& text) -> std::string {
    const auto value = parse_whole(text);
    if (!value || *value < low || *value > high) {
      return fmt::format("'{}' is not a whole number from {} to {}", text, low, high);
    }
    text = fmt::format("{}", *value);
    return {};
  };
  return CLI::Validator(check, "");
}

void ModelFlag::declare(CLI::App& app) {
  app.add_option("-m,--model", model,
                 "Model: a name 'hob models' lists, a part of one, or a GGUF file (default: "
                 "$HOB_MODEL, else SmolLM2)")
      ->option_text("NAME|PATH");
}

void EngineFlags::declare(CLI::App& app) {
  ModelFlag::declare(app);
  app.add_option("--threads", threads, "Threads to compute with (default: every usable core)")
      ->option_text("N")
      ->transform(whole_number(0, 1024));
  app.add_option(
         "--context", context,
         "Tokens that prompt and reply may take together (default: the model's, at most 8192)")
      ->option_text("N")
      ->transform(whole_number(0, kMostTokens));
  app.add_option(
         "--kv", kv,
         "Precision of the attention cache: f32, f16, bf16 or q8_0 (default: f16; with native "
         "numerics bf16)")
      ->option_text("TYPE")
      ->check(CLI::IsMember(kv_names()));
  app.add_option("--numerics", numerics,
                 "Definitions to compute by: portable (the same bits on every machine) or native "
                 "(this kind of machine's own, faster at prompts) (default: portable)")
      ->option_text("SET")
      ->check(CLI::IsMember({"portable", "native"}));
}

engine::EngineOptions EngineFlags::options() const {
  engine::EngineOptions options{.threads = threads, .context = context};
  options.kv = engine::kv_format(kv_name()).value_or(options.kv);
  if (numerics == "native") options.numerics = kernels::Numerics::kNative;
  return options;
}

std::string EngineFlags::kv_name() const {
  if (!kv.empty()) return kv;
  return numerics == "native" ? "bf16" : "f16";
}

Result<std::unique_ptr<chat::LocalModel>> EngineFlags::load() const {
  HOB_TRY(const std::string file, path());
  return chat::LocalModel::load(file, options());
}

void ReplyFlags::declare(CLI::App& app) {
  app.add_option("-s,--system", system, "System prompt")->option_text("TEXT");
  add_repeatable(app, "-o,--option", options,
                 "An option of the sampler, such as: -o temperature 0; repeatable ('hob --options' "
                 "lists them)")
      ->option_text("KEY VALUE");
  app.add_option("--tokens", tokens, "Longest reply, in tokens")
      ->option_text("N")
      ->transform(whole_number(0, kMostTokens));
  app.add_option(
         "--seed", seed,
         "Seed of the random draws; the same seed gives the same reply (default: a fresh one)")
      ->option_text("N")
      ->transform(whole_number(0, UINT64_MAX));
  add_repeatable(app, "--stop", stop, "End the reply before this text; repeatable")
      ->option_text("TEXT");
}

chat::OptionTexts ReplyFlags::option_texts() const {
  chat::OptionTexts out = options;
  if (tokens) out.emplace_back("max_tokens", fmt::format("{}", *tokens));
  if (seed) out.emplace_back("seed", fmt::format("{}", *seed));
  for (const std::string& text : stop) {
    if (!text.empty()) out.emplace_back("stop", text);
  }
  return out;
}

std::string bytes_text(uint64_t bytes) {
  constexpr const char* kUnits[] = {" bytes", " KB", " MB", " GB", " TB"};
  return scaled(bytes, kUnits);
}

std::string count_text(uint64_t count) {
  constexpr const char* kUnits[] = {"", " K", " M", " B", " T"};
  return scaled(count, kUnits);
}

std::string grouped(uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string seconds_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.2f} s", seconds);
  const auto whole = static_cast<uint64_t>(seconds);
  return fmt::format("{} min {} s", whole / 60, whole % 60);
}

}  // namespace hob::cli
