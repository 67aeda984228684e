#include "accounts/spending.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "accounts/cost.h"
#include "accounts/day.h"
#include "store/bind.h"

namespace hob::accounts {
namespace {

using nlohmann::json;
using store::text_of;

constexpr int kTurnsForPace = 200;

// Turns, with hob's records where there are any; those of llm before version 0.32. What is a turn
// as well counts as the turn. The columns are those that read_turn() takes.
constexpr const char* kRecorded = R"sql(
select t.id, t.thread_id, h.name, t.model, coalesce(nullif(t.resolved_model, ''), t.model),
  t.datetime_utc, t.input_tokens, t.output_tokens, t.token_details, r.price_json, r.provider,
  r.model_file, r.energy_joules, r.energy_json,
  coalesce(r.prompt_seconds + r.reply_seconds, t.duration_ms / 1000.0)
from turns t left join threads h on h.id = t.thread_id left join turn_records r on r.turn_id = t.id
where (?1 = '' or replace(t.datetime_utc, ' ', 'T') >= ?1)
  and (?2 = '' or replace(t.datetime_utc, ' ', 'T') < ?2)
)sql";
constexpr const char* kUnrecorded = R"sql(
select t.id, t.thread_id, h.name, t.model, coalesce(nullif(t.resolved_model, ''), t.model),
  t.datetime_utc, t.input_tokens, t.output_tokens, t.token_details, null, null, null, null, null,
  t.duration_ms / 1000.0
from turns t left join threads h on h.id = t.thread_id
where (?1 = '' or replace(t.datetime_utc, ' ', 'T') >= ?1)
  and (?2 = '' or replace(t.datetime_utc, ' ', 'T') < ?2)
)sql";
constexpr const char* kOlder = R"sql(
select t.id, t.conversation_id, c.name, t.model, coalesce(nullif(t.resolved_model, ''), t.model),
  t.datetime_utc, t.input_tokens, t.output_tokens, t.token_details, null, null, null, null, null,
  t.duration_ms / 1000.0
from responses t left join conversations c on c.id = t.conversation_id
where not exists (select 1 from turns where turns.id = t.id)
  and (?1 = '' or replace(t.datetime_utc, ' ', 'T') >= ?1)
  and (?2 = '' or replace(t.datetime_utc, ' ', 'T') < ?2)
)sql";

std::string turns_query(SQLite::Database& sql) {
  return std::string(sql.tableExists("turn_records") ? kRecorded : kUnrecorded) + "union all" +
         kOlder;
}

struct Turn {
  std::string id, thread, thread_name, model, priced_as, time, details, price, provider, model_file;
  std::optional<uint64_t> input, output;
  std::optional<double> joules;
  std::string energy;
  double seconds = 0;
};

