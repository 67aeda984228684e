// The sampler's options by name: one table gives the names, the help, the ranges and the parsing.
#include <charconv>
#include <limits>
#include <type_traits>
#include <variant>

#include "base/spelling.h"
#include "engine/sampler.h"
#include "engine/speculation.h"

namespace hob::engine {
namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();

using Member = std::variant<double SamplerOptions::*, int SamplerOptions::*,
                            uint64_t SamplerOptions::*, std::map<Token, double> SamplerOptions::*>;

struct Row {
  SamplerOptionInfo info;
  Member member;
  double low = 0, high = kAny;  // what a number may be
};

using O = SamplerOptions;
constexpr double kLargeInt = std::numeric_limits<int>::max();
const Row kRows[] = {
    {{"logit_bias", "", "added to logits: ID=BIAS,ID=BIAS; -inf: never"}, &O::logit_bias},
    {{"repetition_penalty", "repeat_penalty", "divides the score of recent tokens; 1: off"},
     &O::repetition_penalty,
     0.01,
     100},
    {{"frequency_penalty", "", "taken off per recent occurrence; 0: off"},
     &O::frequency_penalty,
     -100,
     100},
    {{"presence_penalty", "", "taken off each recent token; 0: off"},
     &O::presence_penalty,
     -100,
     100},
    {{"penalty_last_n", "repeat_last_n", "tokens that count as recent; -1: all"},
     &O::penalty_last_n,
     -1,
     kLargeInt},
    {{"dry_multiplier", "", "strength of DRY, against continued repeats; 0: off"},
     &O::dry_multiplier,
     0,
     1000},
    {{"dry_base", "", "growth of DRY's penalty per repeated token"}, &O::dry_base, 1, 100},
    {{"dry_allowed_length", "", "longest repeat that DRY leaves alone, plus one"},
     &O::dry_allowed_length,
     1,
     kLargeInt},
    {{"dry_last_n", "dry_penalty_last_n", "tokens that DRY looks back on; -1: all"},
     &O::dry_last_n,
     -1,
     kLargeInt},
    {{"top_k", "", "keep the k likeliest tokens; 0: off"}, &O::top_k, 0, kLargeInt},
    {{"typical_p", "typical", "keep the most typical tokens of this total probability; 1: off"},
     &O::typical_p,
     0,
     1},
    {{"top_p", "", "keep the likeliest tokens of this total probability; 1: off"}, &O::top_p, 0, 1},
    {{"min_p", "", "keep tokens at least this likely relative to the likeliest; 0: off"},
     &O::min_p,
     0,
     1},
    {{"xtc_probability", "", "chance of excluding top choices; 0: off"}, &O::xtc_probability, 0, 1},
    {{"xtc_threshold", "", "a top choice is at least this likely"}, &O::xtc_threshold, 0, 1},
    {{"temperature", "temp", "below 1: safer, above: more varied; 0: always the likeliest token"},
     &O::temperature,
     0,
     1000},
    {{"mirostat", "", "2: steer the surprise per token instead of top-k to XTC; 0: off"},
     &O::mirostat,
     0,
     2},
    {{"mirostat_tau", "", "surprise that mirostat aims at, in bits"}, &O::mirostat_tau, 0, 100},
    {{"mirostat_eta", "", "how fast mirostat adapts"}, &O::mirostat_eta, 0, 10},
    {{"seed", "", "same seed, same reply"}, &O::seed},
    {{"draft", "",
      "tokens guessed ahead from what was said before: faster where it repeats (2 to "
      "4), the reply stays the same; 0: off"},
     &O::draft,
     0,
     kMostDrafts},
};

std::string range_text(const Row& row) {
  if (row.info.name == "mirostat") return "0 or 2";
  if (row.high == kAny || row.high == kLargeInt) return fmt::format("{} or more", row.low);
  return fmt::format("{} to {}", row.low, row.high);
}

// Empty when `value` is allowed.
std::string complaint(const Row& row, double value) {
  const bool allowed =
      value >= row.low && value <= row.high && !(row.info.name == "mirostat" && value == 1);
  return allowed
             ? ""
             : fmt::format("option {} is {}, must be {}", row.info.name, value, range_text(row));
}

std::string bias_complaint(Token token, double bias, size_t vocabulary) {
  if (token < 0 || static_cast<size_t>(token) >= vocabulary) {
    return vocabulary == SIZE_MAX
               ? fmt::format("option logit_bias: token id {} is negative", token)
               : fmt::format("option logit_bias: token id {} is not in the vocabulary of {}", token,
                             vocabulary);
  }
  if (!(bias < kAny))
    return fmt::format("option logit_bias: bias {} of token {} must be below infinity", bias,
                       token);
  return "";
}

template <class T>
Result<T> parse_number(std::string_view name, std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    constexpr const char* kKind = std::is_same_v<T, double> ? "a number" : "a whole number";
    return fail(ErrorKind::kInvalid, "option {}: '{}' is not {} in range", name, text, kKind);
  }
  return value;
}

