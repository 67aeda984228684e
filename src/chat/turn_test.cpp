#include "chat/turn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <utility>

#include "chat/model_hash.h"
#include "chat/replay.h"
#include "chat/turns.h"
#include "os/file.h"
#include "tests/support/tiny_model.h"

namespace hob::chat {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

store::Ledger fresh() {
  auto ledger = store::Ledger::memory();
  EXPECT_TRUE(ledger) << ledger.error().message;
  return *std::move(ledger);
}

TurnRequest asking(const std::string& prompt) {
  TurnRequest request{.source = "prompt", .title = prompt};
  request.model.messages = {store::Message::of_text("user", prompt)};
  return request;
}

std::unique_ptr<Model> tiny() {
  auto model = open_local_model(test::write_tiny_model(), "tiny", {.threads = 1, .context = 256});
  EXPECT_TRUE(model) << model.error().message;
  return *std::move(model);
}

// A model that says a part and then breaks.
class BrokenModel : public Model {
 public:
  BrokenModel() { info_.id = "broken"; }
  const ModelInfo& info() const override { return info_; }
  Result<ordered_json> check_options(const OptionTexts&) const override {
    return ordered_json::object();
  }
  Result<std::optional<size_t>> count_tokens(const ModelRequest&) override { return std::nullopt; }
  Result<ModelReply> reply(const ModelRequest&, const OnText& on_text) override {
    on_text(Stream::kText, "half a ");
    return fail(ErrorKind::kIo, "the line broke");
  }

 private:
  ModelInfo info_;
};

// Another program that holds the ledger while it lives.
class Lock {
 public:
  explicit Lock(const std::string& path) : sql_(path, SQLite::OPEN_READWRITE) {
    sql_.exec("begin immediate");
  }
  void release() { sql_.exec("rollback"); }

 private:
  SQLite::Database sql_;
};

// A model during whose reply something happens.
class BusyModel : public Model {
 public:
  explicit BusyModel(std::function<void()> happens) : happens_(std::move(happens)) {
    info_.id = "busy";
  }
  const ModelInfo& info() const override { return info_; }
  Result<ordered_json> check_options(const OptionTexts&) const override {
    return ordered_json::object();
  }
  Result<std::optional<size_t>> count_tokens(const ModelRequest&) override { return std::nullopt; }
  Result<ModelReply> reply(const ModelRequest&, const OnText&) override {
    happens_();
    ModelReply reply;
    reply.text = "done";
    return reply;
  }

 private:
  ModelInfo info_;
  std::function<void()> happens_;
};

class LockedLedger : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    const std::string folder = fmt::format("{}hob_locked_{}", testing::TempDir(), info->name());
    std::filesystem::remove_all(folder);
    path_ = folder + "/logs.db";
    auto ledger = store::Ledger::open(path_);
    ASSERT_TRUE(ledger) << ledger.error().message;
    ledger_.emplace(*std::move(ledger));
  }
  int64_t turns() {
    return *ledger_->database().read([](SQLite::Database& sql) -> Result<int64_t> {
      return sql.execAndGet("select count(*) from turns").getInt64();
    });
  }

  std::string path_;
  std::optional<store::Ledger> ledger_;
};

TEST(EchoModel, AnswersWithItsRequest) {
  auto model = echo_model();
  ModelRequest request;
  request.messages = {store::Message::of_text("user", "hello")};
  request.system = "be brief";
  request.options = *model->check_options({{"example_bool", "yes"}});
  std::string shown;
  const auto reply = model->reply(request, [&](Stream, std::string_view text) { shown += text; });
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, shown);
  EXPECT_EQ(reply->text,
            "{\n  \"prompt\": \"hello\",\n  \"system\": \"be brief\",\n  \"attachments\": [],\n"
            "  \"stream\": true,\n  \"previous\": [],\n"
            "  \"options\": {\n    \"example_bool\": true\n  }\n}");
  EXPECT_EQ(reply->input_tokens, 3);
  EXPECT_EQ(reply->output_tokens, 18);
}

TEST(EchoModel, APromptMaySayWhatToAnswer) {
  auto model = echo_model();
  const auto answer = [&](const std::string& prompt) {
    ModelRequest request;
    request.messages = {store::Message::of_text("user", prompt)};
    return model->reply(request, nullptr)->text;
  };
  EXPECT_EQ(answer("{\"raw\": \"just this\"}"), "just this");
  EXPECT_THAT(answer("{\"prompt\": \"another\"}"), HasSubstr("\"prompt\": \"another\""));
  EXPECT_THAT(answer("{no JSON"), HasSubstr("\"prompt\": \"{no JSON\""));
  EXPECT_FALSE(model->check_options({{"nope", "1"}}));
  EXPECT_FALSE(model->check_options({{"thinking", "maybe"}}));
}