std::optional<uint64_t> count_of(const SQLite::Column& column) {
  const auto value = store::integer_of(column);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

Turn read_turn(SQLite::Statement& row) {
  Turn turn;
  turn.id = text_of(row.getColumn(0));
  turn.thread = text_of(row.getColumn(1));
  turn.thread_name = text_of(row.getColumn(2));
  turn.model = text_of(row.getColumn(3));
  turn.priced_as = text_of(row.getColumn(4));
  turn.time = text_of(row.getColumn(5));
  turn.input = count_of(row.getColumn(6));
  turn.output = count_of(row.getColumn(7));
  turn.details = text_of(row.getColumn(8));
  turn.price = text_of(row.getColumn(9));
  turn.provider = text_of(row.getColumn(10));
  turn.model_file = text_of(row.getColumn(11));
  turn.joules = store::real_of(row.getColumn(12));
  turn.energy = text_of(row.getColumn(13));
  turn.seconds = store::real_of(row.getColumn(14)).value_or(0);
  return turn;
}

// What a hosted model's usage says it read from its cache, in the spellings of OpenAI's two APIs.
uint64_t cached_tokens(const std::string& details) {
  if (details.empty()) return 0;
  const json document = json::parse(details, nullptr, false);
  if (!document.is_object()) return 0;
  for (const char* key : {"prompt_tokens_details", "input_tokens_details"}) {
    const auto part = document.find(key);
    if (part == document.end() || !part->is_object()) continue;
    const auto cached = part->find("cached_tokens");
    if (cached != part->end() && cached->is_number_unsigned()) return cached->get<uint64_t>();
  }
  return 0;
}

bool is_local(const Turn& turn) {
  return !turn.model_file.empty() || turn.provider == "local" || turn.provider == "echo" ||
         turn.priced_as == "echo";
}

// Prices are few and turns many.
class PriceCache {
 public:
  explicit PriceCache(const PriceTable& table) : table_(table) {}

  // The price stored with the turn, else the table's for its day.
  Result<FoundPrice> of(const Turn& turn, bool& from_table) {
    from_table = turn.price.empty();
    const std::string key = from_table
                                ? fmt::format("{}\n{}\n{}", turn.priced_as, day_of(turn.time),
                                              turn.input.value_or(0) > kShort ? *turn.input : 0)
                                : turn.price;
    const auto known = cache_.find(key);
    if (known != cache_.end()) return known->second;
    auto price = from_table ? table_.find(turn.priced_as, day_of(turn.time), turn.input.value_or(0))
                            : price_from_json(turn.price);
    return cache_.emplace(key, std::move(price)).first->second;
  }

 private:
  static constexpr uint64_t kShort = 10'000;  // no long-context price begins below
  const PriceTable& table_;
  std::unordered_map<std::string, Result<FoundPrice>> cache_;
};

struct Priced {
  enum { kPriced, kLocal, kUnknown, kUncounted } kind = kUnknown;
  Money cost;
  bool from_table = false;
};

Priced price_turn(const Turn& turn, PriceCache& prices) {
  Priced priced;
  if (is_local(turn)) {
    priced.kind = Priced::kLocal;
    return priced;
  }
  if (!turn.input && !turn.output) {
    priced.kind = Priced::kUncounted;
    return priced;
  }
  const auto price = prices.of(turn, priced.from_table);
  if (!price) return priced;
  const auto cost = cost_of(price->row, {.input = turn.input.value_or(0),
                                         .cached = cached_tokens(turn.details),
                                         .output = turn.output.value_or(0)});
  if (!cost) return priced;
  priced.kind = Priced::kPriced;
  priced.cost = cost->total;
  return priced;
}

void add(Spending& row, const Turn& turn, const Priced& priced) {
  ++row.turns;
  row.input_tokens += turn.input.value_or(0);
  row.output_tokens += turn.output.value_or(0);
  row.seconds += turn.seconds;
  switch (priced.kind) {
    case Priced::kPriced:
      ++row.priced;
      row.from_table += priced.from_table ? 1 : 0;
      row.cost += priced.cost;
      break;
    case Priced::kLocal:
      ++row.local;
      break;
    case Priced::kUncounted:
      ++row.uncounted;
      break;
    case Priced::kUnknown:
      ++row.unknown;
      break;
  }
  if (!turn.joules) return;
  ++row.with_energy;
  row.joules += *turn.joules;
  if (turn.energy.find("\"rapl\"") != std::string::npos) ++row.energy_measured;
}

std::multimap<std::string, std::string> read_tags(SQLite::Database& sql) {
  std::multimap<std::string, std::string> tags;
  if (!sql.tableExists("turn_tags")) return tags;
  SQLite::Statement rows(sql, "select turn_id, tag from turn_tags");
  while (rows.executeStep())
    tags.emplace(rows.getColumn(0).getString(), rows.getColumn(1).getString());
  return tags;
}

std::vector<std::string> keys_of(const Turn& turn, GroupBy by,
                                 const std::multimap<std::string, std::string>& tags) {
  switch (by) {
    case GroupBy::kModel:
      return {turn.model};
    case GroupBy::kDay:
      return {day_of(turn.time)};
    case GroupBy::kThread:
      return {turn.thread};
    case GroupBy::kTag:
      break;
  }
  std::vector<std::string> keys;
  const auto [begin, end] = tags.equal_range(turn.id);
  for (auto tag = begin; tag != end; ++tag) keys.push_back(tag->second);
  if (keys.empty()) keys.emplace_back();
  return keys;
}

void order(std::vector<Spending>& rows, GroupBy by) {
  if (by == GroupBy::kDay || by == GroupBy::kTag) return;  // the map's own order
  std::stable_sort(rows.begin(), rows.end(), [](const Spending& a, const Spending& b) {
    if (a.cost != b.cost) return a.cost > b.cost;
    return a.turns > b.turns;
  });
}

}  // namespace

