#include "store/log_delete.h"

#include <algorithm>
#include <unordered_set>

#include "store/log_chain.h"

namespace hob::store {
namespace {

constexpr const char* kSchema = R"sql(
create temp table gone(id text primary key) without rowid;
create temp table maybe_messages(hash text primary key) without rowid;
create temp table maybe_attachments(id text primary key) without rowid;
create temp table maybe_fragments(id integer primary key);
create temp table maybe_schemas(id text primary key) without rowid;
create temp table maybe_threads(id text primary key) without rowid;
create temp table maybe_conversations(id text primary key) without rowid;
create temp table gone_parts(id integer primary key);
)sql";

constexpr const char* kForget = R"sql(
drop table temp.gone; drop table temp.maybe_messages; drop table temp.maybe_attachments;
drop table temp.maybe_fragments; drop table temp.maybe_schemas; drop table temp.maybe_threads;
drop table temp.maybe_conversations; drop table temp.gone_parts;
)sql";

// What the turns refer to, and so may be left without any reference.
constexpr const char* kCandidates = R"sql(
insert or ignore into temp.maybe_schemas
  select schema_id from turns where id in (select id from temp.gone) and schema_id is not null;
insert or ignore into temp.maybe_schemas
  select schema_id from responses where id in (select id from temp.gone) and schema_id is not null;
insert or ignore into temp.maybe_threads
  select thread_id from turns where id in (select id from temp.gone) and thread_id is not null;
insert or ignore into temp.maybe_conversations
  select conversation_id from responses
  where id in (select id from temp.gone) and conversation_id is not null;
insert or ignore into temp.maybe_fragments
  select fragment_id from turn_fragments where turn_id in (select id from temp.gone);
insert or ignore into temp.maybe_fragments
  select fragment_id from prompt_fragments where response_id in (select id from temp.gone);
insert or ignore into temp.maybe_fragments
  select fragment_id from system_fragments where response_id in (select id from temp.gone);
insert or ignore into temp.maybe_attachments
  select attachment_id from prompt_attachments where response_id in (select id from temp.gone);
insert or ignore into temp.maybe_attachments
  select a.attachment_id from tool_results_attachments a join tool_results r
  on r.id = a.tool_result_id where r.response_id in (select id from temp.gone);
)sql";

constexpr const char* kDeleteRows = R"sql(
delete from tool_results_attachments where tool_result_id in
  (select id from tool_results where response_id in (select id from temp.gone));
delete from tool_results where response_id in (select id from temp.gone);
delete from tool_calls where response_id in (select id from temp.gone);
delete from tool_responses where response_id in (select id from temp.gone);
delete from prompt_attachments where response_id in (select id from temp.gone);
delete from prompt_fragments where response_id in (select id from temp.gone);
delete from system_fragments where response_id in (select id from temp.gone);
delete from turn_search where turn_id in (select id from temp.gone);
delete from turn_tools where turn_id in (select id from temp.gone);
delete from turn_fragments where turn_id in (select id from temp.gone);
delete from tool_instantiations where turn_id in (select id from temp.gone);
delete from turn_tags where turn_id in (select id from temp.gone);
delete from turn_commands where turn_id in (select id from temp.gone);
delete from turn_records where turn_id in (select id from temp.gone);
)sql";

// A thread ends where the newest of its turns that came to an end does; without turns there is
// none.
constexpr const char* kSettleThreads = R"sql(
delete from temp.maybe_threads where id in
  (select m.id from temp.maybe_threads m where exists
    (select 1 from turns t where t.thread_id = m.id and
      (select tip_message_hash from threads where id = m.id) in
      (t.tip_message_hash, t.parent_message_hash)));
update threads set tip_message_hash = (select t.tip_message_hash from turns t
    left join turn_records r on r.turn_id = t.id
    where t.thread_id = threads.id and coalesce(r.state, 'done') in ('done', 'stopped')
    order by t.id desc limit 1)
  where id in (select id from temp.maybe_threads);
update threads set forked_from = null where forked_from in
  (select m.id from temp.maybe_threads m
    where not exists (select 1 from turns t where t.thread_id = m.id));
delete from threads where id in (select m.id from temp.maybe_threads m
    where not exists (select 1 from turns t where t.thread_id = m.id));
delete from conversations where id in (select m.id from temp.maybe_conversations m
    where not exists (select 1 from responses r where r.conversation_id = m.id));
)sql";

// Messages at which a turn or a thread begins or ends are no candidates. One pass over the turns.
constexpr const char* kKeepReferred = R"sql(
delete from temp.maybe_messages where hash in
  (select parent_message_hash from turns
    where parent_message_hash in (select hash from temp.maybe_messages));
