// hob perplexity: how surprised a model is by a text.
//
// The method of llama.cpp's default mode, so that figures compare: the text is tokenised once, cut
// into chunks of C tokens, and in each chunk the tokens of the second half are predicted, each from
// at least C/2 tokens before it. Where the model's vocabulary asks for a BOS token, it takes the
// place of each chunk's first token. PPL = exp(mean of -log p); the error is one standard error of
// that mean, carried through exp.
//
// --logits keeps what the model said about those tokens, --against compares another model, or the
// same at other precision, with it: what a quantised file lost, in one number that no luck of the
// text hides.
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/logits_file.h"
#include "cli/model_flags.h"
#include "cli/surprise.h"
#include "os/cpu.h"
#include "os/file.h"
#include "os/terminal.h"
#include "os/thread_pool.h"

namespace hob::cli {
namespace {

using engine::Logits;
using engine::Slice;
using text::Token;

struct PerplexityFlags {
  EngineFlags engine;
  std::string file, logits, against;
  size_t chunks = 0;
  bool json = false;
};

constexpr size_t kDefaultChunk = 512;
constexpr size_t kRowsAtOnce = 128;  // bounds the memory for logits

// Files of logits beside the measurement; either may be missing.
struct Companions {
  std::optional<LogitsWriter> writer;
  std::optional<LogitsFile> reference;
};

class Measurement {
 public:
  Measurement(chat::LocalModel& model, engine::Sequence sequence, std::vector<Token> tokens,
              size_t chunk, int threads, Companions companions)
      : model_(model),
        sequence_(std::move(sequence)),
        tokens_(std::move(tokens)),
        chunk_(chunk),
        pool_(threads),
        companions_(std::move(companions)) {}

  const Surprise& surprise() const { return surprise_; }
  // Null without --against.
  const Difference* difference() const { return companions_.reference ? &difference_ : nullptr; }

  Result<> run_chunk(size_t index) {
    std::vector<Token> chunk(tokens_.begin() + static_cast<std::ptrdiff_t>(index * chunk_),
                             tokens_.begin() + static_cast<std::ptrdiff_t>((index + 1) * chunk_));
    const auto& vocabulary = model_.tokenizer().vocabulary();
    if (vocabulary.add_bos && vocabulary.bos >= 0) chunk[0] = vocabulary.bos;
    sequence_.truncate(0);
    const size_t first = chunk_ / 2;
    HOB_TRY_VOID(begin_chunk(index, chunk));
    HOB_TRY_VOID(run(std::span(chunk).subspan(0, first), Logits::kNone));
    for (size_t at = first; at + 1 < chunk_; at += kRowsAtOnce) {
      const size_t rows = std::min(kRowsAtOnce, chunk_ - 1 - at);
      HOB_TRY_VOID(run(std::span(chunk).subspan(at, rows), Logits::kAll));
      count(std::span(chunk).subspan(at + 1, rows));
      if (companions_.writer) HOB_TRY_VOID(companions_.writer->add_rows(logits_));
      if (companions_.reference) compare(index, at - first, rows);
    }
    return {};
  }

  Result<> finish() { return companions_.writer ? companions_.writer->finish() : Result<>(); }

 private:
  Result<> begin_chunk(size_t index, std::span<const Token> chunk) {
    if (companions_.reference && !std::ranges::equal(companions_.reference->tokens(index), chunk)) {
      return fail(ErrorKind::kInvalid,
                  "--against: chunk {} there has other tokens: another text, or another tokenizer",
                  index + 1);
    }
    return companions_.writer ? companions_.writer->begin_chunk(chunk) : Result<>();
  }

  // The rows in logits_, the reference's from `first` on.
  void compare(size_t chunk, size_t first, size_t rows) {
    const size_t vocabulary = logits_.size() / rows;
    std::vector<Difference> differences(rows);
    pool_.split(rows, 1, [&](size_t begin, size_t end, int) {
      for (size_t i = begin; i < end; ++i) {
        differences[i].add(std::span(logits_).subspan(i * vocabulary, vocabulary),
                           companions_.reference->row(chunk, first + i));
      }
    });
    for (const Difference& difference : differences) difference_.add(difference);
  }

  Result<> run(std::span<const Token> tokens, Logits logits) {
    const Slice slice{&sequence_, tokens, logits};
    return model_.engine().run({&slice, 1}, logits_);
  }

  // Row i of logits_ predicted targets[i].
  void count(std::span<const Token> targets) {
    const size_t vocabulary = logits_.size() / targets.size();
    std::vector<double> surprises(targets.size());
    pool_.split(targets.size(), 1, [&](size_t begin, size_t end, int) {
      for (size_t i = begin; i < end; ++i) {
        surprises[i] =
            surprise_of(std::span(logits_).subspan(i * vocabulary, vocabulary), targets[i]);
      }
    });
    for (double surprise : surprises) surprise_.add(surprise);
  }

