#include "accounts/price_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "accounts/day.h"
#include "accounts/price_data.h"

namespace hob::accounts {
namespace {

using ::testing::HasSubstr;

FoundPrice found(std::string_view model, std::string_view day, uint64_t input = 0) {
  static const PriceTable table = PriceTable::built_in();
  auto price = table.find(model, day, input);
  EXPECT_TRUE(price.has_value()) << model << ' ' << day << ": " << price.error().message;
  return price.value_or(FoundPrice());
}

std::string problem(std::string_view model, std::string_view day) {
  const auto price = PriceTable::built_in().find(model, day);
  EXPECT_FALSE(price.has_value()) << model;
  return price ? "" : price.error().message;
}

std::string in(const FoundPrice& price) { return price_text(price.row.rates.input.value()); }
std::string out(const FoundPrice& price) { return price_text(price.row.rates.output.value()); }

TEST(PriceTable, HoldsTwoHundredModelsOfTheVendorsPeopleUse) {
  const PriceTable table = PriceTable::built_in();
  EXPECT_GE(table.ids().size(), 200u);
  std::set<std::string> vendors;
  for (const PriceRow& row : table.rows()) vendors.insert(row.vendor);
  for (const char* vendor : {"OpenAI", "Anthropic", "Google", "Mistral", "DeepSeek", "xAI",
                             "Amazon", "Groq", "Qwen", "Moonshot", "MiniMax", "Cohere"})
    EXPECT_TRUE(vendors.contains(vendor)) << vendor;
}

TEST(PriceTable, EveryRowSaysWhereAndWhenItsFigureWasPublished) {
  const PriceTable table = PriceTable::built_in();
  for (const PriceRow& row : table.rows()) {
    EXPECT_THAT(row.source, HasSubstr("https://")) << row.id;
    EXPECT_TRUE(is_day(row.as_of)) << row.id;
    EXPECT_FALSE(row.name.empty()) << row.id;
    EXPECT_LE(row.as_of, "2026-11-24") << row.id;
  }
}

TEST(PriceTable, NoDayHasTwoPricesAndNoPriceIsOddlyPlaced) {
  const PriceTable table = PriceTable::built_in();
  std::map<std::pair<std::string, uint64_t>, std::vector<PriceRow>> of;
  for (const PriceRow& row : table.rows()) of[{row.id, row.above}].push_back(row);
  for (const auto& [key, rows] : of) {
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t j = i + 1; j < rows.size(); ++j) {
        const bool apart = (!rows[i].to.empty() && rows[i].to <= rows[j].from) ||
                           (!rows[j].to.empty() && rows[j].to <= rows[i].from);
        EXPECT_TRUE(apart) << key.first;
      }
    }
    for (const PriceRow& row : rows) {
      const Rates& rates = row.rates;
      if (rates.output) {
        EXPECT_GE(*rates.output, *rates.input) << row.id;
      }
      if (rates.cached) {
        EXPECT_LT(*rates.cached, *rates.input) << row.id;
      }
      if (rates.batch_input) {
        EXPECT_LT(*rates.batch_input, *rates.input) << row.id;
      }
      if (rates.batch_output) {
        EXPECT_LT(*rates.batch_output, *rates.output) << row.id;
      }
    }
    if (key.second > 0) {
      EXPECT_TRUE(of.contains({key.first, 0})) << key.first << " has no base";
    }
  }
}

TEST(PriceTable, EveryOtherNameLeadsToARow) {
  const PriceTable table = PriceTable::built_in();
  const auto ids = table.ids();
  std::string_view text = kPriceNamesText;
  size_t names = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t space = line.find(' ');
    if (line.starts_with('#') || space == line.npos) continue;
    const std::string id(line.substr(line.find_first_not_of(' ', space)));
    EXPECT_TRUE(std::binary_search(ids.begin(), ids.end(), id)) << line;
    EXPECT_FALSE(std::binary_search(ids.begin(), ids.end(), std::string(line.substr(0, space))))
        << line << " is an id itself";
    ++names;
  }
  EXPECT_GE(names, 80u);
}

TEST(PriceTable, PricesOfThatTime) {
  const auto flash = found("gemini-1.5-flash-8b", "2024-12-17");
  EXPECT_EQ(in(flash), "0.0375");
  EXPECT_EQ(out(flash), "0.15");
  EXPECT_EQ(in(found("gpt-4o", "2024-10-01")), "5");
  EXPECT_EQ(in(found("gpt-4o", "2024-10-02")), "2.5");
  EXPECT_EQ(in(found("o3", "2025-06-09")), "10");
  EXPECT_EQ(in(found("o3", "2025-06-10")), "2");
  EXPECT_EQ(out(found("deepseek-chat", "2025-02-07")), "0.28");
  EXPECT_EQ(out(found("deepseek-chat", "2025-02-08")), "1.1");
}