delete from temp.maybe_messages where hash in
  (select tip_message_hash from turns
    where tip_message_hash in (select hash from temp.maybe_messages));
delete from temp.maybe_messages where hash in
  (select tip_message_hash from threads
    where tip_message_hash in (select hash from temp.maybe_messages));
)sql";

constexpr const char* kDeleteParts = R"sql(
insert or ignore into temp.maybe_attachments select attachment_id from part_attachments
  where part_id in (select id from temp.gone_parts);
insert or ignore into temp.maybe_fragments select fragment_id from part_fragments
  where part_id in (select id from temp.gone_parts);
delete from part_attachments where part_id in (select id from temp.gone_parts);
delete from part_fragments where part_id in (select id from temp.gone_parts);
delete from parts where id in (select id from temp.gone_parts);
)sql";

constexpr const char* kDeleteAttachments =
    "delete from attachments where id in (select m.id from temp.maybe_attachments m where"
    " not exists (select 1 from part_attachments u where u.attachment_id = m.id)"
    " and not exists (select 1 from prompt_attachments u where u.attachment_id = m.id)"
    " and not exists (select 1 from tool_results_attachments u where u.attachment_id = m.id))";

constexpr const char* kDeleteFragments =
    "delete from fragments where id in (select m.id from temp.maybe_fragments m where"
    " not exists (select 1 from fragment_aliases u where u.fragment_id = m.id)"
    " and not exists (select 1 from part_fragments u where u.fragment_id = m.id)"
    " and not exists (select 1 from turn_fragments u where u.fragment_id = m.id)"
    " and not exists (select 1 from prompt_fragments u where u.fragment_id = m.id)"
    " and not exists (select 1 from system_fragments u where u.fragment_id = m.id))";

constexpr const char* kDeleteSchemas =
    "delete from schemas where id in (select m.id from temp.maybe_schemas m where"
    " not exists (select 1 from turns u where u.schema_id = m.id)"
    " and not exists (select 1 from responses u where u.schema_id = m.id))";

// A rendering may be the beginning of another; the last of such a row goes first.
constexpr const char* kDeleteRenderings =
    "delete from renderings where hash not in (select rendering_hash from turn_records"
    " where rendering_hash is not null) and hash not in (select base_hash from renderings"
    " where base_hash is not null)";

// The messages from the turns' ends up to their roots.
void collect_messages(SQLite::Database& sql) {
  SQLite::Statement ends(sql,
                         "select tip_message_hash, parent_message_hash from turns"
                         " where id in (select id from temp.gone)");
  SQLite::Statement parent(sql, "select parent_hash from messages where hash = ?");
  SQLite::Statement add(sql, "insert or ignore into temp.maybe_messages values (?)");
  std::unordered_set<std::string> seen;
  while (ends.executeStep()) {
    for (const int end : {0, 1}) {
      std::string hash = ends.getColumn(end).getString();
      while (!hash.empty() && seen.insert(hash).second) {
        parent.reset();
        parent.bind(1, hash);
        if (!parent.executeStep()) break;
        add.reset();
        add.bind(1, hash);
        add.exec();
        hash = parent.getColumn(0).getString();
      }
    }
  }
}

// Deletes candidates without children until none is left that can go. Each round takes the last
// message of every chain.
int64_t delete_messages(SQLite::Database& sql) {
  SQLite::Statement leaves(sql,
                           "select m.hash from temp.maybe_messages m where not exists"
                           " (select 1 from messages c where c.parent_hash = m.hash)");
  SQLite::Statement parent(sql, "select parent_hash from messages where hash = ?");
  SQLite::Statement children(sql, "select 1 from messages where parent_hash = ?");
  SQLite::Statement candidate(sql, "select 1 from temp.maybe_messages where hash = ?");
  SQLite::Statement parts(
      sql, "insert or ignore into temp.gone_parts select id from parts where message_hash = ?");
  SQLite::Statement remove(sql, "delete from messages where hash = ?");
  const auto finds = [](SQLite::Statement& statement, const std::string& hash) {
    statement.reset();
    statement.bind(1, hash);
    return statement.executeStep();
  };
  std::vector<std::string> ends;
  while (leaves.executeStep()) ends.push_back(leaves.getColumn(0).getString());
  leaves.reset();
  int64_t deleted = 0;
  for (std::string hash : ends) {
    while (!hash.empty() && finds(candidate, hash) && !finds(children, hash)) {
      const std::string above = finds(parent, hash) ? parent.getColumn(0).getString() : "";
      parent.reset();
      parts.reset();
      parts.bind(1, hash);
      parts.exec();
      remove.reset();
      remove.bind(1, hash);
      if (remove.exec() == 0) break;
      ++deleted;
      hash = above;
    }
  }
  return deleted;
}

