#include "store/log_query.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hob::store {
namespace {

// What a person typed says more of what a turn is about than what the model said: BM25 weights of
// prompt and response, as in llm.
constexpr const char* kWeights = "10.0, 1.0";

class Conditions {
 public:
  explicit Conditions(LogQuery& query) : query_(query) {}

  void add(std::string condition) { conditions_.push_back(std::move(condition)); }
  // `condition` has one {}, the place of the parameter.
  void add(std::string_view condition, std::string value) {
    const std::string name = parameter(std::move(value));
    add(fmt::format(fmt::runtime(condition), name));
  }
  std::string parameter(std::string value) {
    query_.values.emplace_back(fmt::format(":p{}", query_.values.size()), std::move(value));
    return query_.values.back().first;
  }
  std::string where() const {
    return conditions_.empty() ? "" : fmt::format(" where {}", fmt::join(conditions_, " and "));
  }

 private:
  LogQuery& query_;
  std::vector<std::string> conditions_;
};

bool given(const Text& value) { return value && !value->empty(); }

// What both generations filter by, `t` being the table's name in the statement.
void add_common(Conditions& conditions, const LogFilter& filter) {
  if (given(filter.model))
    conditions.add("{0} in (t.model, t.resolved_model)", *filter.model);
  if (given(filter.id_after)) conditions.add("t.id > {}", *filter.id_after);
  if (given(filter.id_from)) conditions.add("t.id >= {}", *filter.id_from);
  if (given(filter.schema_id)) conditions.add("t.schema_id = {}", *filter.schema_id);
  // A prefix of a time stands before all times that begin with it, and with '~' behind them.
  if (given(filter.since)) conditions.add("replace(t.datetime_utc, ' ', 'T') >= {}", *filter.since);
  if (given(filter.until))
    conditions.add("replace(t.datetime_utc, ' ', 'T') < {}", *filter.until + "~");
  if (!filter.ids.empty()) {
    std::vector<std::string> names;
    for (const std::string& id : filter.ids) names.push_back(conditions.parameter(id));
    conditions.add(fmt::format("t.id in ({})", fmt::join(names, ", ")));
  }
}

// Nothing but a query narrows the turns down.
bool only_a_query(const LogFilter& filter) {
  return given(filter.query) && !given(filter.model) && !given(filter.conversation) &&
         filter.fragments.empty() && filter.tools.empty() && !filter.any_tool &&
         !given(filter.schema_id) && !given(filter.id_after) && !given(filter.id_from) &&
         !given(filter.since) && !given(filter.until) && filter.ids.empty();
}

std::string limit(const LogFilter& filter) {
  return filter.count ? fmt::format(" limit {}", *filter.count) : "";
}

// The matches of the query in the search table `fts`, with their ranks. Where nothing else narrows
// them down only the best are taken.
std::string hits(Conditions& conditions, const LogFilter& filter, std::string_view fts) {
  const bool best = !filter.latest && only_a_query(filter);
  const std::string rank =
      filter.latest ? "0.0" : fmt::format("bm25({}, {})", fts, kWeights);
  return fmt::format("(select rowid as place, {} as score from {} where {} match {}{}) as hit",
                     rank, fts, fts, conditions.parameter(*filter.query),
                     best ? " order by score" + limit(filter) : "");
}

// The newest of many matches, from the index of turns downwards: with that many, the next match is
// never far, while sorting them all would have to look each of them up.
std::string newest_hits(Conditions& conditions, const LogFilter& filter) {
  return fmt::format(
      "(select s.turn_id as id, 0.0 as score from turn_search s where +s.id in (select rowid from"
      " turn_search_fts where turn_search_fts match {}) order by s.turn_id desc{}) as hit"
      " cross join turns as t on t.id = hit.id",
      conditions.parameter(*filter.query), limit(filter));
}

std::string order(const LogFilter& filter) {
  return given(filter.query) && !filter.latest ? "hit.score" : "t.id desc";
}

// Tool results stand in the last message a turn was given, or one before when the person added a
// prompt to them.
std::string has_tool_result(std::string_view extra) {
  return fmt::format(
      "(exists (select 1 from parts r where r.message_hash = t.parent_message_hash"
      " and r.type = 'tool_result'{0})"
      " or exists (select 1 from messages m join parts r on r.message_hash = m.parent_hash"
      " where m.hash = t.parent_message_hash and m.role = 'user' and r.type = 'tool_result'{0}))",
      extra);
}

}  // namespace

void LogQuery::bind(SQLite::Statement& statement) const {
  for (const auto& [name, value] : values) statement.bind(name, value);
}

bool wants_newest_matches(const LogFilter& filter) {
  return only_a_query(filter) && filter.latest && filter.count;
}

