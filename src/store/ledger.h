// The ledger: every turn on record, from before the model is called.
//
// begin() writes the turn, its thread and the messages that the model is given; finish() adds what
// came back and how it ended. A turn whose program died in between stays `running`. Messages are
// stored by the hash of their content and all before it, so that conversations share what they have
// in common.
//
// Whether there is a ledger at all is decided in one place: LoggingGate. A caller without a Ledger
// writes nothing, not even a file.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/clock.h"
#include "store/database.h"
#include "store/message.h"
#include "store/turn_record.h"

namespace hob::store {

struct FragmentText {
  std::string content;
  std::string source;  // empty: not known
};

// A fragment's row; stored where its text is not there yet. Call within Database::write.
int64_t ensure_fragment(SQLite::Database& sql, const FragmentText& fragment);
// An attachment's row, by its id. Call within Database::write.
std::string ensure_attachment(SQLite::Database& sql, const Attachment& attachment);

// A conversation as it stands. Hashes are empty where there is none.
struct Thread {
  std::string id;
  std::string tip;    // hash of its last message
  std::string model;  // of its newest turn; empty: it has none
  std::vector<Message> messages;
};

struct TurnStart {
  std::string turn_id;          // empty: a fresh one
  std::string thread_id;        // empty: a fresh one
  std::string thread_title;     // a new thread is called after it
  std::string parent;           // hash of the last message that is stored already; empty: none
  std::vector<Message> messages;  // those after it
  std::string model;
  nlohmann::ordered_json options;  // an object, or null
  std::optional<nlohmann::ordered_json> schema;
  std::vector<FragmentText> prompt_fragments, system_fragments;
  std::vector<std::string> tags;
  TurnRecord record;
  std::string datetime;  // as utc_now() writes it; empty: now
};

struct StartedTurn {
  std::string turn_id, thread_id;
  std::string tip;  // hash of the last message the model is given
};

enum class TurnState { kDone, kStopped, kFailed };
std::string_view state_name(TurnState state);  // "done", ...

struct TurnEnd {
  TurnState state = TurnState::kDone;
  std::string error;  // of kFailed: why
  std::vector<Message> messages;  // what the model said, as far as it came
  std::string resolved_model;
  std::optional<int64_t> input_tokens, output_tokens;
  nlohmann::ordered_json token_details, response_json;  // null: none
  int64_t duration_ms = 0;
  TurnRecord record;  // all of it: what begin() was given, and what is known since
};

class Ledger {
 public:
  // Other programs hold a ledger for moments. This is how long one is waited for where nobody waits
  // for a reply meanwhile.
  static constexpr int kBusyTimeoutMs = 10'000;

  static Result<Ledger> open(const std::string& path, Access access = Access::kCreate);
  static Result<Ledger> memory();

  Result<StartedTurn> begin(const TurnStart& start);
  // The hash of the thread's last message now. kNotFound, and nothing is written, where the turn is
  // gone.
  Result<std::string> finish(const StartedTurn& turn, const TurnEnd& end);

  // Which file the model was, by its SHA-256, where that is known only after the end.
  Result<> set_model_hash(const std::string& turn_id, const std::string& hash);

  // As llm chooses: the highest id among threads and the conversations of older versions. Nothing
  // in an empty ledger.
  Result<std::optional<Thread>> newest_thread();
  // kNotFound: "No conversation found with id=...". kCorrupt where messages of it are missing.
  Result<Thread> thread(const std::string& id);

  Result<TurnRecord> record(const std::string& turn_id);

  Database& database() { return database_; }
  std::string new_id() { return ids_->next(); }

 private:
  explicit Ledger(Database database)
      : database_(std::move(database)), ids_(std::make_unique<UlidSource>()) {}
  Database database_;
  std::unique_ptr<UlidSource> ids_;
};

// Whether a turn is recorded, and where. -n and --log stand before the switch that `hob logs off`
// leaves behind.
struct LoggingGate {
  bool never = false, always = false;  // -n, --log
  std::string database;                // -d; empty: logs.db

  Result<> check() const;  // kInvalid where both are asked for
  bool is_open() const;
  std::string path() const;
};

}  // namespace hob::store
