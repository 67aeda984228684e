// JSON-Schema-Test-Suite (draft 2020-12) against the automaton: of every schema that is not refused
// each valid instance must be accepted, token by token, and each invalid one refused. The figures
// of docs/constraints.md come from here.
//
// A value can be written in several ways: with or without spaces, 1 or 1.0, members in any order. A
// reply needs only one of them, so valid means that some spelling is accepted (members come in the
// schema's order), and invalid that none is. What hob never writes though it is valid is counted by
// itself, file by file: leap seconds outside UTC, control characters that only \\uXXXX can spell,
// and what a `format` does not allow (the draft would only annotate it).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/constraint.h"

namespace hob::engine {
namespace {

using Json = nlohmann::ordered_json;

// Tokens of one and two bytes, so that tokens and the schema's pieces end in different places.
class Vocabulary {
 public:
  Vocabulary() {
    for (int c = 0; c < 256; ++c) words_.emplace_back(1, static_cast<char>(c));
    for (const char* pair :
         {"{\"", "\":", "\",", "\"}", ": ", ", ", "fo", "oo", "ba", "ar", "12",
          "1.",  ".0",  "[1",  "[]",  "{}", "tr", "ue", "nu", "ll", "e+", "\\u"}) {
      words_.emplace_back(pair);
    }
    end_ = static_cast<Token>(words_.size());
    words_.emplace_back();
    const std::vector<std::string_view> views(words_.begin(), words_.end());
    auto made = TokenTable::create(views, std::vector{end_}, [this](auto t) { return cut(t); });
    if (!made) throw std::runtime_error(made.error().message);
    table_ = *made;
  }

  std::vector<Token> cut(std::string_view text) const {
    std::vector<Token> tokens;
    while (!text.empty()) {
      const auto pair = std::find(words_.begin() + 256, words_.end() - 1, text.substr(0, 2));
      const bool found = pair != words_.end() - 1;
      tokens.push_back(found ? static_cast<Token>(pair - words_.begin())
                             : static_cast<uint8_t>(text[0]));
      text.remove_prefix(found ? 2 : 1);
    }
    return tokens;
  }

  // Whether `text` is a whole reply: cut into tokens by `width` bytes at most, every token allowed
  // where forced text leaves a choice.
  bool accepts(std::string_view schema, std::string_view text) const {
    auto constraint = Constraint::compile(table_, ConstraintKind::kJsonSchema, schema);
    if (!constraint) return false;
    while (!text.empty()) {
      if (constraint->must_end()) return false;
      const auto mask = constraint->mask();
      if (!mask) return false;
      const Token token = next(**mask, text);
      if (token < 0 || !constraint->accept(token)) return false;
      text.remove_prefix(words_[static_cast<size_t>(token)].size());
    }
    if (!constraint->may_end()) return false;
    const auto mask = constraint->mask();
    return mask && (*mask)->allows(end_);
  }

  Result<Constraint> compile(std::string_view schema) const {
    return Constraint::compile(table_, ConstraintKind::kJsonSchema, schema);
  }

 private:
  // The longest allowed token that the text goes on with, or -1.
  Token next(const TokenMask& mask, std::string_view text) const {
    Token best = -1;
    for (Token t = 0; t < end_; ++t) {
      const std::string& word = words_[static_cast<size_t>(t)];
      const bool longer = best < 0 || word.size() > words_[static_cast<size_t>(best)].size();
      if (longer && text.starts_with(word) && mask.allows(t)) best = t;
    }
    return best;
  }