int64_t count(SQLite::Database& sql, const char* query) {
  return sql.execAndGet(query).getInt64();
}

Result<> mark(SQLite::Database& sql, const std::vector<std::string>& ids) {
  SQLite::Statement exists(sql,
                           "select 1 from turns where id = :id union all select 1 from responses"
                           " where id = :id");
  SQLite::Statement add(sql, "insert or ignore into temp.gone values (?)");
  for (const std::string& id : ids) {
    exists.reset();
    exists.bind(":id", id);
    if (!exists.executeStep())
      return fail(ErrorKind::kNotFound, "No logged turn with id={}", id);
    exists.reset();
    add.reset();
    add.bind(1, id);
    add.exec();
  }
  return {};
}

// The turns' own messages: from their ends to where they began.
int64_t own_messages(SQLite::Database& sql) {
  LogChain chain(sql);
  std::unordered_set<std::string> own;
  SQLite::Statement ends(sql,
                         "select tip_message_hash, parent_message_hash from turns"
                         " where id in (select id from temp.gone)");
  while (ends.executeStep()) {
    const std::string parent = ends.getColumn(1).getString();
    for (const auto* message : chain.between(ends.getColumn(0).getString(), parent))
      own.insert(message->hash);
    for (const auto* message : chain.own_input(parent)) own.insert(message->hash);
  }
  return static_cast<int64_t>(own.size());
}

DeleteCounts delete_marked(SQLite::Database& sql) {
  DeleteCounts counts;
  sql.exec(kCandidates);
  collect_messages(sql);
  const int64_t own = own_messages(sql);
  sql.exec(kDeleteRows);
  counts.turns = sql.exec("delete from turns where id in (select id from temp.gone)");
  counts.turns += sql.exec("delete from responses where id in (select id from temp.gone)");
  const char* conversations =
      "select (select count(*) from threads) + (select count(*) from conversations)";
  counts.conversations = count(sql, conversations);
  sql.exec(kSettleThreads);
  counts.conversations -= count(sql, conversations);
  sql.exec(kKeepReferred);
  counts.messages = delete_messages(sql);
  counts.shared_messages = std::max<int64_t>(0, own - counts.messages);
  sql.exec(kDeleteParts);
  counts.attachments = sql.exec(kDeleteAttachments);
  counts.fragments = sql.exec(kDeleteFragments);
  sql.exec(kDeleteSchemas);
  while (sql.exec(kDeleteRenderings) > 0) {
  }
  return counts;
}

}  // namespace

Result<DeleteCounts> delete_turns(Database& ledger, const std::vector<std::string>& ids) {
  HOB_TRY_VOID(ledger.read([](SQLite::Database& sql) -> Result<> {
    sql.exec("pragma secure_delete = on");
    sql.exec(kSchema);
    return {};
  }));
  auto counts = ledger.write([&](SQLite::Database& sql) -> Result<DeleteCounts> {
    HOB_TRY_VOID(mark(sql, ids));
    return delete_marked(sql);
  });
  HOB_TRY_VOID(ledger.read([&](SQLite::Database& sql) -> Result<> {
    sql.exec(kForget);
    if (!counts) return {};
    // A deleted text's words stay in the index until its segments are merged, and deleted pages in
    // the write-ahead log until it is emptied.
    sql.exec("insert into turn_search_fts(turn_search_fts) values ('optimize')");
    sql.exec("insert into responses_fts(responses_fts) values ('optimize')");
    counts->overwritten = sql.execAndGet("pragma wal_checkpoint(truncate)").getInt() == 0;
    return {};
  }));
  return counts;
}

Result<std::vector<std::string>> conversation_turns(Database& ledger, const std::string& id) {
  using Ids = Result<std::vector<std::string>>;
  return ledger.read([&](SQLite::Database& sql) -> Ids {
    SQLite::Statement rows(sql,
                           "select id from turns where thread_id = :id union"
                           " select id from responses where conversation_id = :id order by 1");
    rows.bind(":id", id);
    std::vector<std::string> ids;
    while (rows.executeStep()) ids.push_back(rows.getColumn(0).getString());
    if (ids.empty()) return fail(ErrorKind::kNotFound, "No conversation found with id={}", id);
    return ids;
  });
}

}  // namespace hob::store