TEST(PriceTable, LongRequestsHaveTheirOwnPrice) {
  EXPECT_EQ(in(found("gemini-2.5-pro", "2025-07-01", 200'000)), "1.25");
  EXPECT_EQ(in(found("gemini-2.5-pro", "2025-07-01", 200'001)), "2.5");
  EXPECT_EQ(in(found("qwen3-coder-plus", "2025-08-01", 300'000)), "6");
  EXPECT_EQ(in(found("qwen3-coder-plus", "2025-08-01", 100'000)), "1.8");
}

TEST(PriceTable, NamesOfApisAndPlugins) {
  EXPECT_EQ(found("gpt-4o", "2025-01-01").match, Match::kId);
  for (const auto& [name, id] : std::map<std::string, std::string>{
           {"claude-3-5-sonnet-20241022", "claude-3.5-sonnet"},
           {"claude-3-5-sonnet-latest", "claude-3.5-sonnet"},
           {"anthropic/claude-3-5-haiku-latest", "claude-3.5-haiku"},
           {"anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-3.5-sonnet"},
           {"gpt-4o-mini-2024-07-18", "gpt-4o-mini"},
           {"openai/gpt-4o-mini", "gpt-4o-mini"},
           {"gpt-4-0613", "gpt-4"},
           {"gpt-4-32k-0314", "gpt-4-32k"},
           {"gemini-1.5-flash-8b-001", "gemini-1.5-flash-8b"},
           {"gemini/gemini-1.5-flash-8b-latest", "gemini-1.5-flash-8b"},
           {"models/gemini-2.0-flash-001", "gemini-2.0-flash"},
           {"gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"},
           {"mistral/mistral-large", "mistral-large-latest"},
           {"us.amazon.nova-lite-v1:0", "amazon-nova-lite"},
           {"groq/openai/gpt-oss-120b", "groq/gpt-oss-120b"},
           {"GPT-4o", "gpt-4o"},
           {"claude-haiku-4-5-20251001", "claude-4.5-haiku"},
       }) {
    const auto price = found(name, "2025-12-01");
    EXPECT_EQ(price.row.id, id) << name;
    EXPECT_NE(price.match, Match::kId) << name;
  }
}

TEST(PriceTable, SaysWhenItTookTheFamily) {
  const auto exact = found("gpt-4o-2024-05-13", "2025-01-01");
  EXPECT_EQ(exact.match, Match::kId);
  EXPECT_EQ(in(exact), "5");
  EXPECT_EQ(exact.caveat, "");
  const auto family = found("gpt-4o-2024-11-20", "2025-01-01");
  EXPECT_EQ(family.match, Match::kFamily);
  EXPECT_EQ(family.caveat, "family of gpt-4o-2024-11-20");
}

TEST(PriceTable, WhatIsUnknownIsAnErrorAndNotZero) {
  EXPECT_THAT(problem("smollm2-135m-instruct-q4_1", "2025-01-01"), HasSubstr("no price is known"));
  EXPECT_THAT(problem("gpt-4o-minni", "2025-01-01"), HasSubstr("there is one for gpt-4o-mini"));
  EXPECT_THAT(problem("gpt-4o", "2023-01-01"), HasSubstr("only from 2024-05-13 on"));
  for (const char* name : {"", "-", "openai/", "gpt-4-", "-0613", "gpt", "openrouter/openai/gpt-4o",
                           "llama3.1:8b", "gpt-4-06", ":0", "@"})
    problem(name, "2025-01-01");
}

TEST(PriceTable, ABrokenTableIsAnErrorWithItsLine) {
  const std::string head = "[V | P | https://x]\n";
  const auto parse = [&](const std::string& text) {
    const auto rows = parse_price_rows(text, "t");
    return rows ? std::string("ok") : rows.error().message;
  };
  EXPECT_EQ(parse(head + "a | A | 1 | 2 | - | - | - | - | - | - | 2024-01-01\n# b\n\n"), "ok");
  EXPECT_THAT(parse("a | A | 1 | 2 | - | - | - | - | - | - | 2024-01-01"), HasSubstr("t:1"));
  for (const char* row : {"a | A | 1", "a | A | x | 2 | - | - | - | - | - | - | 2024-01-01",
                          "a | A | - | 2 | - | - | - | - | - | - | 2024-01-01",
                          " | A | 1 | 2 | - | - | - | - | - | - | 2024-01-01",
                          "a | A | 1 | 2 | - | - | - | 9z | - | - | 2024-01-01",
                          "a | A | 1 | 2 | - | - | - | - | 2024-02-01 | 2024-01-01 | 2024-01-01",
                          "a | A | 1 | 2 | - | - | - | - | soon | - | 2024-01-01"})
    EXPECT_THAT(parse(head + row), HasSubstr("t:2")) << row;
}

}  // namespace
}  // namespace hob::accounts
