#include "store/log_schema.h"

#include "store/clock.h"
#include "store/log_import_oldest.h"

namespace hob::store {
namespace {

// llm's tables up to version 0.31; it still reads them, and so does hob.
constexpr const char* kResponseTables = R"sql(
create table if not exists conversations (id text primary key, name text, model text);
create table if not exists attachments (
  id text primary key, type text, path text, url text, content blob);
create table if not exists schemas (id text primary key, content text);
create table if not exists responses (
  id text primary key, model text, prompt text, system text, prompt_json text, options_json text,
  response text, response_json text, conversation_id text references conversations(id),
  duration_ms integer, datetime_utc text, input_tokens integer, output_tokens integer,
  token_details text, schema_id text references schemas(id), resolved_model text, reasoning text);
create table if not exists prompt_attachments (
  response_id text references responses(id), attachment_id text references attachments(id),
  "order" integer, primary key (response_id, attachment_id));
create table if not exists fragments (
  id integer primary key, hash text, content text, datetime_utc text, source text);
create unique index if not exists idx_fragments_hash on fragments(hash);
create table if not exists fragment_aliases (
  alias text primary key, fragment_id integer references fragments(id));
create table if not exists prompt_fragments (
  response_id text references responses(id), fragment_id integer references fragments(id),
  "order" integer, primary key (response_id, fragment_id, "order"));
create table if not exists system_fragments (
  response_id text references responses(id), fragment_id integer references fragments(id),
  "order" integer, primary key (response_id, fragment_id, "order"));
create table if not exists tools (
  id integer primary key, hash text, name text, description text, input_schema text, plugin text);
create unique index if not exists idx_tools_hash on tools(hash);
create table if not exists tool_responses (
  tool_id integer references tools(id), response_id text references responses(id),
  primary key (tool_id, response_id));
create table if not exists tool_calls (
  id integer primary key, response_id text references responses(id),
  tool_id integer references tools(id), name text, arguments text, tool_call_id text);
create table if not exists tool_instances (
  id integer primary key, plugin text, name text, arguments text);
create table if not exists tool_results (
  id integer primary key, response_id text references responses(id),
  tool_id integer references tools(id), name text, output text, tool_call_id text,
  instance_id integer references tool_instances(id), exception text);
create table if not exists tool_results_attachments (
  tool_result_id integer references tool_results(id),
  attachment_id text references attachments(id), "order" integer,
  primary key (tool_result_id, attachment_id));
)sql";

// llm's tables since 0.32: a tree of messages by content, threads that point into it, turns.
constexpr const char* kMessageTables = R"sql(
create table if not exists messages (
  hash text primary key, parent_hash text references messages(hash), role text,
  provider_metadata text);
create index if not exists idx_messages_parent_hash on messages(parent_hash);
create table if not exists parts (
  id integer primary key, message_hash text references messages(hash), position integer, type text,
  tool_name text, text text, payload text);
create unique index if not exists idx_parts_message_hash_position on parts(message_hash, position);
create table if not exists part_attachments (
  part_id integer references parts(id), attachment_id text references attachments(id),
  "order" integer, primary key (part_id, attachment_id, "order"));
create table if not exists part_fragments (
  part_id integer references parts(id), fragment_id integer references fragments(id),
  "order" integer, primary key (part_id, fragment_id, "order"));
create index if not exists idx_part_fragments_fragment_id on part_fragments(fragment_id);
create table if not exists threads (
  id text primary key, name text, tip_message_hash text references messages(hash),
  forked_from text references threads(id), datetime_utc text);
create table if not exists turns (
  id text primary key, thread_id text references threads(id),
  parent_message_hash text references messages(hash),
  tip_message_hash text references messages(hash), model text, resolved_model text,
  options_json text, schema_id text references schemas(id), input_tokens integer,
  output_tokens integer, token_details text, duration_ms integer, datetime_utc text,
  response_json text);
create index if not exists idx_turns_thread_id on turns(thread_id);
create table if not exists turn_tools (
  turn_id text references turns(id), tool_id integer references tools(id),
  instance_id integer references tool_instances(id), primary key (turn_id, tool_id));
create table if not exists turn_fragments (
  turn_id text references turns(id), fragment_id integer references fragments(id),
  "order" integer, kind text, primary key (turn_id, fragment_id, kind, "order"));
create index if not exists idx_turn_fragments_fragment_id on turn_fragments(fragment_id);
create table if not exists turn_search (
  id integer primary key, turn_id text references turns(id), prompt text, response text);
create unique index if not exists idx_turn_search_turn_id on turn_search(turn_id);
create table if not exists tool_instantiations (
  turn_id text references turns(id), tool_call_id text,
  instance_id integer references tool_instances(id), primary key (turn_id, tool_call_id));
)sql";

