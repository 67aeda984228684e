#include "store/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "os/file.h"
#include "store/message_rows.h"

namespace hob::store {
namespace {

using testing::IsEmpty;

Ledger fresh() {
  auto ledger = Ledger::memory();
  EXPECT_TRUE(ledger) << ledger.error().message;
  return *std::move(ledger);
}

int64_t number(Ledger& ledger, const std::string& query) {
  auto result = ledger.database().read([&](SQLite::Database& sql) -> Result<int64_t> {
    return sql.execAndGet(query).getInt64();
  });
  EXPECT_TRUE(result) << query << ": " << result.error().message;
  return result.value_or(-1);
}

std::string text(Ledger& ledger, const std::string& query) {
  auto result = ledger.database().read([&](SQLite::Database& sql) -> Result<std::string> {
    const auto column = sql.execAndGet(query);
    return column.isNull() ? std::string("null") : column.getString();
  });
  EXPECT_TRUE(result) << query << ": " << result.error().message;
  return result.value_or("");
}

// Messages whose content, as it is read back, does not give their hash.
std::vector<std::string> broken(Ledger& ledger) {
  const auto hashes = ledger.database().read(
      [](SQLite::Database& sql) -> Result<std::vector<std::string>> {
        std::vector<std::string> found;
        LogChain chain(sql);
        SQLite::Statement rows(sql, "select hash from messages");
        while (rows.executeStep()) {
          const ChainMessage& stored = *chain.message(rows.getColumn(0).getString());
          if (message_hash(message_of(sql, stored), stored.parent) != stored.hash)
            found.push_back(stored.hash);
        }
        return found;
      });
  EXPECT_TRUE(hashes) << hashes.error().message;
  return hashes.value_or(std::vector<std::string>());
}

void execute(Ledger& ledger, const char* rows) {
  const auto done = ledger.database().write([&](SQLite::Database& sql) -> Result<> {
    sql.exec(rows);
    return {};
  });
  EXPECT_TRUE(done) << done.error().message;
}

// Turns that full text search finds.
int64_t found(Ledger& ledger, const std::string& word) {
  return number(ledger, "select count(*) from turn_search_fts where turn_search_fts match '" +
                            word + "'");
}

TurnStart asking(const std::string& prompt, const std::string& thread = "",
                 const std::string& parent = "") {
  return {.thread_id = thread,
          .thread_title = prompt,
          .parent = parent,
          .messages = {Message::of_text("user", prompt)},
          .model = "echo",
          .record = {.source = "prompt", .provider = "echo"}};
}

TurnEnd answering(const std::string& reply) {
  return {.messages = {Message::of_text("assistant", reply)},
          .input_tokens = 3,
          .output_tokens = 5,
          .duration_ms = 7,
          .record = {.source = "prompt", .finish = "end", .provider = "echo"}};
}

TEST(Ledger, ATurnIsThereBeforeTheCallAndWholeAfterIt) {
  Ledger ledger = fresh();
  const auto turn = ledger.begin(asking("Where is the crow?"));
  ASSERT_TRUE(turn) << turn.error().message;
  EXPECT_EQ(text(ledger, "select state from turn_records"), "running");
  EXPECT_EQ(text(ledger, "select name from threads"), "Where is the crow?");
  EXPECT_EQ(number(ledger, "select tip_message_hash = parent_message_hash from turns"), 1);

  const auto tip = ledger.finish(*turn, answering("On the roof"));
  ASSERT_TRUE(tip) << tip.error().message;
  EXPECT_EQ(text(ledger, "select state from turn_records"), "done");
  EXPECT_EQ(text(ledger, "select output_tokens from turns"), "5");
  EXPECT_EQ(text(ledger, "select tip_message_hash from threads"), *tip);
  EXPECT_EQ(found(ledger, "roof"), 1);
  EXPECT_EQ(number(ledger, "select count(*) from message_tree"), 2);
  EXPECT_THAT(broken(ledger), IsEmpty());
}

TEST(Ledger, ConversationsShareWhatTheyHaveInCommon) {
  Ledger ledger = fresh();
  const auto one = ledger.begin(asking("a"));
  const auto tip = ledger.finish(*one, answering("b"));
  const auto two = ledger.begin(asking("c", one->thread_id, *tip));
  ASSERT_TRUE(ledger.finish(*two, answering("d")));
  EXPECT_EQ(number(ledger, "select count(*) from messages"), 4);
  // The same history, sent anew by someone who keeps it himself.
  TurnStart again = asking("a");
  again.messages = {Message::of_text("user", "a"), Message::of_text("assistant", "b"),
                    Message::of_text("user", "c")};
  const auto three = ledger.begin(again);
  ASSERT_TRUE(ledger.finish(*three, answering("e")));
  EXPECT_EQ(number(ledger, "select count(*) from messages"), 5);
  EXPECT_EQ(number(ledger, "select count(*) from threads"), 2);

  const auto newest = ledger.newest_thread();
  ASSERT_TRUE(newest && *newest);
  EXPECT_EQ((*newest)->id, three->thread_id);
  EXPECT_EQ((*newest)->model, "echo");
  ASSERT_EQ((*newest)->messages.size(), 4u);
  EXPECT_EQ((*newest)->messages[3].text(), "e");
}

TEST(Ledger, AFailedTurnIsKeptAndTheConversationGoesOnBeforeIt) {
  Ledger ledger = fresh();
  const auto one = ledger.begin(asking("a"));
  const auto tip = ledger.finish(*one, answering("b"));
  const auto two = ledger.begin(asking("c", one->thread_id, *tip));
  TurnEnd failed = answering("half a w");
  failed.state = TurnState::kFailed;
  failed.error = "the roof fell in";
  ASSERT_TRUE(ledger.finish(*two, failed));
  const auto thread = ledger.thread(one->thread_id);
  ASSERT_TRUE(thread);
  EXPECT_EQ(thread->tip, *tip);
  EXPECT_EQ(thread->messages.size(), 2u);
  const auto record = ledger.record(two->turn_id);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->state, "failed");
  EXPECT_EQ(record->error, "the roof fell in");
  EXPECT_EQ(found(ledger, "half"), 1);
}

TEST(Ledger, ATurnThatIsGoneCannotEnd) {
  Ledger ledger = fresh();
  const auto turn = ledger.begin(asking("a"));
  ASSERT_TRUE(turn);
  execute(ledger, "delete from turns; delete from turn_records; delete from threads");
  const auto tip = ledger.finish(*turn, answering("b"));
  ASSERT_FALSE(tip);
  EXPECT_EQ(tip.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(number(ledger, "select count(*) from turn_records"), 0);
  EXPECT_EQ(number(ledger, "select count(*) from turn_search"), 0);
  EXPECT_EQ(number(ledger, "select count(*) from messages"), 1);
}

TEST(Ledger, FragmentsAreStoredOnceAndAreNotSearched) {
  Ledger ledger = fresh();
  const std::string novel(1000, 'n');
  for (const char* question : {"who", "why"}) {
    TurnStart start = asking("");
    start.messages = {Message::of_text("user", novel + "\n" + question)};
    start.prompt_fragments = {{novel, "novel.txt"}};
    const auto turn = ledger.begin(start);
    ASSERT_TRUE(turn) << turn.error().message;
    ASSERT_TRUE(ledger.finish(*turn, answering("because")));
  }
  EXPECT_EQ(number(ledger, "select count(*) from fragments"), 1);
  EXPECT_EQ(text(ledger, "select payload from parts where text is null limit 1"),
            R"({"text_ref": [{"fragment": 1}, {"literal": "\nwho"}]})");
  EXPECT_EQ(text(ledger, "select prompt from turn_search limit 1"), "\nwho");
  EXPECT_EQ(number(ledger, "select count(*) from turn_fragments where kind = 'prompt'"), 2);
  EXPECT_THAT(broken(ledger), IsEmpty());
  const auto newest = ledger.newest_thread();
  ASSERT_TRUE(newest && *newest);
  EXPECT_EQ((*newest)->messages[0].text(), novel + "\nwhy");
  execute(ledger, "update fragments set content = 'another'");
  EXPECT_EQ(broken(ledger).size(), 2u);  // both questions
}

TEST(Ledger, AttachmentsAreStoredByTheirBytes) {
  Ledger ledger = fresh();
  TurnStart start = asking("");
  const std::string bytes("a\0b", 3);
  start.messages[0].parts[0].text = "look";
  start.messages[0].parts.push_back({.kind = PartKind::kAttachment,
                                     .attachment = Attachment{.type = "image/png",
                                                              .content = bytes}});
  const auto turn = ledger.begin(start);
  ASSERT_TRUE(turn) << turn.error().message;
  EXPECT_EQ(number(ledger, "select length(content) from attachments"), 3);
  EXPECT_EQ(number(ledger, "select count(*) from part_attachments"), 1);
  ASSERT_TRUE(ledger.finish(*turn, answering("a picture")));
  const auto thread = ledger.thread(turn->thread_id);
  ASSERT_TRUE(thread) << thread.error().message;
  ASSERT_TRUE(thread->messages.at(0).parts.at(1).attachment);
  EXPECT_EQ(thread->messages[0].parts[1].attachment->content, bytes);
  EXPECT_THAT(broken(ledger), IsEmpty());
}

TEST(Ledger, TheBytesOfAnAttachmentStayWhenItComesAgainByPath) {
  Ledger ledger = fresh();
  const std::string path = testing::TempDir() + "attached.png";
  ASSERT_TRUE(os::write_file_atomically(path, "bytes"));
  for (const Attachment& attachment : {Attachment{.type = "image/png", .content = "bytes"},
                                       Attachment{.type = "image/png", .path = path}}) {
    TurnStart start = asking("");
    start.messages[0].parts[0].text = attachment.path;  // another message each time
    start.messages[0].parts.push_back({.kind = PartKind::kAttachment, .attachment = attachment});
    ASSERT_TRUE(ledger.begin(start));
  }
  EXPECT_EQ(number(ledger, "select count(*) from attachments"), 1);
  EXPECT_EQ(text(ledger, "select content from attachments"), "bytes");
  EXPECT_EQ(text(ledger, "select path from attachments"), path);
  std::filesystem::remove(path);
  EXPECT_THAT(broken(ledger), IsEmpty());
}

TEST(Ledger, RecordsComeBackAsTheyWere) {
  Ledger ledger = fresh();
  TurnEnd end = answering("x");
  end.state = TurnState::kFailed;
  end.error = "why";
  end.record = {.source = "batch",
                .finish = "length",
                .provider = "local",
                .model_file = "/m.gguf",
                .model_hash = "hash 1",
                .template_hash = "hash 2",
                .rendered_prompt = "<|im_start|>user\nhello",
                .raw = true,
                .prompt_tokens_hash = "hash 3",
                .output_ids = {{1, 2, 300}},
                .sampler = {{"temperature", 0.8}},
                .constraint = {{"kind", "regex"}},
                .stop = {"\n", "end"},
                .seed = UINT64_MAX,
                .max_tokens = 11,
                .context = 12,
                .threads = 13,
                .kv = "f16",
                .numerics = "native",
                .isa = "avx2",
                .build = "0.1",
                .pid = 14,
                .cached_tokens = 15,
                .prompt_seconds = 1.5,
                .reply_seconds = 2.5,
                .cost_usd = 0.25,
                .energy_joules = 0.125,
                .price_json = R"({"a":1})",
                .energy_json = R"({"b":2})"};
  const auto one = ledger.begin(asking("a"));
  ASSERT_TRUE(ledger.finish(*one, end));
  TurnRecord expected = end.record;
  expected.state = "failed";
  expected.error = "why";
  EXPECT_TRUE(*ledger.record(one->turn_id) == expected);
  const auto columns = ledger.database().read([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement row(sql, "select * from turn_records");
    row.executeStep();
    for (int i = 0; i < row.getColumnCount(); ++i)
      EXPECT_FALSE(row.isColumnNull(i)) << row.getColumnName(i) << " is not in this test";
    return {};
  });
  EXPECT_TRUE(columns) << columns.error().message;
}

TEST(Ledger, APromptThatGoesOnIsStoredAsTheRest) {
  Ledger ledger = fresh();
  TurnEnd end = answering("x");
  end.record.rendered_prompt = "<|im_start|>user\nhello";
  const auto one = ledger.begin(asking("a"));
  ASSERT_TRUE(ledger.finish(*one, end));
  const auto two = ledger.begin(asking("b", one->thread_id));
  end.record.rendered_prompt = "<|im_start|>user\nhello and more";
  ASSERT_TRUE(ledger.finish(*two, end));
  EXPECT_EQ(ledger.record(two->turn_id)->rendered_prompt, "<|im_start|>user\nhello and more");
  EXPECT_EQ(text(ledger, "select tail from renderings where base_hash is not null"), " and more");
  // What only a damaged or hostile file has.
  execute(ledger, "update renderings set base_hash = hash");
  EXPECT_FALSE(ledger.record(two->turn_id)->rendered_prompt);
}

TEST(Ledger, DamagedConversationsAreAnError) {
  Ledger ledger = fresh();
  const std::string deep(100'000, '[');
  execute(ledger, fmt::format(R"sql(
insert into messages values ('c1', 'c2', 'user', null), ('c2', 'c1', 'assistant', null),
  ('m', 'missing', 'user', null), ('d', null, 'user', '{0}');
insert into parts values (1, 'd', 0, 'text', null, 'hello', '{{"text_ref": {0}'),
  (2, 'd', 1, null, null, null, null);
insert into threads (id, tip_message_hash) values ('circle', 'c1'), ('gap', 'm'),
  ('none', 'missing'), ('deep', 'd');
)sql",
                              deep)
                      .c_str());
  for (const char* id : {"circle", "gap", "none"}) {
    const auto thread = ledger.thread(id);
    ASSERT_FALSE(thread) << id;
    EXPECT_EQ(thread.error().kind, ErrorKind::kCorrupt);
  }
  const auto thread = ledger.thread("deep");
  ASSERT_TRUE(thread) << thread.error().message;
  EXPECT_EQ(thread->messages.at(0).text(), "hello");
}

TEST(Ledger, WhatIsNotThereIsNamed) {
  Ledger ledger = fresh();
  const auto newest = ledger.newest_thread();
  ASSERT_TRUE(newest);
  EXPECT_FALSE(newest->has_value());
  const auto missing = ledger.thread("nope");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "No conversation found with id=nope");
  EXPECT_FALSE(ledger.record("nope"));
}

TEST(Ledger, GoesOnFromAConversationOfAnOlderLlm) {
  Ledger ledger = fresh();
  ASSERT_TRUE(ledger.database().write([](SQLite::Database& sql) -> Result<> {
    sql.exec("insert into conversations values ('zz', 'old', 'm');"
             "insert into responses (id, model, prompt, system, response, conversation_id,"
             " datetime_utc) values ('r', 'm', 'p', 's', 'r', 'zz', '2024')");
    return {};
  }));
  const auto thread = ledger.newest_thread();
  ASSERT_TRUE(thread && *thread);
  EXPECT_EQ((*thread)->model, "m");
  EXPECT_EQ((*thread)->messages.size(), 3u);
  EXPECT_EQ((*thread)->tip, "");
}

TEST(LoggingGate, FlagsStandBeforeTheSwitch) {
  const std::string home = testing::TempDir() + "gate";
  std::filesystem::create_directories(home);
  ::setenv("HOB_HOME", home.c_str(), 1);
  for (const bool off : {false, true}) {
    std::filesystem::remove(home + "/logs-off");
    if (off) ASSERT_TRUE(os::write_file_atomically(home + "/logs-off", ""));
    EXPECT_EQ(LoggingGate{}.is_open(), !off);
    EXPECT_FALSE(LoggingGate{.never = true}.is_open());
    EXPECT_TRUE(LoggingGate{.always = true}.is_open());
  }
  EXPECT_FALSE((LoggingGate{.never = true, .always = true}.check()));
  EXPECT_EQ(LoggingGate{}.path(), home + "/logs.db");
  EXPECT_EQ(LoggingGate{.database = "x.db"}.path(), "x.db");
  ::unsetenv("HOB_HOME");
}

}  // namespace
}  // namespace hob::store
