// hob inspect: what a model file is, and what it will need.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/model_facts.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "cli/table.h"
#include "engine/engine.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct InspectFlags {
  std::string file;
  bool json = false, tensors = false, chat_template = false;
};

constexpr size_t kTemplateLines = 6;
constexpr int kLabelWidth = 14;

std::string shape_text(const std::vector<uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// The contexts worth a line: what hob takes by default, and the model's own.
std::vector<uint64_t> contexts(const ModelFacts& facts) {
  if (!facts.kv_elements || facts.context == 0) return {};
  const uint64_t usual = std::min<uint64_t>(facts.context, engine::kDefaultContext);
  return usual == facts.context ? std::vector{usual} : std::vector{usual, facts.context};
}

double kv_bytes(const ModelFacts& facts, const KvBytes& type, uint64_t tokens) {
  return *facts.kv_elements * type.bytes_per_element * static_cast<double>(tokens);
}

std::string approximate_bytes(double bytes) {
  return bytes < 1e18 ? bytes_text(static_cast<uint64_t>(bytes))
                      : fmt::format("{:.3g} bytes", bytes);
}

ordered_json memory_json(const ModelFacts& facts) {
  ordered_json out = {{"weights_bytes", facts.file_bytes}, {"kv_cache", ordered_json::array()}};
  for (uint64_t tokens : contexts(facts)) {
    ordered_json entry = {{"context", tokens}};
    for (const KvBytes& type : kv_types())
      entry[fmt::format("{}_bytes", type.type)] = kv_bytes(facts, type, tokens);
    out["kv_cache"].push_back(std::move(entry));
  }
  return out;
}

ordered_json tensor_json(const gguf::Tensor& tensor) {
  return {{"name", std::string(tensor.name)},
          {"type", tensor.format ? ordered_json(std::string(quant::traits(*tensor.format).name))
                                 : ordered_json(tensor.type)},
          {"shape", tensor.shape},
          {"offset", tensor.offset},
          {"bytes", tensor.bytes}};
}

ordered_json facts_json(const gguf::File& file, const ModelFacts& facts, bool with_tensors) {
  ordered_json out = {
      {"path", facts.path},
      {"name", facts.name},
      {"architecture", facts.architecture},
      {"size_label", facts.size_label},
      {"licence", facts.licence},
      {"gguf_version", facts.gguf_version},
      {"bytes", facts.file_bytes},
      {"parameters", facts.parameters},
      {"quantisation", facts.quantisation},
      {"context", facts.context},
      {"layers", facts.layers},
      {"width", facts.width},
      {"heads", facts.heads},
      {"tokenizer", facts.tokenizer},
      {"pre_tokenizer", facts.pre_tokenizer},
      {"vocabulary", facts.vocabulary},
      {"has_template", facts.has_template},
      {"memory", memory_json(facts)},
  };
  for (const TypeShare& type : facts.types) {
    out["types"].push_back({{"type", type.name},
                            {"tensors", type.tensors},
                            {"parameters", type.parameters},
                            {"bytes", type.bytes}});
  }
  for (const auto& [key, value] : file.metadata())
    out["metadata"][std::string(key)] = value_json(value);
  if (with_tensors) {
    out["tensors"] = ordered_json::array();
    for (const gguf::Tensor& tensor : file.tensors()) out["tensors"].push_back(tensor_json(tensor));
  }
  return out;
}

// "Label         value", values cut to the terminal's width.
void print_row(Io& io, std::string_view label, std::string_view value) {
  if (value.empty()) return;
  std::string line = safe_line(value);
  const size_t room = static_cast<size_t>(std::max(20, io.width - kLabelWidth - 1));
  if (io.out_terminal && static_cast<size_t>(display_width(line)) > room) {
    line = std::string(utf8_prefix(line, room - 3)) + "...";
  }
  io.print("{:<{}}{}\n", label, kLabelWidth, line);
}

void print_types(Io& io, const ModelFacts& facts) {
  if (facts.types.empty()) return;
  std::vector<std::vector<std::string>> rows;
  uint64_t total = 0;
  for (const TypeShare& type : facts.types) total += type.bytes;
  for (const TypeShare& type : facts.types) {
    rows.push_back({type.name, grouped(type.tensors), count_text(type.parameters),
                    bytes_text(type.bytes), fmt::format("{:.1f} %", share(type.bytes, total))});
  }
  io.write("\n" +
           table_text(
               {{"TYPE"}, {"TENSORS", true}, {"PARAMETERS", true}, {"SIZE", true}, {"SHARE", true}},
               rows));
}

void print_memory(Io& io, const ModelFacts& facts) {
  std::vector<std::vector<std::string>> rows;
  for (uint64_t tokens : contexts(facts)) {
    std::vector<std::string> row = {grouped(tokens)};
    for (const KvBytes& type : kv_types())
      row.push_back(approximate_bytes(kv_bytes(facts, type, tokens)));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return;
  std::vector<Column> columns = {{"CONTEXT", true}};
  for (const KvBytes& type : kv_types()) columns.push_back({fmt::format("KV {}", type.type), true});
  io.print("\nMemory: {} of weights, mapped from the file, and for the attention cache at most\n",
           bytes_text(facts.file_bytes));
  io.write(table_text(columns, rows));
}

std::string first_lines(std::string_view text, size_t lines) {
  size_t end = 0;
  for (size_t i = 0; i < lines && end != text.npos; ++i)
    end = text.find('\n', end == 0 ? 0 : end + 1);
  return std::string(text.substr(0, end));
}

void print_template(Io& io, const std::string& source) {
  if (source.empty()) return;
  constexpr size_t kMostBytes = 600;
  const std::string lines = first_lines(source, kTemplateLines);
  const std::string_view shown = utf8_prefix(lines, kMostBytes);
  io.print("\nChat template{}:\n{}\n",
           shown.size() < source.size() ? " (its beginning; --template shows all)" : "",
           safe_text(shown));
}

void print_metadata(Io& io, const gguf::File& file) {
  io.write("\nMetadata:\n");
  for (const auto& [key, value] : file.metadata()) {
    if (key == "tokenizer.chat_template") continue;
    constexpr size_t kMostBytes = 100;
    const auto json = value_json(value);
    const bool cut = json.is_object();
    const std::string text =
        cut ? fmt::format("{} {}", json["count"].get<size_t>(), json["type"].get<std::string>())
        : json.is_string() ? json.get<std::string>()
                           : json.dump();
    const auto shown = utf8_prefix(text, kMostBytes);
    io.print("  {} = {}{}\n", safe_line(key), safe_line(shown),
             shown.size() < text.size() ? "..." : "");
  }
}

void print_tensors(Io& io, const gguf::File& file) {
  std::vector<std::vector<std::string>> rows;
  for (const gguf::Tensor& tensor : file.tensors()) {
    rows.push_back({std::string(tensor.name),
                    tensor.format ? std::string(quant::traits(*tensor.format).name)
                                  : fmt::format("type {}", tensor.type),
                    shape_text(tensor.shape), tensor.format ? bytes_text(tensor.bytes) : "?"});
  }
  io.write("\n" + table_text({{"TENSOR"}, {"TYPE"}, {"SHAPE"}, {"SIZE", true}}, rows));
}

void print_facts(Io& io, const gguf::File& file, const ModelFacts& facts) {
  print_row(io, "Name", facts.name);
  print_row(io, "File", facts.path);
  print_row(io, "Family", facts.architecture);
  print_row(io, "Licence", facts.licence.empty() ? "not stated" : facts.licence);
  print_row(io, "Size",
            fmt::format("{} (GGUF version {})", bytes_text(facts.file_bytes), facts.gguf_version));
  print_row(io, "Parameters",
            fmt::format("{} in {} tensors, {}", count_text(facts.parameters), facts.tensors,
                        facts.quantisation));
  if (facts.layers > 0) {
    print_row(io, "Shape",
              fmt::format("{} layers, width {}, {} heads", facts.layers, facts.width, facts.heads));
  }
  if (facts.context > 0) print_row(io, "Context", grouped(facts.context) + " tokens");
  if (!facts.tokenizer.empty()) {
    print_row(
        io, "Tokenizer",
        fmt::format("{}{}{}, {} tokens", facts.tokenizer, facts.pre_tokenizer.empty() ? "" : "/",
                    facts.pre_tokenizer, grouped(facts.vocabulary)));
  }
  print_types(io, facts);
  print_memory(io, facts);
  print_metadata(io, file);
}

Result<> inspect(Io& io, const InspectFlags& flags) {
  HOB_TRY(const std::string path, chat::ModelStore::standard().find(flags.file));
  HOB_TRY(const auto file, gguf::File::open(path));
  HOB_TRY(const std::string source, file.text_or("tokenizer.chat_template", ""));
  if (flags.chat_template) {
    if (source.empty()) return fail(ErrorKind::kNotFound, "{}: has no chat template", path);
    io.show(source);
    if (!source.ends_with('\n')) io.write("\n");
    return {};
  }
  HOB_TRY(const ModelFacts facts, read_facts(file));
  if (flags.json) {
    io.write(facts_json(file, facts, flags.tensors)
                 .dump(2, ' ', false, ordered_json::error_handler_t::replace) +
             "\n");
    return {};
  }
  print_facts(io, file, facts);
  print_template(io, source);
  if (flags.tensors) print_tensors(io, file);
  return {};
}

}  // namespace

Action define_inspect(CLI::App& app, Io& io) {
  auto flags = std::make_shared<InspectFlags>();
  app.add_option("FILE", flags->file,
                 "A GGUF file, or the name of a model (default: the default model)");
  app.add_flag("--tensors", flags->tensors, "List every tensor");
  app.add_flag("--template", flags->chat_template, "Print the chat template and nothing else");
  app.add_flag("--json", flags->json, "Print a JSON object");
  return [flags, &io] { return inspect(io, *flags); };
}

}  // namespace hob::cli
