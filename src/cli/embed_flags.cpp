#include "cli/embed_flags.h"

#include "cli/model_flags.h"
#include "cli/path_argument.h"
#include "embed/rows.h"
#include "os/file.h"
#include "os/terminal.h"
#include "prompts/settings.h"
#include "store/user_folder.h"
#include "text/python_text.h"
#include "text/utf8.h"

namespace hob::cli {

void DatabaseFlag::declare(CLI::App& app) {
  app.add_option("-d,--database", path,
                 "Path of the embeddings database (default: $HOB_EMBEDDINGS_DB or hob's own)")
      ->option_text("FILE");
}

std::string DatabaseFlag::chosen() const {
  return path.empty() ? store::embeddings_database() : path;
}

Result<store::Database> DatabaseFlag::open(store::Access access) const {
  return store::Database::open(chosen(), access, embed::embeddings_migrations());
}

namespace {

Result<const embed::KnownModel*> known(const std::string& name) {
  if (const auto* model = embed::find_model(name)) return model;
  HOB_TRY(const auto meant, prompts::Aliases::standard().find(name));
  const auto* model = meant ? embed::find_model(*meant) : nullptr;
  if (model) return model;
  return fail(ErrorKind::kNotFound,
              "Unknown embedding model: {}; 'hob embed-models' lists what there is", name);
}

}  // namespace

Result<const embed::KnownModel*> choose_model(const std::string& name) {
  if (!name.empty()) return known(name);
  const std::string chosen = os::environment("HOB_EMBEDDING_MODEL");
  if (!chosen.empty()) return known(chosen);
  HOB_TRY(const auto saved, prompts::saved_default(store::default_embedding_model_file()));
  if (saved) return known(*saved);
  return &embed::known_models().front();
}

Result<const embed::KnownModel*> model_of(const embed::Collection& collection) {
  if (const auto* model = embed::find_model(collection.model)) return model;
  return fail(ErrorKind::kNotFound, "collection '{}': hob has no embedding model '{}'",
              collection.name, collection.model);
}

void ContentFlags::declare(CLI::App& app, const char* what) {
  app.add_option("-i,--input", input, fmt::format("File {}; - is standard input", what))
      ->option_text("FILE")
      ->check(path_argument({.dash = true, .folder = true}));
  app.add_option("-c,--content", content, fmt::format("Content {}", what))->option_text("TEXT");
  app.add_flag("--binary", binary, "Treat the input as bytes, not as text");
}

Result<std::string> ContentFlags::read(Io& io) const {
  std::string read = content;
  if (read.empty()) {
    const bool standard = input.empty() || input == "-";
    HOB_TRY(read, standard ? read_input(io) : os::read_file(input));
    const std::string name = standard ? "standard input" : input;
    if (!binary && !text::is_utf8(read))
      return fail(ErrorKind::kInvalid, "{}: not UTF-8 text (--binary takes any bytes)", name);
    if (!binary) read = text::with_plain_newlines(read);
  }
  if (read.empty()) return fail(ErrorKind::kInvalid, "No content provided");
  return read;
}

void note_cut(Io& io, const embed::Model& model) {
  if (model.cut_items() == 0) return;
  io.note(fmt::format("Note: {} longer than the {} tokens that the model takes; only the "
                      "beginning counts\n",
                      model.cut_items() == 1 ? "the text is"
                                             : fmt::format("{} texts are",
                                                           grouped(model.cut_items())),
                      model.most_tokens()));
}

ItemProgress::ItemProgress(Io& io, std::string title, uint64_t total)
    : io_(io), title_(std::move(title)), total_(total), began_(std::chrono::steady_clock::now()) {}

ItemProgress::~ItemProgress() {
  if (io_.err_terminal && shown_ != std::chrono::steady_clock::time_point()) io_.note("\r\x1b[K");
}

void ItemProgress::at(uint64_t done) {
  using std::chrono::milliseconds;
  const auto now = std::chrono::steady_clock::now();
  if (!io_.err_terminal || now - shown_ < milliseconds(100)) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const double rate = static_cast<double>(done) / seconds;
  std::string line = fmt::format("{} {}", title_, grouped(done));
  if (total_ > 0) {
    line += fmt::format(" of {}, {} %", grouped(total_), 100 * done / total_);
  }
  if (seconds > 0.5) line += fmt::format(", {:.0f}/s", rate);
  if (seconds > 0.5 && done < total_ && rate > 0)
    line += fmt::format(", {} left", seconds_text(static_cast<double>(total_ - done) / rate));
  io_.note("\r\x1b[K" + line);
}

}  // namespace hob::cli