LogQuery match_count_query(const LogFilter& filter) {
  LogQuery query;
  Conditions conditions(query);
  query.sql = fmt::format(
      "select count(*) from (select 1 from turn_search_fts where turn_search_fts match {}"
      " limit {})",
      conditions.parameter(*filter.query), kManyMatches);
  return query;
}

LogQuery turns_query(const LogFilter& filter, const LogFacts& facts) {
  LogQuery query;
  Conditions conditions(query);
  const bool search = given(filter.query);
  std::string from = "turns as t";
  if (search && facts.many_matches) {
    from = newest_hits(conditions, filter);
  } else if (search) {
    from = hits(conditions, filter, "turn_search_fts") +
           " cross join turn_search on turn_search.id = hit.place"
           " cross join turns as t on t.id = turn_search.turn_id";
  }
  add_common(conditions, filter);
  if (given(filter.conversation)) conditions.add("t.thread_id = {}", *filter.conversation);
  for (const std::string& hash : filter.fragments) {
    conditions.add(
        "exists (select 1 from turn_fragments u join fragments f on f.id = u.fragment_id"
        " where u.turn_id = t.id and f.hash = {})",
        hash);
  }
  if (filter.any_tool) conditions.add(has_tool_result(""));
  for (const std::string& name : filter.tools) {
    conditions.add(has_tool_result(" and r.tool_name = " + conditions.parameter(name)));
  }
  query.sql = fmt::format(
      "select t.id, t.model, t.resolved_model, t.options_json, t.thread_id, t.duration_ms,"
      " t.datetime_utc, t.input_tokens, t.output_tokens, t.token_details, threads.name, t.model,"
      " t.response_json, schemas.content, {}, t.parent_message_hash, t.tip_message_hash, {}"
      " from {} left join threads on threads.id = t.thread_id"
      " left join schemas on schemas.id = t.schema_id{}{} order by {}{}",
      search ? "hit.score" : "0.0",
      facts.has_records ? "records.state, records.error" : "null, null", from,
      facts.has_records ? " left join turn_records as records on records.turn_id = t.id" : "",
      conditions.where(), order(filter), limit(filter));
  return query;
}

LogQuery responses_query(const LogFilter& filter) {
  LogQuery query;
  Conditions conditions(query);
  const bool search = given(filter.query);
  const std::string from = search ? hits(conditions, filter, "responses_fts") +
                                        " cross join responses as t on t.rowid = hit.place"
                                  : "responses as t";
  // What is a turn as well is told as the turn.
  conditions.add("not exists (select 1 from turns where turns.id = t.id)");
  add_common(conditions, filter);
  if (given(filter.conversation)) conditions.add("t.conversation_id = {}", *filter.conversation);
  for (const std::string& hash : filter.fragments) {
    const std::string name = conditions.parameter(hash);
    conditions.add(fmt::format(
        "exists (select 1 from fragments f where f.hash = {} and (exists (select 1 from"
        " prompt_fragments u where u.response_id = t.id and u.fragment_id = f.id) or exists"
        " (select 1 from system_fragments u where u.response_id = t.id and u.fragment_id = f.id)))",
        name));
  }
  if (filter.any_tool)
    conditions.add("exists (select 1 from tool_results r where r.response_id = t.id)");
  for (const std::string& name : filter.tools) {
    conditions.add(
        "exists (select 1 from tool_results r join tools on tools.id = r.tool_id"
        " where r.response_id = t.id and tools.name = {})",
        name);
  }
  query.sql = fmt::format(
      "select t.id, t.model, t.resolved_model, t.options_json, t.conversation_id, t.duration_ms,"
      " t.datetime_utc, t.input_tokens, t.output_tokens, t.token_details, conversations.name,"
      " conversations.model, t.response_json, schemas.content, {}, t.prompt, t.system,"
      " t.prompt_json, t.response, t.reasoning"
      " from {} left join conversations on conversations.id = t.conversation_id"
      " left join schemas on schemas.id = t.schema_id{} order by {}{}",
      search ? "hit.score" : "0.0", from, conditions.where(), order(filter), limit(filter));
  return query;
}

LogQuery turn_conversations_query(const LogFilter& filter) {
  LogQuery query;
  Conditions conditions(query);
  add_common(conditions, filter);
  query.sql = fmt::format("select t.id, t.thread_id from turns as t{} order by t.id desc",
                          conditions.where());
  return query;
}

LogQuery response_conversations_query(const LogFilter& filter) {
  LogQuery query;
  Conditions conditions(query);
  add_common(conditions, filter);
  query.sql = fmt::format(
      "select t.id, t.conversation_id from responses as t{} order by t.id desc",
      conditions.where());
  return query;
}

}  // namespace hob::store
