#include "store/log_reader.h"

#include <fmt/ranges.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "os/file.h"
#include "store/bind.h"
#include "store/condensed_json.h"
#include "store/json_text.h"
#include "store/log_chain.h"
#include "store/log_import.h"
#include "store/log_query.h"
#include "store/log_schema.h"

namespace hob::store {
namespace {

using nlohmann::ordered_json;

Text text_field(const ordered_json& object, const char* name) {
  const auto field = object.find(name);
  if (field == object.end() || field->is_null()) return std::nullopt;
  if (field->is_string()) return field->get<std::string>();
  return json_text(*field);
}

bool flag_field(const ordered_json& object, const char* name) {
  const auto field = object.find(name);
  return field != object.end() && field->is_boolean() && field->get<bool>();
}

std::string text_of_parts(const std::vector<const ChainMessage*>& messages, std::string_view type,
                          std::string_view role = {}) {
  std::string out;
  for (const ChainMessage* message : messages) {
    if (!role.empty() && message->role != role) continue;
    for (const ChainPart& part : message->parts) {
      if (part.type == type) out += part.text;
    }
  }
  return out;
}

Text unless_empty(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

// What both generations have in the same columns.
LoggedTurn common_columns(SQLite::Statement& row) {
  LoggedTurn turn;
  turn.id = row.getColumn(kId).getString();
  turn.model = row.getColumn(kModel).getString();
  turn.resolved_model = column_text(row.getColumn(kResolvedModel));
  turn.options_json = column_text(row.getColumn(kOptions));
  turn.conversation_id = column_text(row.getColumn(kConversation));
  turn.duration_ms = integer_of(row.getColumn(kDuration));
  turn.datetime_utc = row.getColumn(kDatetime).getString();
  turn.input_tokens = integer_of(row.getColumn(kInputTokens));
  turn.output_tokens = integer_of(row.getColumn(kOutputTokens));
  turn.token_details = column_text(row.getColumn(kTokenDetails));
  turn.conversation_name = column_text(row.getColumn(kConversationName));
  turn.conversation_model = column_text(row.getColumn(kConversationModel));
  turn.schema_json = column_text(row.getColumn(kSchema));
  turn.rank = row.getColumn(kRank).getDouble();
  return turn;
}

// Everything of one turn that is not in its own row.
class TurnBuilder {
 public:
  explicit TurnBuilder(SQLite::Database& sql)
      : chain_(sql),
        attachments_(sql,
                     "select id, type, path, url, length(content) from attachments where id = ?"),
        tools_(sql,
               "select tools.id, tools.hash, tools.name, tools.description, tools.input_schema,"
               " i.name, i.plugin, i.arguments from turn_tools used"
               " join tools on tools.id = used.tool_id"
               " left join tool_instances i on i.id = used.instance_id"
               " where used.turn_id = ? order by tools.id"),
        instances_(sql,
                   "select used.tool_call_id, i.name, i.plugin, i.arguments"
                   " from tool_instantiations used join tool_instances i on i.id = used.instance_id"
                   " where used.turn_id = ?"),
        fragments_(sql,
                   "select used.kind, f.hash, f.content, f.id from turn_fragments used"
                   " join fragments f on f.id = used.fragment_id"
                   " where used.turn_id = ? order by used.\"order\""),
        aliases_(sql, "select alias from fragment_aliases where fragment_id = ?") {}

  LoggedTurn build(SQLite::Statement& row) {
    LoggedTurn turn = common_columns(row);
    const std::string parent = row.getColumn(kParent).getString();
    const std::string tip = row.getColumn(kTip).getString();
    const auto inputs = chain_.own_input(parent);
    const auto outputs = chain_.between(tip, parent);
    const ChainMessage* root = chain_.root(parent);

    if (!turn.options_json || turn.options_json->empty()) turn.options_json = "{}";
    turn.prompt = text_of_parts(inputs, "text", "user");
    if (root && root->role == "system") turn.system = unless_empty(text_of_parts({root}, "text"));
    turn.response = text_of_parts(outputs, "text");
    turn.reasoning = unless_empty(text_of_parts(outputs, "reasoning"));
    if (!row.getColumn(kState).isNull()) turn.state = row.getColumn(kState).getString();
    turn.error = column_text(row.getColumn(kError));

    read_tools(turn);
    read_fragments(turn);
    read_uses(turn, inputs, outputs);
    const ordered_json condensed = column_json(row.getColumn(kResponseJson));
    if (!condensed.is_null()) turn.response_json = raw_reply(condensed, turn, outputs);
    return turn;
  }

  std::vector<std::string> aliases_of(int64_t fragment_id) {
    std::vector<std::string> aliases;
    aliases_.reset();
    aliases_.bind(1, fragment_id);
    while (aliases_.executeStep()) aliases.push_back(aliases_.getColumn(0).getString());
    return aliases;
  }

 private:
  std::optional<LoggedAttachment> attachment(const std::string& id) {
    attachments_.reset();
    attachments_.bind(1, id);
    if (!attachments_.executeStep()) return std::nullopt;
    LoggedAttachment found;
    found.id = id;
    found.type = column_text(attachments_.getColumn(1));
    found.path = column_text(attachments_.getColumn(2));
    found.url = column_text(attachments_.getColumn(3));
    found.content_length = attachments_.getColumn(4).getInt64();
    found.has_content = found.content_length > 0;
    return found;
  }

  void read_tools(LoggedTurn& turn) {
    tools_.reset();
    tools_.bind(1, turn.id);
    while (tools_.executeStep()) {
      LoggedTool tool;
      tool.id = tools_.getColumn(0).getInt64();
      tool.hash = column_text(tools_.getColumn(1));
      tool.name = column_text(tools_.getColumn(2));
      tool.description = column_text(tools_.getColumn(3));
      tool.input_schema = column_json(tools_.getColumn(4));
      if (tool.input_schema.is_null()) tool.input_schema = ordered_json::object();
      if (!tools_.getColumn(5).getString().empty()) {
        tool.instance =
            LoggedInstance{column_text(tools_.getColumn(5)), column_text(tools_.getColumn(6)),
                           column_text(tools_.getColumn(7))};
      }
      turn.tools.push_back(std::move(tool));
    }
  }

  void read_fragments(LoggedTurn& turn) {
    fragments_.reset();
    fragments_.bind(1, turn.id);
    while (fragments_.executeStep()) {
      const bool system = fragments_.getColumn(0).getString() == "system";
      LoggedFragment fragment{fragments_.getColumn(1).getString(),
                              fragments_.getColumn(2).getString(),
                              aliases_of(fragments_.getColumn(3).getInt64())};
      (system ? turn.system_fragments : turn.prompt_fragments).push_back(std::move(fragment));
    }
  }

  // Attachments, tool calls and their results. Results among the inputs came from tools that ran
  // here, those among the outputs from tools of the provider.
  void read_uses(LoggedTurn& turn, const std::vector<const ChainMessage*>& inputs,
                 const std::vector<const ChainMessage*>& outputs) {
    std::map<std::string, int64_t> tool_ids;
    for (const LoggedTool& tool : turn.tools) tool_ids[tool.name.value_or("")] = tool.id;
    const auto tool_id = [&](const std::string& name) -> Count {
      const auto found = tool_ids.find(name);
      return found == tool_ids.end() ? Count() : Count(found->second);
    };
    std::map<std::string, LoggedInstance> instances;
    const auto add_result = [&](const ChainPart& part, bool server) {
      LoggedResult result;
      result.id = part.id;
      result.name = text_field(part.fields, "name").value_or("");
      result.tool_id = tool_id(result.name);
      result.output = text_field(part.fields, "output").value_or("");
      result.tool_call_id = text_field(part.fields, "tool_call_id");
      result.exception = text_field(part.fields, "exception");
      result.server_executed = server;
      if (instances.empty()) instances = instances_of(turn.id);
      if (const auto found = instances.find(result.tool_call_id.value_or(""));
          found != instances.end() && result.tool_call_id) {
        result.instance = found->second;
      }
      for (const std::string& id : part.attachment_ids) {
        if (auto found = attachment(id)) result.attachments.push_back(std::move(*found));
      }
      turn.tool_results.push_back(std::move(result));
    };
    for (const ChainMessage* message : inputs) {
      for (const ChainPart& part : message->parts) {
        if (part.type == "tool_result") add_result(part, false);
        if (part.type != "attachment") continue;
        for (const std::string& id : part.attachment_ids) {
          if (auto found = attachment(id)) turn.attachments.push_back(std::move(*found));
        }
      }
    }
    for (const ChainMessage* message : outputs) {
      for (const ChainPart& part : message->parts) {
        if (part.type == "tool_result") add_result(part, true);
        if (part.type != "tool_call") continue;
        LoggedCall call;
        call.id = part.id;
        call.name = text_field(part.fields, "name").value_or("");
        call.tool_id = tool_id(call.name);
        if (const auto given = part.fields.find("arguments"); given != part.fields.end())
          call.arguments = *given;
        call.tool_call_id = text_field(part.fields, "tool_call_id");
        call.server_executed = flag_field(part.fields, "server_executed");
        turn.tool_calls.push_back(std::move(call));
      }
    }
  }

  std::map<std::string, LoggedInstance> instances_of(const std::string& turn_id) {
    std::map<std::string, LoggedInstance> found;
    instances_.reset();
    instances_.bind(1, turn_id);
    while (instances_.executeStep()) {
      found[instances_.getColumn(0).getString()] = {column_text(instances_.getColumn(1)),
                                                    column_text(instances_.getColumn(2)),
                                                    column_text(instances_.getColumn(3))};
    }
    return found;
  }

  // The provider's reply with what the messages hold put back in; nothing when that fails.
  static Text raw_reply(const ordered_json& condensed, const LoggedTurn& turn,
                        const std::vector<const ChainMessage*>& outputs) {
    Replacements known;
    for (size_t m = 0; m < outputs.size(); ++m) {
      for (size_t p = 0; p < outputs[m]->parts.size(); ++p) {
        const ChainPart& part = outputs[m]->parts[p];
        const std::string base = fmt::format("{}.{}", m, p);
        if (part.type == "text" || part.type == "reasoning") known[base + ".text"] = part.text;
        if (part.fields.contains("output")) known[base + ".output"] = part.fields["output"];
        if (part.fields.contains("arguments")) {
          const ordered_json& arguments = part.fields["arguments"];
          known[base + ".args"] = compact_json(arguments);
          known[base + ".args2"] = json_text(arguments);
          known[base + ".argsv"] = arguments;
        }
        if (part.fields.contains("provider_metadata"))
          add_replacements(known, base + ".pm", part.fields["provider_metadata"]);
      }
      add_replacements(known, fmt::format("{}.pm", m), outputs[m]->provider_metadata);
    }
    for (const LoggedTool& tool : turn.tools) {
      if (tool.description)
        known[fmt::format("tool.{}.description", tool.name.value_or(""))] = *tool.description;
    }
    if (turn.schema_json) {
      if (auto schema = parse_shallow_json(*turn.schema_json)) known["schema"] = *schema;
    }
    const auto whole = resolve_condensed(condensed, known);
    if (!whole) return std::nullopt;
    return json_text(*whole);
  }

  LogChain chain_;
  SQLite::Statement attachments_, tools_, instances_, fragments_, aliases_;
};

// A row of `responses`, with what the tables around it say.
class ResponseBuilder {
 public:
  ResponseBuilder(SQLite::Database& sql, TurnBuilder& shared)
      : shared_(shared),
        attachments_(sql,
                     "select a.id, a.type, a.path, a.url, length(a.content) from attachments a"
                     " join prompt_attachments used on used.attachment_id = a.id"
                     " where used.response_id = ? order by used.\"order\""),
        prompt_fragments_(sql, fragments_sql("prompt_fragments")),
        system_fragments_(sql, fragments_sql("system_fragments")),
        tools_(sql,
               "select t.id, t.hash, t.name, t.description, t.input_schema from tools t"
               " join tool_responses used on used.tool_id = t.id where used.response_id = ?"
               " order by t.id"),
        calls_(sql,
               "select id, tool_id, name, arguments, tool_call_id from tool_calls"
               " where response_id = ? order by id"),
        results_(sql,
                 "select r.id, r.tool_id, r.name, r.output, r.tool_call_id, r.exception, i.id,"
                 " i.name, i.plugin, i.arguments from tool_results r"
                 " left join tool_instances i on i.id = r.instance_id"
                 " where r.response_id = ? order by r.id"),
        result_attachments_(sql,
                            "select a.id, a.type, a.path, a.url, length(a.content)"
                            " from attachments a join tool_results_attachments used"
                            " on used.attachment_id = a.id where used.tool_result_id = ?"
                            " order by used.\"order\"") {}

  LoggedTurn build(SQLite::Statement& row) {
    LoggedTurn turn = common_columns(row);
    turn.legacy = true;
    turn.prompt = column_text(row.getColumn(kPrompt));
    turn.system = column_text(row.getColumn(kSystem));
    turn.prompt_json = column_text(row.getColumn(kPromptJson));
    turn.response = column_text(row.getColumn(kResponse));
    turn.reasoning = column_text(row.getColumn(kReasoning));
    turn.response_json = column_text(row.getColumn(kResponseJson));
    each(attachments_, turn.id, [&] { turn.attachments.push_back(attachment(attachments_)); });
    read_fragments(prompt_fragments_, turn.id, turn.prompt_fragments);
    read_fragments(system_fragments_, turn.id, turn.system_fragments);
    read_tools(turn);
    return turn;
  }

 private:
  static std::string fragments_sql(std::string_view table) {
    return fmt::format(
        "select f.id, f.hash, f.content from {} used join fragments f on f.id = used.fragment_id"
        " where used.response_id = ? order by used.\"order\"",
        table);
  }

  template <class Key, class Work>
  static void each(SQLite::Statement& statement, const Key& key, Work&& work) {
    statement.reset();
    statement.bind(1, key);
    while (statement.executeStep()) work();
  }

  static LoggedAttachment attachment(SQLite::Statement& row) {
    LoggedAttachment found;
    found.id = row.getColumn(0).getString();
    found.type = column_text(row.getColumn(1));
    found.path = column_text(row.getColumn(2));
    found.url = column_text(row.getColumn(3));
    found.has_content = !row.getColumn(4).isNull();
    found.content_length = row.getColumn(4).getInt64();
    return found;
  }

  void read_fragments(SQLite::Statement& statement, const std::string& id,
                      std::vector<LoggedFragment>& out) {
    each(statement, id, [&] {
      out.push_back({statement.getColumn(1).getString(), statement.getColumn(2).getString(),
                     shared_.aliases_of(statement.getColumn(0).getInt64())});
    });
  }

  void read_tools(LoggedTurn& turn) {
    each(tools_, turn.id, [&] {
      LoggedTool tool;
      tool.id = tools_.getColumn(0).getInt64();
      tool.hash = column_text(tools_.getColumn(1));
      tool.name = column_text(tools_.getColumn(2));
      tool.description = column_text(tools_.getColumn(3));
      tool.input_schema = column_json(tools_.getColumn(4));
      turn.tools.push_back(std::move(tool));
    });
    each(calls_, turn.id, [&] {
      LoggedCall call;
      call.id = integer_of(calls_.getColumn(0));
      call.tool_id = integer_of(calls_.getColumn(1));
      call.name = calls_.getColumn(2).getString();
      call.arguments = column_json(calls_.getColumn(3));
      call.tool_call_id = column_text(calls_.getColumn(4));
      turn.tool_calls.push_back(std::move(call));
    });
    each(results_, turn.id, [&] {
      LoggedResult result;
      result.id = integer_of(results_.getColumn(0));
      result.tool_id = integer_of(results_.getColumn(1));
      result.name = results_.getColumn(2).getString();
      result.output = results_.getColumn(3).getString();
      result.tool_call_id = column_text(results_.getColumn(4));
      result.exception = column_text(results_.getColumn(5));
      if (!results_.getColumn(6).isNull()) {
        result.instance =
            LoggedInstance{column_text(results_.getColumn(7)), column_text(results_.getColumn(8)),
                           column_text(results_.getColumn(9))};
      }
      turn.tool_results.push_back(std::move(result));
    });
    for (LoggedResult& result : turn.tool_results) {
      each(result_attachments_, result.id.value_or(0),
           [&] { result.attachments.push_back(attachment(result_attachments_)); });
    }
  }

  TurnBuilder& shared_;
  SQLite::Statement attachments_, prompt_fragments_, system_fragments_, tools_, calls_, results_,
      result_attachments_;
};

Result<std::vector<LoggedTurn>> collect(Database& ledger, SQLite::Database& sql,
                                        const LogFilter& filter) {
  LogFacts facts;
  HOB_TRY(facts.has_records, ledger.has_table("turn_records"));
  if (wants_newest_matches(filter)) {
    const LogQuery query = match_count_query(filter);
    SQLite::Statement statement(sql, query.sql);
    query.bind(statement);
    facts.many_matches =
        statement.executeStep() && statement.getColumn(0).getInt64() == kManyMatches;
  }
  TurnBuilder turns(sql);
  ResponseBuilder responses(sql, turns);
  std::vector<LoggedTurn> rows;
  {
    const LogQuery query = turns_query(filter, facts);
    SQLite::Statement statement(sql, query.sql);
    query.bind(statement);
    while (statement.executeStep()) rows.push_back(turns.build(statement));
  }
  const LogQuery query = responses_query(filter);
  SQLite::Statement statement(sql, query.sql);
  query.bind(statement);
  while (statement.executeStep()) rows.push_back(responses.build(statement));

  const bool by_rank = filter.query && !filter.query->empty() && !filter.latest;
  std::stable_sort(rows.begin(), rows.end(), [&](const LoggedTurn& a, const LoggedTurn& b) {
    return by_rank ? a.rank < b.rank : a.id > b.id;
  });
  if (filter.count && rows.size() > *filter.count) rows.resize(*filter.count);
  return rows;
}

}  // namespace

Result<Database> open_ledger(const std::string& path) {
  HOB_TRY(auto found, Database::open(path, Access::kRead, log_migrations()));
  HOB_TRY(const LogLayout layout, log_layout(found));
  switch (layout) {
    case LogLayout::kCurrent:
      return found;
    case LogLayout::kOlder: {
      HOB_TRY(auto copy, Database::memory(log_migrations()));
      HOB_TRY_VOID(import_log(copy, path));
      return copy;
    }
    case LogLayout::kNone:
      break;
  }
  return fail(ErrorKind::kInvalid,
              "{}: not a log database: it has neither turns nor responses nor logs", path);
}

Result<std::vector<LoggedTurn>> read_turns(Database& ledger, const LogFilter& filter) {
  using Rows = Result<std::vector<LoggedTurn>>;
  return ledger.read([&](SQLite::Database& sql) -> Rows {
    try {
      return collect(ledger, sql, filter);
    } catch (const SQLite::Exception& error) {
      if (!filter.query || error.getErrorCode() != SQLITE_ERROR) throw;
      return fail(ErrorKind::kInvalid,
                  "Invalid search query: {} - see the FTS5 query syntax documentation at "
                  "https://sqlite.org/fts5.html#full_text_query_syntax",
                  error.what());
    }
  });
}

Result<Text> newest_conversation(Database& ledger) {
  return ledger.read([](SQLite::Database& sql) -> Result<Text> {
    std::string newest;
    Text conversation;
    for (const char* query :
         {"select id, thread_id from turns order by id desc limit 1",
          "select id, conversation_id from responses order by id desc limit 1"}) {
      SQLite::Statement row(sql, query);
      if (!row.executeStep() || row.getColumn(0).getString() <= newest) continue;
      newest = row.getColumn(0).getString();
      conversation = row.getColumn(1).getString();
    }
    return conversation;
  });
}

namespace {

// Conversations by their newest row, newest first, as many as the filter wants.
void add_conversations(SQLite::Database& sql, const LogQuery& query,
                       const std::optional<size_t>& count,
                       std::vector<std::pair<std::string, std::string>>& newest) {
  std::unordered_set<std::string> seen;
  SQLite::Statement rows(sql, query.sql);
  query.bind(rows);
  while (rows.executeStep() && (!count || seen.size() < *count)) {
    const std::string conversation = rows.getColumn(1).getString();
    if (!conversation.empty() && seen.insert(conversation).second)
      newest.emplace_back(rows.getColumn(0).getString(), conversation);
  }
}

LoggedConversation conversation_of(SQLite::Database& sql, const std::string& id,
                                   const std::string& newest_turn) {
  LoggedConversation found;
  found.id = id;
  SQLite::Statement counted(
      sql,
      "select count(*), min(datetime_utc), max(datetime_utc) from ("
      "select datetime_utc from turns where thread_id = :id union all"
      " select datetime_utc from responses where conversation_id = :id"
      " and not exists (select 1 from turns where turns.id = responses.id))");
  counted.bind(":id", id);
  if (counted.executeStep()) {
    found.turns = counted.getColumn(0).getInt64();
    found.first_utc = counted.getColumn(1).getString();
    found.last_utc = counted.getColumn(2).getString();
  }
  SQLite::Statement named(
      sql,
      "select coalesce((select name from threads where id = :id),"
      " (select name from conversations where id = :id)),"
      " coalesce((select model from turns where id = :turn),"
      " (select model from responses where id = :turn))");
  named.bind(":id", id);
  named.bind(":turn", newest_turn);
  if (named.executeStep()) {
    found.name = column_text(named.getColumn(0));
    found.model = column_text(named.getColumn(1));
  }
  return found;
}

}  // namespace

Result<std::vector<LoggedConversation>> read_conversations(Database& ledger,
                                                           const LogFilter& filter) {
  using Rows = Result<std::vector<LoggedConversation>>;
  return ledger.read([&](SQLite::Database& sql) -> Rows {
    std::vector<std::pair<std::string, std::string>> newest;
    add_conversations(sql, turn_conversations_query(filter), filter.count, newest);
    add_conversations(sql, response_conversations_query(filter), filter.count, newest);
    std::sort(newest.rbegin(), newest.rend());
    std::vector<LoggedConversation> found;
    std::unordered_set<std::string> seen;
    for (const auto& [turn, conversation] : newest) {
      if (filter.count && found.size() == *filter.count) break;
      if (seen.insert(conversation).second)
        found.push_back(conversation_of(sql, conversation, turn));
    }
    return found;
  });
}

Result<Text> attachment_content(Database& ledger, const std::string& id) {
  return ledger.read([&](SQLite::Database& sql) -> Result<Text> {
    SQLite::Statement row(sql, "select content from attachments where id = ?");
    row.bind(1, id);
    if (!row.executeStep()) return Text();
    return column_text(row.getColumn(0));
  });
}

Result<std::vector<StoredSchema>> read_schemas(Database& ledger,
                                               const std::vector<std::string>& words) {
  using Rows = Result<std::vector<StoredSchema>>;
  return ledger.read([&](SQLite::Database& sql) -> Rows {
    std::string where;
    for (size_t i = 0; i < words.size(); ++i) where += " and s.content like ?";
    SQLite::Statement rows(
        sql,
        "select s.id, s.content, max(used.datetime_utc) as recent, count(*) from schemas s"
        " join (select schema_id, datetime_utc from turns where schema_id is not null union all"
        " select schema_id, datetime_utc from responses where schema_id is not null"
        " and not exists (select 1 from turns where turns.id = responses.id)) used"
        " on used.schema_id = s.id where 1" +
            where + " group by s.id order by recent");
    for (size_t i = 0; i < words.size(); ++i)
      rows.bind(static_cast<int>(i) + 1, "%" + words[i] + "%");
    std::vector<StoredSchema> found;
    while (rows.executeStep()) {
      found.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getString(),
                       rows.getColumn(2).getString(), rows.getColumn(3).getInt64()});
    }
    return found;
  });
}

Result<Text> schema_content(Database& ledger, const std::string& id) {
  return ledger.read([&](SQLite::Database& sql) -> Result<Text> {
    SQLite::Statement row(sql, "select content from schemas where id = ?");
    row.bind(1, id);
    return row.executeStep() ? column_text(row.getColumn(0)) : Text();
  });
}

}  // namespace hob::store