  std::vector<std::string> words_;
  Token end_ = 0;
  std::shared_ptr<const TokenTable> table_;
};

constexpr size_t kMostSpellings = 200;  // of one value

// Every way to write `value` with these separators, up to kMostSpellings.
std::vector<std::string> spellings(const Json& value, const std::string& comma,
                                   const std::string& colon) {
  std::vector<std::string> out;
  const auto combine = [&](const std::vector<std::vector<std::string>>& parts, char open,
                           char close) {
    std::vector<std::string> whole = {std::string(1, open)};
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<std::string> longer;
      for (const auto& begun : whole) {
        for (const auto& part : parts[i]) {
          if (longer.size() < kMostSpellings) longer.push_back(begun + (i > 0 ? comma : "") + part);
        }
      }
      whole = std::move(longer);
    }
    for (const auto& text : whole) out.push_back(text + close);
  };
  if (value.is_object()) {
    std::vector<std::vector<std::string>> members;
    for (const auto& [key, member] : value.items()) {
      auto texts = spellings(member, comma, colon);
      for (auto& text : texts) text.insert(0, Json(key).dump() + colon);
      members.push_back(std::move(texts));
    }
    std::vector<size_t> order(members.size());
    std::iota(order.begin(), order.end(), size_t{0});
    do {
      std::vector<std::vector<std::string>> parts;
      for (const size_t i : order) parts.push_back(members[i]);
      combine(parts, '{', '}');
    } while (out.size() < kMostSpellings && std::next_permutation(order.begin(), order.end()));
  } else if (value.is_array()) {
    std::vector<std::vector<std::string>> items;
    for (const Json& item : value) items.push_back(spellings(item, comma, colon));
    combine(items, '[', ']');
  } else {
    out.push_back(value.dump());
    const double number = value.is_number() ? value.get<double>() : 0.5;
    if (value.is_number_float()) {
      out.push_back(fmt::format("{:f}", number));
      if (number == std::floor(number)) out.push_back(fmt::format("{:.0f}", number));
    } else if (value.is_number()) {
      out.push_back(value.dump() + ".0");
    }
  }
  return out;
}

bool accepts(const Vocabulary& vocabulary, const std::string& schema, const Json& value) {
  for (const auto& [comma, colon] : {std::pair{",", ":"}, {", ", ": "}}) {
    for (const std::string& text : spellings(value, comma, colon)) {
      if (vocabulary.accepts(schema, text)) return true;
    }
  }
  return false;
}

struct Score {
  int schemas = 0, refused = 0, accepted = 0, rejected = 0, unwritten = 0;
  void operator+=(const Score& other) {
    schemas += other.schemas;
    refused += other.refused;
    accepted += other.accepted;
    rejected += other.rejected;
    unwritten += other.unwritten;
  }
};

// Valid values that are never written, by file of the suite.
const std::map<std::string, int> kUnwritten = {{"format", 9},
                                               {"optional/ecmascript-regex", 2},
                                               {"optional/format/date-time", 1},
                                               {"optional/format/time", 4}};

std::string row(std::string_view name, const Score& s) {
  return fmt::format("| {} | {} | {} | {} | {} | {} |", name, s.schemas, s.refused, s.accepted,
                     s.rejected, s.unwritten);
}

Score run_group(const Vocabulary& vocabulary, const Json& group) {
  const auto file = group["file"].get<std::string>();
  const std::string schema = group["schema"].dump();
  Score score{.schemas = 1};
  if (!vocabulary.compile(schema)) {
    score.refused = 1;
    return score;
  }
  for (const Json& test : group["tests"]) {
    const bool valid = test[2], accepted = accepts(vocabulary, schema, test[1]);
    if (valid && !accepted && kUnwritten.contains(file)) {
      ++score.unwritten;
      continue;
    }
    EXPECT_EQ(accepted, valid) << file << ": " << group["group"] << ": " << test[0] << "\n  schema "
                               << schema << "\n  value " << test[1].dump();
    ++(valid ? score.accepted : score.rejected);
  }
  return score;
}

TEST(ConstraintSuite, NothingIsWrong) {
  const Vocabulary vocabulary;
  std::ifstream in(HOB_SOURCE_DIR "/tests/data/json_schema_suite.json");
  const Json suite = Json::parse(in);
  std::map<std::string, Score> files;
  for (const Json& group : suite["groups"]) {
    files[group["file"].get<std::string>()] += run_group(vocabulary, group);
  }
  std::string table;
  Score required, optional;
  for (const auto& [file, score] : files) {
    (file.starts_with("optional/") ? optional : required) += score;
    table += row(file, score) + "\n";
    const auto unwritten = kUnwritten.find(file);
    EXPECT_EQ(score.unwritten, unwritten == kUnwritten.end() ? 0 : unwritten->second) << file;
  }
  // The figures of the page are these.
  std::ifstream page_file(HOB_SOURCE_DIR "/docs/constraints.md");
  const std::string page(std::istreambuf_iterator<char>(page_file), {});
  for (const auto& total : {row("required", required), row("optional", optional)}) {
    EXPECT_NE(page.find(total), page.npos) << total << "\n" << table;
  }
}

}  // namespace
}  // namespace hob::engine
