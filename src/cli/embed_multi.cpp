// hob embed-multi: many contents into a collection, batch by batch.
//
// What is in the collection already is not embedded again, so a run that was interrupted goes on
// where it stopped when it is called again.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>

#include "cli/accepted_flags.h"
#include "cli/command.h"
#include "cli/embed_flags.h"
#include "cli/path_argument.h"
#include "cli/repeatable.h"
#include "cli/safe_text.h"
#include "embed/rows.h"
#include "os/file.h"
#include "os/terminal.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;
constexpr size_t kBatch = 100;

struct MultiFlags {
  std::string collection, input, format, sql, prefix, model, prepend;
  Pairs files, attached;
  std::vector<std::string> encodings;
  bool binary = false, store = false;
  size_t batch_size = 0;
  DatabaseFlag database;
};

// What of the command line does not go together, in llm's words; or "".
std::string mismatch(const MultiFlags& flags) {
  const bool files = !flags.files.empty();
  if (flags.binary && !files) return "--binary must be used with --files";
  if (flags.binary && !flags.encodings.empty()) return "--binary cannot be used with --encoding";
  if (flags.input.empty() && flags.sql.empty() && !files)
    return "Either --sql or input path or --files is required";
  if (files && (!flags.input.empty() || !flags.sql.empty() || !flags.format.empty()))
    return "Cannot use --files with --sql, input path or --format";
  for (const auto& [folder, pattern] : flags.files) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored))
      return fmt::format("Invalid directory: {}", folder);
  }
  return {};
}

// Gathers items into batches and stores each as soon as it is full.
class Batches {
 public:
  Batches(Io& io, const MultiFlags& flags, store::Database& db, embed::Collection collection,
          embed::Model& model, uint64_t total)
      : flags_(flags),
        collections_(db),
        collection_(std::move(collection)),
        model_(model),
        size_(std::min(flags.batch_size > 0 ? flags.batch_size : kBatch, model.batch_size())),
        progress_(io, "Embedding", total) {}

  Result<> take(embed::Item item) {
    item.id = flags_.prefix + item.id;
    if (!item.binary) item.content = flags_.prepend + item.content;
    batch_.push_back(std::move(item));
    return batch_.size() < size_ ? Result<>{} : store();
  }
  Result<> store() {
    HOB_TRY_VOID(collections_.add(collection_, model_, batch_, flags_.store));
    done_ += batch_.size();
    batch_.clear();
    progress_.at(done_);
    if (os::InterruptGuard::requested())
      return fail(ErrorKind::kCancelled, "{} items are stored", done_);
    return {};
  }

 private:
  const MultiFlags& flags_;
  embed::Collections collections_;
  embed::Collection collection_;
  embed::Model& model_;
  size_t size_;
  ItemProgress progress_;
  std::vector<embed::Item> batch_;
  uint64_t done_ = 0;
};

// One source of items: how many there are (0: not known), and how they are read.
struct Source {
  std::function<Result<uint64_t>()> count;
  std::function<Result<>(const embed::Take&)> read;
};

std::function<Result<uint64_t>()> counted(uint64_t total) {
  return [total]() -> Result<uint64_t> { return total; };
}

Result<Source> file_source(Io& io, const MultiFlags& flags) {
  auto paths = std::make_shared<Pairs>();  // folder, path below it
  for (const auto& [folder, pattern] : flags.files) {
    HOB_TRY(auto found, embed::matching_files({folder, pattern}));
    for (std::string& path : found) paths->emplace_back(folder, std::move(path));
  }
  std::vector<std::string> encodings = flags.encodings;
  if (encodings.empty()) encodings = {"utf-8", "latin-1"};
  const auto read = [&io, &flags, paths, encodings](const embed::Take& take) -> Result<> {
    for (const auto& [folder, path] : *paths) {
      const std::string whole = folder + '/' + path;
      HOB_TRY(std::string bytes, os::read_file(whole));
      if (!flags.binary) {
        HOB_TRY(auto text, embed::decoded(bytes, encodings));
        if (!text) {
          io.note(fmt::format("Could not decode text in file {}\n", safe_line(whole)));
          continue;
        }
        bytes = *std::move(text);
      }
      HOB_TRY_VOID(take({path, std::move(bytes), flags.binary, {}}));
    }
    return {};
  };
  return Source{counted(paths->size()), read};
}

Result<Source> query_source(const MultiFlags& flags) {
  // A connection of its own, which changes nothing: reading goes on while batches are written.
  HOB_TRY(auto opened, flags.database.open(store::Access::kRead));
  auto db = std::make_shared<store::Database>(std::move(opened));
  for (const auto& [alias, path] : flags.attached) HOB_TRY_VOID(db->attach(path, alias));
  HOB_TRY(const uint64_t total, embed::count_query(*db, flags.sql));
  return Source{counted(total), [&flags, db](const embed::Take& take) {
                  return embed::read_query(*db, flags.sql, take);
                }};
}