// The outline of all messages, four columns of indentation per step down.
constexpr const char* kMessageTree = R"sql(
create view if not exists message_tree as
with recursive node(root_hash, hash, depth, path) as (
  select hash, hash, 0, printf('%012d', rowid) from messages where parent_hash is null
  union all
  select node.root_hash, child.hash, node.depth + 1,
    node.path || '/' || printf('%012d', child.rowid)
  from node join messages child on child.parent_hash = node.hash
), used(hash, datetime) as (
  select tip_message_hash, datetime_utc from turns where tip_message_hash is not null
  union
  select message.parent_hash, used.datetime
  from used join messages message on message.hash = used.hash
  where message.parent_hash is not null
)
select node.root_hash,
  (select strftime('%Y-%m-%d %H:%M:%S', min(used.datetime)) from used where used.hash = node.hash)
    as datetime,
  printf('%*s', 4 * node.depth, '') || substr(replace(coalesce(
    nullif(part.text, ''),
    (select fragment.content
     from part_fragments borrowed join fragments fragment on fragment.id = borrowed.fragment_id
     where borrowed.part_id = part.id order by borrowed."order" limit 1),
    '[' || coalesce(part.type, 'empty') || ']'), char(10), ' '), 1, 60) as message,
  coalesce((select group_concat(result.tool_name, ', ') from parts result
    where result.message_hash = node.hash and result.type = 'tool_result'), '') as tools,
  node.hash as message_hash, node.path
from node left join parts part on part.message_hash = node.hash and part.position = 0
order by node.path;
)sql";

// What hob knows of a turn beyond llm's columns.
constexpr const char* kTurnRecords = R"sql(
create table renderings (
  hash text primary key, base_hash text references renderings(hash), tail text);
create table turn_records (
  turn_id text primary key references turns(id),
  state text not null check (state in ('running', 'done', 'stopped', 'failed')),
  source text, error text, finish text,
  provider text, model_file text, model_hash text, template_hash text,
  rendering_hash text references renderings(hash), raw integer, prompt_tokens_hash text,
  output_ids text, sampler text, seed text, max_tokens integer, stop text, constraint_json text,
  context integer, kv text, numerics text, threads integer, isa text, build text, pid integer,
  cached_tokens integer, prompt_seconds real, reply_seconds real,
  cost_usd real, price_json text, energy_joules real, energy_json text);
create index idx_turn_records_unfinished on turn_records(state) where state <> 'done';
create table turn_tags (
  turn_id text references turns(id), tag text, primary key (turn_id, tag)) without rowid;
create index idx_turn_tags_tag on turn_tags(tag);
create index if not exists idx_turns_datetime_utc on turns(datetime_utc);
create table model_files (
  path text primary key, size integer, modified_ns integer, hash text);
)sql";

// Commands that `hob cmd` suggested and a person ran.
constexpr const char* kTurnCommands = R"sql(
create table turn_commands (
  id integer primary key, turn_id text references turns(id), suggested text, command text,
  exit_status integer, datetime_utc text);
create index idx_turn_commands_turn_id on turn_commands(turn_id);
)sql";

constexpr const char* kLlmMigrations[] = {
    "m001_initial",
    "m002_id_primary_key",
    "m003_chat_id_foreign_key",
    "m004_column_order",
    "m004_drop_provider",
    "m005_debug",
    "m006_new_logs_table",
    "m007_finish_logs_table",
    "m008_fix_column_order_in_logs",
    "m008_reply_to_id_foreign_key",
    "m009_delete_logs_table_if_empty",
    "m010_create_new_log_tables",
    "m011_fts_for_responses",
    "m012_attachments_tables",
    "m013_usage",
    "m014_schemas",
    "m015_fragments_tables",
    "m016_fragments_table_pks",
    "m017_tools_plugin",
    "m017_tools_tables",
    "m018_tool_instances",
    "m019_resolved_model",
    "m020_tool_results_attachments",
    "m021_tool_results_exception",
    "m022_response_reasoning",
    "m023_message_store",
    "m024_tool_instance_references",
    "m025_turn_tools_instance_backfill",
    "m026_message_tree_view",
    "m027_turns_response_json",
};