TEST(Attachments, AreCheckedByType) {
  store::Message message{.role = "user"};
  message.parts.push_back({.kind = store::PartKind::kAttachment,
                           .attachment = store::Attachment{.type = "audio/wav", .content = "x"}});
  const auto refused = check_attachments(echo_model()->info(), message);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "This model does not support attachments of type 'audio/wav', only image/png, "
            "image/jpeg, image/gif");
  EXPECT_FALSE(check_attachments(tiny()->info(), message));
  message.parts[0].attachment->type = "image/png";
  EXPECT_TRUE(check_attachments(echo_model()->info(), message));
}

TEST(Constraints, AreRefusedByAModelThatObeysNone) {
  const auto schema = ConstraintText{engine::ConstraintKind::kJsonSchema, "--schema", "{}"};
  const auto refused = check_constraint(echo_model()->info(), schema);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "--schema: the model echo obeys nothing");
  EXPECT_TRUE(check_constraint(echo_model()->info(), std::nullopt));
  EXPECT_TRUE(check_constraint(tiny()->info(), schema));
}

TEST(RunTurn, RecordsOrWritesNothing) {
  auto ledger = fresh();
  auto model = echo_model();
  const auto recorded = run_turn(*model, &ledger, asking("hello"), nullptr);
  ASSERT_TRUE(recorded && recorded->recorded);
  EXPECT_FALSE(recorded->turn_id.empty());
  EXPECT_EQ(ledger.record(recorded->turn_id)->state, "done");
  const auto silent = run_turn(*model, nullptr, asking("hello"), nullptr);
  ASSERT_TRUE(silent);
  EXPECT_TRUE(silent->turn_id.empty());
}

TEST(RunTurn, KeepsWhatAFailingModelSaid) {
  auto ledger = fresh();
  BrokenModel model;
  const auto failed = run_turn(model, &ledger, asking("hello"), nullptr);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "the line broke");
  const auto thread = ledger.newest_thread();
  ASSERT_TRUE(thread && *thread);
  EXPECT_TRUE((*thread)->messages.empty());
  const auto row = ledger.database().read([](SQLite::Database& sql) -> Result<std::string> {
    return sql.execAndGet("select state || ': ' || error || ': ' || response from turn_records"
                          " join turn_search using (turn_id)").getString();
  });
  EXPECT_EQ(row, "failed: the line broke: half a ");
}

TEST_F(LockedLedger, HoldsNoReplyBackAndHasTheTurnWhenItIsFree) {
  Lock lock(path_);
  std::string asked;
  BusyModel model([&] {
    asked = store::utc_now();
    EXPECT_EQ(turns(), 0);
    lock.release();
  });
  const auto result = run_turn(model, &*ledger_, asking("hello"), nullptr);
  ASSERT_TRUE(result && result->recorded) << result->recorded.error().message;
  EXPECT_FALSE(result->unrecorded);
  EXPECT_EQ(ledger_->record(result->turn_id)->state, "done");
  const auto datetime = ledger_->database().read([](SQLite::Database& sql) -> Result<std::string> {
    return sql.execAndGet("select datetime_utc from turns").getString();
  });
  EXPECT_LT(*datetime, asked);  // when it began, not when it was written
}

TEST_F(LockedLedger, ThatStaysSoIsNamedAndWhatItLacksIsKept) {
  const Lock lock(path_);
  ledger_->database().set_busy_timeout(0);
  std::string seen;
  const auto result = run_turn(*echo_model(), &*ledger_, asking("hello"), nullptr,
                               [&](const ModelReply& reply) { seen = reply.text; });
  ASSERT_TRUE(result);
  ASSERT_FALSE(result->recorded);
  EXPECT_EQ(result->recorded.error().message,
            path_ + ": the database is locked by another program");
  EXPECT_EQ(seen, result->reply.text);
  EXPECT_TRUE(result->turn_id.empty());
  ASSERT_TRUE(result->unrecorded);
  EXPECT_EQ(result->unrecorded->start.messages.back().text(), "hello");
  EXPECT_EQ(result->unrecorded->end.messages.back().text(), seen);
}