  chat::LocalModel& model_;
  engine::Sequence sequence_;
  std::vector<Token> tokens_;
  size_t chunk_;
  os::ThreadPool pool_;
  std::vector<float> logits_;
  Surprise surprise_;
  Companions companions_;
  Difference difference_;
};

Result<Companions> open_companions(const PerplexityFlags& flags, const LogitsShape& shape) {
  Companions companions;
  if (!flags.against.empty()) {
    HOB_TRY(companions.reference, LogitsFile::open(flags.against));
    const LogitsShape& there = companions.reference->shape();
    if (there.chunk != shape.chunk || there.vocabulary != shape.vocabulary ||
        there.chunks < shape.chunks) {
      return fail(ErrorKind::kInvalid,
                  "--against: {} has {} chunks of {} tokens and {} logits a row; this is {} of {} "
                  "and {}",
                  flags.against, there.chunks, there.chunk, there.vocabulary, shape.chunks,
                  shape.chunk, shape.vocabulary);
    }
  }
  if (!flags.logits.empty()) {
    HOB_TRY(auto writer, LogitsWriter::create(flags.logits, shape));
    companions.writer.emplace(std::move(writer));
  }
  return companions;
}

Result<std::vector<Token>> tokens_of(Io& io, const PerplexityFlags& flags,
                                     const chat::LocalModel& model) {
  HOB_TRY(const std::string text, flags.file == "-" ? read_input(io) : os::read_file(flags.file));
  std::vector<Token> tokens;
  const auto& vocabulary = model.tokenizer().vocabulary();
  if (vocabulary.add_bos && vocabulary.bos >= 0) tokens.push_back(vocabulary.bos);
  const auto rest = model.tokenizer().encode(text);
  tokens.insert(tokens.end(), rest.begin(), rest.end());
  return tokens;
}

Result<> measure(Io& io, PerplexityFlags& flags) {
  const size_t chunk = flags.engine.context == 0 ? kDefaultChunk : flags.engine.context;
  if (chunk < 4)
    return fail(ErrorKind::kInvalid, "--context: chunks of {} tokens are too short to measure",
                chunk);
  flags.engine.context = chunk;
  HOB_TRY(auto model, flags.engine.load());
  HOB_TRY(auto tokens, tokens_of(io, flags, *model));
  if (tokens.size() < chunk) {
    return fail(ErrorKind::kInvalid, "{}: {} tokens are less than one chunk of {} (see --context)",
                flags.file, tokens.size(), chunk);
  }
  HOB_TRY(auto sequence, model->engine().new_sequence());
  const size_t there = tokens.size() / chunk;
  const size_t chunks = flags.chunks == 0 ? there : std::min(flags.chunks, there);
  const LogitsShape shape = {
      .vocabulary = static_cast<uint32_t>(model->engine().model().spec.vocabulary),
      .chunk = static_cast<uint32_t>(chunk),
      .chunks = static_cast<uint32_t>(chunks)};
  HOB_TRY(auto companions, open_companions(flags, shape));
  Measurement measurement(*model, std::move(sequence), std::move(tokens), chunk,
                          model->engine().threads(), std::move(companions));

  os::InterruptGuard guard;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (size_t i = 0; i < chunks; ++i) {
    HOB_TRY_VOID(measurement.run_chunk(i));
    if (os::InterruptGuard::take()) return fail(ErrorKind::kCancelled, "stopped");
    if (!io.err_terminal) continue;
    const double left =
        elapsed() / static_cast<double>(i + 1) * static_cast<double>(chunks - i - 1);
    io.note(fmt::format("\r\x1b[Kchunk {} of {}: {:.4f}, {} left", i + 1, chunks,
                        measurement.surprise().perplexity(), seconds_text(left)));
  }
  if (io.err_terminal) io.note("\r\x1b[K");
  HOB_TRY_VOID(measurement.finish());
  const Surprise& surprise = measurement.surprise();
  if (flags.json) {
    nlohmann::ordered_json object = {{"model", model->name()},
                                     {"perplexity", surprise.perplexity()},
                                     {"error", surprise.error()},
                                     {"context", chunk},
                                     {"chunks", chunks},
                                     {"tokens", surprise.count()},
                                     {"seconds", elapsed()},
                                     {"isa", model->engine().isa()},
                                     {"threads", model->engine().threads()},
                                     {"kv", flags.engine.kv_name()}};
    if (const Difference* difference = measurement.difference()) {
      object["against"] = {{"nmse", difference->nmse()},
                           {"kl_divergence", difference->kl_divergence()},
                           {"same_top", difference->same_top()}};
    }
    io.write(object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  } else {
    io.print("Perplexity {:.4f} +/- {:.4f} ({} chunks of {} tokens, {} predicted, {})\n",
             surprise.perplexity(), surprise.error(), chunks, chunk, grouped(surprise.count()),
             seconds_text(elapsed()));
    if (const Difference* difference = measurement.difference()) {
      io.print("Against {}: NMSE of logits {:.3g}, KL divergence {:.3g} nats, same top {:.2f} %\n",
               flags.against, difference->nmse(), difference->kl_divergence(),
               100 * difference->same_top());
    }
  }
  return {};
}

}  // namespace

Action define_perplexity(CLI::App& app, Io& io) {
  auto flags = std::make_shared<PerplexityFlags>();
  app.add_option("FILE", flags->file, "The text; - is standard input")->required();
  flags->engine.declare(app);
  app.get_option("--context")->description("Tokens in a chunk (default: 512)");
  app.add_option("--chunks", flags->chunks, "Only the first N chunks (default: all)")
      ->option_text("N")
      ->transform(whole_number(0, UINT64_MAX));
  app.add_option("--logits", flags->logits, "Keep the logits of the predicted tokens in FILE")
      ->option_text("FILE");
  app.add_option("--against", flags->against, "Compare with the logits that --logits kept in FILE")
      ->option_text("FILE");
  app.add_flag("--json", flags->json, "Print a JSON object");
  return [flags, &io] { return measure(io, *flags); };
}

}  // namespace hob::cli