// Full text search over a table's prompt and response, kept by triggers.
void create_search(SQLite::Database& sql, std::string_view table) {
  const auto statement = [&](std::string_view text) {
    std::string out;
    for (const char c : text) c == '@' ? out.append(table) : out.append(1, c);
    sql.exec(out);
  };
  if (sql.tableExists(fmt::format("{}_fts", table))) return;
  statement("create virtual table @_fts using fts5(prompt, response, content='@')");
  statement("insert into @_fts(@_fts) values ('rebuild')");
  constexpr std::string_view kAdd =
      "insert into @_fts(rowid, prompt, response) values (new.rowid, new.prompt, new.response);";
  constexpr std::string_view kRemove =
      "insert into @_fts(@_fts, rowid, prompt, response)"
      " values ('delete', old.rowid, old.prompt, old.response);";
  statement(fmt::format("create trigger @_ai after insert on @ begin {} end", kAdd));
  statement(fmt::format("create trigger @_ad after delete on @ begin {} end", kRemove));
  statement(fmt::format("create trigger @_au after update on @ begin {} {} end", kRemove, kAdd));
}

void add_missing_column(SQLite::Database& sql, const std::string& table, const std::string& column,
                        const std::string& type) {
  SQLite::Statement found(sql, "select 1 from pragma_table_info(?) where name = ?");
  found.bind(1, table);
  found.bind(2, column);
  if (found.executeStep()) return;
  sql.exec(fmt::format("alter table {} add column {} {}", table, column, type));
}

void create_llm_tables(SQLite::Database& sql) {
  // With these tables beside them nobody would look for the rows that are there.
  if (!sql.tableExists("responses") && !sql.tableExists("turns") &&
      !oldest_table(sql, "main").empty()) {
    throw SQLite::Exception(
        "a log of llm before 0.4, only to be read: 'hob logs import' takes it over");
  }
  sql.exec(kResponseTables);
  // A file of an older llm has the table without what came later.
  for (const auto& [column, type] : {std::pair{"input_tokens", "integer"},
                                     {"output_tokens", "integer"},
                                     {"token_details", "text"},
                                     {"schema_id", "text references schemas(id)"},
                                     {"resolved_model", "text"},
                                     {"reasoning", "text"}}) {
    add_missing_column(sql, "responses", column, type);
  }
  add_missing_column(sql, "tools", "plugin", "text");
  add_missing_column(sql, "tool_results", "instance_id", "integer references tool_instances(id)");
  add_missing_column(sql, "tool_results", "exception", "text");
  sql.exec(kMessageTables);
  add_missing_column(sql, "turns", "response_json", "text");
  add_missing_column(sql, "turn_tools", "instance_id", "integer references tool_instances(id)");
  add_missing_column(sql, "tool_instantiations", "instance_id",
                     "integer references tool_instances(id)");
  create_search(sql, "responses");
  create_search(sql, "turn_search");
  sql.exec(kMessageTree);
  // llm itself finds nothing left to do in such a file.
  sql.exec("create table if not exists _llm_migrations (name text primary key, applied_at text)");
  for (const char* name : kLlmMigrations) {
    SQLite::Statement row(sql, "insert or ignore into _llm_migrations values (?, ?)");
    row.bind(1, name);
    row.bind(2, utc_now(' '));
    row.exec();
  }
}

void create_turn_records(SQLite::Database& sql) { sql.exec(kTurnRecords); }
void create_turn_commands(SQLite::Database& sql) { sql.exec(kTurnCommands); }

constexpr Migration kMigrations[] = {
    {"m001_llm_tables", create_llm_tables},
    {"m002_turn_records", create_turn_records},
    {"m003_turn_commands", create_turn_commands},
};

}  // namespace

std::span<const Migration> log_migrations() { return kMigrations; }

}  // namespace hob::store