TEST(RunTurn, AFailedTurnHasWhatItsReplyWasToDependOn) {
  auto ledger = fresh();
  auto model = tiny();
  std::string prompt;
  for (int i = 0; i < 300; ++i) prompt += "many words ";  // more than the context holds
  TurnRequest request = asking(prompt);
  request.model.options = *model->check_options({{"seed", "7"}});
  EXPECT_FALSE(run_turn(*model, &ledger, request, nullptr));
  bool asked = false;
  ASSERT_TRUE(run_turns(*model, &ledger, 2, [&]() -> std::optional<TurnJob> {
    if (std::exchange(asked, true)) return std::nullopt;
    return TurnJob{request, [](Result<TurnResult> result) { EXPECT_FALSE(result); }};
  }));
  using Ids = Result<std::vector<std::string>>;
  const auto turns = ledger.database().read([](SQLite::Database& sql) -> Ids {
    std::vector<std::string> ids;
    SQLite::Statement rows(sql, "select turn_id from turn_records where state = 'failed'");
    while (rows.executeStep()) ids.push_back(rows.getColumn(0).getString());
    return ids;
  });
  ASSERT_TRUE(turns && turns->size() == 2);
  for (const std::string& turn : *turns) {
    const auto record = ledger.record(turn);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->seed, 7u);
    EXPECT_EQ(record->context, 256);
    EXPECT_TRUE(record->sampler.is_object());
    EXPECT_THAT(record->rendered_prompt.value_or(""), HasSubstr(prompt));
    EXPECT_FALSE(record->output_ids);
  }
}

TEST(RunTurn, WhereModelAndLedgerFailBothErrorsAreTold) {
  auto ledger = fresh();
  BrokenModel model;
  const auto failed = run_turn(model, &ledger, asking("hello"), [&](Stream, std::string_view) {
    ASSERT_TRUE(ledger.database().write([](SQLite::Database& sql) -> Result<> {
      sql.exec("delete from turns");
      return {};
    }));
  });
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message,
              HasSubstr("the line broke; and the turn is not in the ledger: "));
}

TEST(RunTurn, AReplyThatSaysNothingStandsBetweenTwoQuestions) {
  auto ledger = fresh();
  const auto roles = [&](const std::string& thread) {
    std::vector<std::string> out;
    const auto found = ledger.thread(thread);
    for (const auto& message : found->messages) out.push_back(message.role);
    return out;
  };
  const auto silent = run_turn(*echo_model(), &ledger, asking(R"({"raw": ""})"), nullptr);
  ASSERT_TRUE(silent && silent->recorded);
  EXPECT_EQ(silent->reply.text, "");
  EXPECT_THAT(roles(silent->thread_id), ElementsAre("user", "assistant"));

  const std::atomic<bool> cancel{true};  // before the first token
  TurnRequest request = asking("hello");
  request.model.cancel = &cancel;
  const auto stopped = run_turn(*tiny(), &ledger, request, nullptr);
  ASSERT_TRUE(stopped && stopped->reply.stopped);
  EXPECT_THAT(roles(stopped->thread_id), ElementsAre("user", "assistant"));
}

TEST(RunTurn, TheHashIsOfTheFileThatWasLoaded) {
  const std::string folder = testing::TempDir() + "hob_model_hash";
  std::filesystem::remove_all(folder);
  auto ledger = store::Ledger::open(folder + "/logs.db");
  ASSERT_TRUE(ledger) << ledger.error().message;
  const std::string file = test::write_tiny_model();
  auto model = open_local_model(file, "tiny", {.threads = 1, .context = 256});
  ASSERT_TRUE(model) << model.error().message;
  TurnRequest request = asking("hello");
  request.model.options = *(*model)->check_options({{"max_tokens", "1"}});
  const auto hash = [&] {
    const auto result = run_turn(**model, &*ledger, request, nullptr);
    EXPECT_TRUE(result && result->recorded);
    return ledger->record(result->turn_id)->model_hash;
  };
  EXPECT_EQ(hash(), *file_sha256(file));
  ASSERT_TRUE(os::write_file_atomically(file, "another"));  // the model keeps what it has mapped
  EXPECT_EQ(hash(), "");
}

TEST(RunTurn, RecordsAllThatAReplyDependsOn) {
  auto ledger = fresh();
  auto model = tiny();
  TurnRequest request = asking("hello");
  request.model.options =
      *model->check_options({{"max_tokens", "6"}, {"seed", "7"}, {"temperature", "0.9"}});
  EXPECT_EQ(request.model.options.dump(), R"({"max_tokens":6,"seed":7,"temperature":0.9})");
  const auto result = run_turn(*model, &ledger, request, nullptr);
  ASSERT_TRUE(result) << result.error().message;
  const auto record = ledger.record(result->turn_id);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->seed, 7u);
  EXPECT_EQ(record->max_tokens, 6);
  EXPECT_EQ(record->sampler["temperature"], 0.9);
  EXPECT_EQ(record->context, 256);
  EXPECT_EQ(record->numerics, "portable");
  EXPECT_EQ(record->output_ids->size(), result->reply.local->tokens.size());
  EXPECT_THAT(*record->rendered_prompt, HasSubstr("hello"));
  EXPECT_FALSE(record->build.empty());
  const auto count = model->count_tokens(request.model);
  ASSERT_TRUE(count && *count);
  EXPECT_EQ(static_cast<int64_t>(**count), result->reply.input_tokens);
}