Result<std::map<Token, double>> parse_biases(std::string_view name, std::string_view text) {
  std::map<Token, double> biases;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const size_t equals = entry.find('=');
    if (equals == std::string_view::npos) {
      return fail(ErrorKind::kInvalid, "option {}: '{}' is not ID=BIAS", name, entry);
    }
    HOB_TRY(const Token token, parse_number<Token>(name, entry.substr(0, equals)));
    HOB_TRY(const double bias, parse_number<double>(name, entry.substr(equals + 1)));
    if (auto text_of = bias_complaint(token, bias, SIZE_MAX); !text_of.empty()) {
      return fail(ErrorKind::kInvalid, "{}", text_of);
    }
    biases[token] = bias;
  }
  return biases;
}

template <class T>
Result<T> parse(const Row& row, std::string_view text) {
  if constexpr (std::is_same_v<T, std::map<Token, double>>) {
    return parse_biases(row.info.name, text);
  } else {
    HOB_TRY(const T value, parse_number<T>(row.info.name, text));
    if (auto problem = complaint(row, static_cast<double>(value)); !problem.empty()) {
      return fail(ErrorKind::kInvalid, "{}", problem);
    }
    return value;
  }
}

Result<const Row*> find_row(std::string_view name) {
  std::string wanted(name);
  for (char& c : wanted) c = c == '-' ? '_' : c;
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (wanted == row.info.name || wanted == row.info.alias) return &row;
    names.emplace_back(row.info.name);
  }
  const std::string close = nearest(wanted, names);
  if (close.empty()) return fail(ErrorKind::kInvalid, "unknown option '{}'", name);
  return fail(ErrorKind::kInvalid, "unknown option '{}', did you mean '{}'?", name, close);
}

}  // namespace

std::vector<std::string> SamplerOptions::complaints(size_t vocabulary) const {
  std::vector<std::string> all;
  const auto add = [&all](std::string text) {
    if (!text.empty()) all.push_back(std::move(text));
  };
  for (const Row& row : kRows) {
    std::visit(
        [&](auto member) {
          if constexpr (std::is_arithmetic_v<std::decay_t<decltype(this->*member)>>) {
            add(complaint(row, static_cast<double>(this->*member)));
          } else {
            for (const auto& [token, bias] : this->*member)
              add(bias_complaint(token, bias, vocabulary));
          }
        },
        row.member);
  }
  return all;
}

std::vector<std::pair<std::string, std::string>> option_values(const SamplerOptions& options) {
  std::vector<std::pair<std::string, std::string>> values;
  const auto text = [](const auto& value) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>) {
      return fmt::format("{}", value);
    } else {
      std::string biases;
      for (const auto& [token, bias] : value)
        biases += fmt::format("{}{}={}", biases.empty() ? "" : ",", token, bias);
      return biases;
    }
  };
  for (const Row& row : kRows) {
    const auto value = [&](auto member) { return text(options.*member); };
    values.emplace_back(row.info.name, std::visit(value, row.member));
  }
  return values;
}

std::vector<SamplerOptionInfo> sampler_option_table() {
  std::vector<SamplerOptionInfo> table;
  for (const Row& row : kRows) {
    table.push_back(row.info);
    table.back().type = std::visit(
        [](auto member) -> std::string_view {
          using T = std::decay_t<decltype(std::declval<SamplerOptions>().*member)>;
          if constexpr (!std::is_arithmetic_v<T>) return "str";
          return std::is_floating_point_v<T> ? "float" : "int";
        },
        row.member);
  }
  return table;
}

Result<> set_option(SamplerOptions& options, std::string_view name, std::string_view value) {
  HOB_TRY(const Row* row, find_row(name));
  return std::visit(
      [&](auto member) -> Result<> {
        using T = std::decay_t<decltype(options.*member)>;
        HOB_TRY(options.*member, parse<T>(*row, value));
        return {};
      },
      row->member);
}

}  // namespace hob::engine