// Rows of a file are all looked at before the first is embedded, as in llm: a broken one is an error
// that leaves nothing half done. What standard input had before a broken row is stored.
Result<Source> text_source(Io& io, const MultiFlags& flags) {
  const bool standard = flags.input == "-";
  HOB_TRY(std::string read, standard ? read_input(io) : os::read_file(flags.input));
  const std::string name = standard ? "standard input" : flags.input;
  if (!text::is_utf8(read)) return fail(ErrorKind::kInvalid, "{}: not UTF-8 text", name);
  const auto format = embed::row_format(flags.format);
  const auto text = std::make_shared<const std::string>(std::move(read));
  const bool strict = !standard || embed::is_document(*text, format);
  const bool counts = strict || io.err_terminal;
  return Source{[=]() -> Result<uint64_t> {
                  if (!counts) return uint64_t{0};
                  auto total = embed::count_rows(*text, format, name);
                  if (!total && !strict) return uint64_t{0};
                  return total;
                },
                [=](const embed::Take& take) {
                  return embed::read_rows(*text, format, name, take);
                }};
}

Result<> embed_many(Io& io, const MultiFlags& flags) {
  HOB_TRY(auto db, flags.database.open(store::Access::kCreate));
  embed::Collections collections(db);
  HOB_TRY(auto collection, collections.find(flags.collection));
  const embed::KnownModel* known = nullptr;
  if (collection) {
    HOB_TRY(known, model_of(*collection));
  } else {
    HOB_TRY(known, choose_model(flags.model));
  }
  if (flags.binary && !known->takes_binary)
    return fail(ErrorKind::kInvalid, "{} takes text only, no binary data", known->id);
  HOB_TRY(const Source source, !flags.files.empty() ? file_source(io, flags)
                               : !flags.sql.empty() ? query_source(flags)
                                                    : text_source(io, flags));
  HOB_TRY(const auto model, known->open({}));
  if (!collection) collection = embed::Collection{0, flags.collection, std::string(known->id)};
  HOB_TRY(const uint64_t total, source.count());
  if (!io.out_terminal) io.write("Embedding\n");  // as llm does; on a terminal there is progress
  const os::InterruptGuard guard;
  Result<> result;
  {
    Batches batches(io, flags, db, *collection, *model, total);
    result = source.read([&](embed::Item item) { return batches.take(std::move(item)); });
    if (result) result = batches.store();
  }
  note_cut(io, *model);
  if (!result && result.error().kind == ErrorKind::kCancelled)
    io.note("What was embedded so far is stored; the same command goes on from there.\n");
  return result;
}

}  // namespace

Action define_embed_multi(CLI::App& app, Io& io) {
  auto flags = std::make_shared<MultiFlags>();
  app.add_option("COLLECTION", flags->collection, "Collection to keep the vectors in")->required();
  app.add_option("INPUT_PATH", flags->input,
                 "File of rows, - is standard input: the first column is the id, the others are "
                 "the content")
      ->check(path_argument({.dash = true, .folder = true}));
  app.add_option("--format", flags->format,
                 "Format of the input: json, csv, tsv or nl (JSON lines); found out where not "
                 "given")
      ->option_text("FORMAT")
      ->check([](const std::string& format) -> std::string {
        if (embed::row_format(format)) return {};
        return fmt::format("'{}' is not one of 'json', 'csv', 'tsv', 'nl'.", format);
      });
  add_repeatable(app, "--files", flags->files,
                 "Embed the files of a folder that match a pattern; repeatable")
      ->option_text("DIR GLOB");
  add_repeatable(app, "--encoding", flags->encodings,
                 "Encoding to try for --files; repeatable (default: utf-8, then latin-1)")
      ->option_text("NAME");
  app.add_flag("--binary", flags->binary, "Treat --files as bytes, not as text");
  app.add_option("--sql", flags->sql, "Read the rows of this SQL query")->option_text("QUERY");
  add_repeatable(app, "--attach", flags->attached,
                 "Another SQLite database that the query may read; repeatable")
      ->option_text("ALIAS FILE");
  app.add_option("--batch-size", flags->batch_size,
                 "Items to embed and store at a time (default: 100)")
      ->option_text("N")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--prefix", flags->prefix, "Put this before every id")->option_text("TEXT");
  app.add_option("-m,--model", flags->model, "Embedding model of a new collection")
      ->option_text("MODEL");
  accept_key(app);
  app.add_option("--prepend", flags->prepend, "Put this before every content")
      ->option_text("TEXT");
  app.add_flag("--store", flags->store, "Keep the content itself as well");
  flags->database.declare(app);
  app.parse_complete_callback([flags] {
    if (const std::string wrong = mismatch(*flags); !wrong.empty())
      throw CLI::ValidationError(wrong);
  });
  return [flags, &io] { return embed_many(io, *flags); };
}

}  // namespace hob::cli