TEST(RunTurn, DrawsASeedWhereNoneIsGiven) {
  auto ledger = fresh();
  auto model = tiny();
  const auto seed = [&] {
    TurnRequest request = asking("hello");
    request.model.options = *model->check_options({{"max_tokens", "1"}});
    const auto result = run_turn(*model, &ledger, request, nullptr);
    return result ? ledger.record(result->turn_id)->seed : std::nullopt;
  };
  const auto first = seed(), second = seed();
  EXPECT_TRUE(first && second);
  EXPECT_NE(first, second);
}

TEST(Options, OfAnEngineModelAreChecked) {
  auto model = tiny();
  EXPECT_FALSE(model->check_options({{"temperature", "hot"}}));
  EXPECT_FALSE(model->check_options({{"nope", "1"}}));
  EXPECT_FALSE(model->check_options({{"max_tokens", "-1"}}));
  EXPECT_EQ(model->check_options({{"stop", "a"}, {"stop", "b"}})->dump(), R"({"stop":["a","b"]})");
}

TEST(Options, AreCheckedWithoutTheModelAsWithIt) {
  EXPECT_EQ(check_options("not here", {{"top_k", "5"}, {"stop", "5"}})->dump(),
            R"({"top_k":5,"stop":"5"})");
  EXPECT_THAT(check_options("not here", {{"top_k", "1e3"}}).error().message, HasSubstr("'1e3'"));
  EXPECT_FALSE(check_options("not here", {{"example_bool", "1"}}));
  EXPECT_EQ(check_options("echo", {{"example_bool", "1"}})->dump(), R"({"example_bool":true})");
  EXPECT_FALSE(check_options("echo", {{"top_k", "5"}}));
}

TEST(Replay, IsIdenticalForAnyThreadsAndTellsWhatDiffers) {
  auto ledger = fresh();
  auto model = tiny();
  std::vector<std::string> turns;
  std::string parent, thread;
  std::vector<store::Message> history;
  for (int i = 0; i < 3; ++i) {  // a conversation, so that prompts share prefixes
    TurnRequest request = asking("word " + std::to_string(i));
    request.model.options = *model->check_options({{"max_tokens", "8"}});
    request.model.messages.insert(request.model.messages.begin(), history.begin(), history.end());
    request.thread_id = thread, request.parent = parent, request.stored_messages = history.size();
    const auto result = run_turn(*model, &ledger, request, nullptr);
    ASSERT_TRUE(result && result->recorded);
    turns.push_back(result->turn_id);
    history = request.model.messages;
    for (const auto& message : reply_messages(result->reply.text, "")) history.push_back(message);
    thread = result->thread_id, parent = result->tip;
  }
  for (const int threads : {1, 2}) {
    Replayer replayer(ModelStore(std::vector<std::string>{}), threads);
    for (const auto& turn : turns) {
      const auto replay = replayer.replay(ledger, turn);
      ASSERT_TRUE(replay) << replay.error().message;
      EXPECT_TRUE(replay->identical());
    }
  }
  const std::atomic<bool> cancel{true};
  const auto stopped = Replayer(ModelStore(std::vector<std::string>{}), 1, &cancel)
                           .replay(ledger, turns[0]);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  ASSERT_TRUE(ledger.database().write([](SQLite::Database& sql) -> Result<> {
    sql.exec("update turn_records set output_ids = '[1,2,3]', isa = 'abacus'");
    return {};
  }));
  Replayer replayer(ModelStore(std::vector<std::string>{}), 1);
  const auto replay = replayer.replay(ledger, turns[0]);
  ASSERT_TRUE(replay) << replay.error().message;
  EXPECT_FALSE(replay->identical());
  ASSERT_TRUE(replay->divergence);
  EXPECT_EQ(replay->divergence->index, 0u);
  EXPECT_EQ(replay->divergence->recorded.token, 1);
  EXPECT_LT(replay->divergence->recorded.logprob, 0);
  ASSERT_EQ(replay->differences.size(), 1u);
  EXPECT_EQ(replay->differences[0].what, "instruction set");
}

}  // namespace
}  // namespace hob::chat