Result<SpendingReport> spending(store::Database& ledger, const SpendingQuery& query,
                                const PriceTable& prices) {
  return ledger.read([&](SQLite::Database& sql) -> Result<SpendingReport> {
    SpendingReport report;
    std::multimap<std::string, std::string> tags;
    if (query.by == GroupBy::kTag) tags = read_tags(sql);
    PriceCache cache(prices);
    std::map<std::string, Spending> groups;
    std::set<std::string> unknown;
    SQLite::Statement rows(sql, turns_query(sql));
    rows.bind(1, query.since);
    rows.bind(2, query.until.empty() ? "" : query.until + '~');  // behind all that begin with it
    while (rows.executeStep()) {
      const Turn turn = read_turn(rows);
      const Priced priced = price_turn(turn, cache);
      if (priced.kind == Priced::kUnknown) unknown.insert(turn.priced_as);
      add(report.total, turn, priced);
      for (const std::string& key : keys_of(turn, query.by, tags)) {
        Spending& group = groups[key];
        group.key = key;
        if (query.by == GroupBy::kThread) group.name = turn.thread_name;
        add(group, turn, priced);
      }
    }
    for (auto& [key, group] : groups) report.rows.push_back(std::move(group));
    order(report.rows, query.by);
    report.unknown_models.assign(unknown.begin(), unknown.end());
    return report;
  });
}

Result<std::optional<Pace>> pace_of(store::Database& ledger, const std::string& model_file,
                                    const std::string& model) {
  return ledger.read([&](SQLite::Database& sql) -> Result<std::optional<Pace>> {
    if (!sql.tableExists("turn_records")) return std::nullopt;
    SQLite::Statement rows(sql, R"sql(
select t.input_tokens - coalesce(r.cached_tokens, 0), t.output_tokens, r.prompt_seconds,
  r.reply_seconds, r.energy_joules, r.energy_json
from turns t join turn_records r on r.turn_id = t.id
where r.prompt_seconds > 0 and r.reply_seconds > 0 and t.output_tokens > 0
  and (r.model_file = ? or (r.model_file is not null and t.model = ?))
  and coalesce(r.energy_json, '') not like '%"shared":true%'  -- their seconds count several times
order by t.id desc limit ?)sql");
    rows.bind(1, model_file);
    rows.bind(2, model);
    rows.bind(3, kTurnsForPace);
    Pace pace;
    double input = 0, output = 0, prompt_seconds = 0, reply_seconds = 0, joules = 0;
    double energy_seconds = 0;
    pace.watts_measured = true;
    while (rows.executeStep()) {
      ++pace.turns;
      input += std::max(0.0, rows.getColumn(0).getDouble());
      output += rows.getColumn(1).getDouble();
      prompt_seconds += rows.getColumn(2).getDouble();
      reply_seconds += rows.getColumn(3).getDouble();
      if (rows.getColumn(4).isNull()) continue;
      joules += rows.getColumn(4).getDouble();
      energy_seconds += rows.getColumn(2).getDouble() + rows.getColumn(3).getDouble();
      if (text_of(rows.getColumn(5)).find("\"rapl\"") == std::string::npos)
        pace.watts_measured = false;
    }
    if (pace.turns == 0 || prompt_seconds <= 0 || reply_seconds <= 0) return std::nullopt;
    pace.prompt_tokens_per_second = input / prompt_seconds;
    pace.reply_tokens_per_second = output / reply_seconds;
    if (energy_seconds > 0) pace.watts = joules / energy_seconds;
    return pace;
  });
}

}  // namespace hob::accounts
