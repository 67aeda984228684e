// The table of pre-tokenizers, and PCRE2 as the engine that runs them.
//
// PCRE2 must see valid UTF-8 of its own Unicode version. So a text that needs it is copied first,
// with a stand-in of the same length for each byte that is not UTF-8 and each character whose class
// PCRE2 does not know or knows differently (unicode_delta.inc); the pieces are cut from the
// original.
#include "text/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/check.h"
#include "text/utf8.h"

namespace hob::text {
namespace {

constexpr char kDigit[] = R"(\p{N})";
constexpr char kDigitTriple[] = R"(\p{N}{1,3})";
constexpr char kAsciiTriple[] = R"([0-9][0-9][0-9])";
constexpr char kNewline[] = R"([\r\n])";
constexpr char kGpt2Words[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// The family of cl100k: case-blind contractions, one leading symbol per word, digits by ones or
// threes.
#define HOB_CL100K(digits)                                           \
  R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" digits \
  R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr char kLlama3Words[] = HOB_CL100K(R"(\p{N}{1,3})");
constexpr char kQwen2Words[] = HOB_CL100K(R"(\p{N})");
constexpr char kQwen35Words[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})"
    R"(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// The family of o200k: a word ends where lower case turns to upper case.
#define HOB_O200K(contraction, digits)                                                           \
  R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)" contraction  \
  R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)" contraction \
  "|" digits R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr char kGpt4oWords[] = HOB_O200K(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)", R"(\p{N}{1,3})");
constexpr char kTekkenWords[] = HOB_O200K("", R"(\p{N})");
constexpr char kDefaultPunctuation[] = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr char kDefaultDigits[] = R"(\p{N}+)";
constexpr char kFalconPunctuation[] = R"([\p{P}\$\+<=>\^~\|`]+)";
constexpr char kDeepseekLetters[] = R"(\s?\p{L}+)";
constexpr char kDeepseekPunctuation[] = R"(\s?\p{P}+)";
constexpr char kDeepseekEastAsian[] = R"([\x{4e00}-\x{9fa5}\x{0800}-\x{4e00}\x{ac00}-\x{d7ff}]+)";
constexpr char kDeepseek3EastAsian[] = R"([\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+)";
constexpr char kDeepseek3Words[] =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr const char* kGpt2[] = {kGpt2Words};
constexpr const char* kDigitsThenGpt2[] = {kDigit, kGpt2Words};
constexpr const char* kLlama3[] = {kLlama3Words};
constexpr const char* kQwen2[] = {kQwen2Words};
constexpr const char* kQwen35[] = {kQwen35Words};
constexpr const char* kGpt4o[] = {kGpt4oWords};
constexpr const char* kTekken[] = {kTekkenWords};
constexpr const char* kDefault[] = {kDefaultPunctuation, kGpt2Words, kDefaultDigits, kAsciiTriple};
constexpr const char* kFalcon[] = {kFalconPunctuation, kGpt2Words, kAsciiTriple};
constexpr const char* kDeepseekCoder[] = {kNewline, kDeepseekLetters, kDeepseekPunctuation,
                                          kDeepseekEastAsian, kDigit};
constexpr const char* kDeepseek3[] = {kDigitTriple, kDeepseek3EastAsian, kDeepseek3Words};

constexpr PreTokenizerRow kTable[] = {
    {"gpt-2 phi-2 mpt olmo jais jina-es jina-de jina-v2-es jina-v2-de jina-v2-code jina-v1-en "
     "roberta-bpe gigachat "
     "a.x-4.0 mellum modern-bert exaone4 trillion granite-docling",
     kGpt2},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2", kDigitsThenGpt2},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2", kLlama3, true, true},
    {"glm4 glm5", kLlama3, true},
    {"dbrx smaug-bpe chatglm-bpe", kLlama3},
    {"qwen2 deepseek-r1-qwen stablelm2 hunyuan solar-open megrez kormo grok-2", kQwen2},
    {"qwen35", kQwen35},
    {"gpt-4o llama4 kanana2 minimax-m2", kGpt4o},
    {"tekken", kTekken, true, true},
    {"default", kDefault},
    {"falcon", kFalcon},
    {"deepseek-coder", kDeepseekCoder},
    {"deepseek-v3 hunyuan-dense", kDeepseek3},
};

struct StandIn {
  char32_t first, last, replacement;
};
constexpr StandIn kStandIns[] = {
#include "text/unicode_delta.inc"
};
constexpr char kInvalidByteStandIn = '\x01';  // a control character, and one byte long

// Which blocks of 256 characters hold any row of kStandIns: most texts never search the table.
constexpr int kBlockBits = 8;
constexpr auto kBlockHasStandIns = [] {
  std::array<bool, (0x110000 >> kBlockBits)> blocks{};
  for (const StandIn& row : kStandIns) {
    for (char32_t b = row.first >> kBlockBits; b <= row.last >> kBlockBits; ++b) blocks[b] = true;
  }
  return blocks;
}();

// The character to match in place of `code_point`: itself, nearly always.
char32_t stand_in(char32_t code_point) {
  if (!kBlockHasStandIns[code_point >> kBlockBits]) return code_point;
  const auto row = std::lower_bound(std::begin(kStandIns), std::end(kStandIns), code_point,
                                    [](const StandIn& r, char32_t c) { return r.last < c; });
  return row != std::end(kStandIns) && row->first <= code_point ? row->replacement : code_point;
}

// What PCRE2 is shown: `text` itself, or `copy` with stand-ins.
std::string_view subject_of(std::string_view text, std::string& copy) {
  for (size_t i = ascii_prefix(text); i < text.size(); i += ascii_prefix(text.substr(i))) {
    const Utf8Sequence sequence = next_utf8(text.substr(i));
    if (sequence.head != Utf8Head::kWhole) {
      if (copy.empty()) copy = text;
      std::fill_n(copy.begin() + static_cast<ptrdiff_t>(i), sequence.length, kInvalidByteStandIn);
    } else if (const char32_t shown = stand_in(sequence.code_point); shown != sequence.code_point) {
      if (copy.empty()) copy = text;
      std::string encoded;
      append_utf8(encoded, shown);
      HOB_CHECK(encoded.size() == static_cast<size_t>(sequence.length));
      copy.replace(i, encoded.size(), encoded);
    }
    i += static_cast<size_t>(sequence.length);
  }
  return copy.empty() ? text : std::string_view(copy);
}

}  // namespace

std::span<const PreTokenizerRow> pretokenizer_table() { return kTable; }

const PreTokenizerRow* find_pretokenizer(std::string_view name) {
  if (name.empty()) return nullptr;
  for (const PreTokenizerRow& row : kTable) {
    for (std::string_view rest = row.names; !rest.empty();) {
      const size_t end = std::min(rest.find(' '), rest.size());
      if (rest.substr(0, end) == name) return &row;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return nullptr;
}

// One compiled expression.
class PreTokenizer::Regex {
 public:
  explicit Regex(const char* pattern) {
    int error = 0;
    size_t offset = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &error, &offset, nullptr);
    HOB_CHECK(code_ != nullptr, "pattern {}: error {} at {}", pattern, error, offset);
    // Without executable memory the interpreter does the same, more slowly.
    pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
    context_ = pcre2_match_context_create(nullptr);
    HOB_CHECK(context_ != nullptr);
    // The patterns never backtrack further than one run of like characters, whose length the text
    // decides.
    pcre2_set_match_limit(context_, UINT32_MAX);
  }
  Regex(Regex&& other) noexcept
      : code_(std::exchange(other.code_, nullptr)),
        context_(std::exchange(other.context_, nullptr)) {}
  ~Regex() {
    pcre2_code_free(code_);
    pcre2_match_context_free(context_);
  }

  // Cuts `subject` at the borders of every match: `ends` gets the end of each piece, `base` added.
  void cut(std::string_view subject, size_t base, pcre2_match_data* match,
           std::vector<size_t>& ends) const {
    size_t position = 0, piece_begin = 0;
    while (position < subject.size()) {
      int found = match_at(subject, position, match, PCRE2_NO_UTF_CHECK);
      if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
        found = match_at(subject, position, match, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
      }
      if (found == PCRE2_ERROR_NOMATCH) break;
      HOB_CHECK(found > 0, "PCRE2 error {}", found);
      const PCRE2_SIZE* borders = pcre2_get_ovector_pointer(match);
      HOB_CHECK(borders[1] > borders[0], "a pre-tokenizer matched nothing at {}", borders[0]);
      if (borders[0] > piece_begin) ends.push_back(base + borders[0]);
      ends.push_back(base + borders[1]);
      piece_begin = position = borders[1];
    }
    if (piece_begin < subject.size()) ends.push_back(base + subject.size());
  }

 private:
  int match_at(std::string_view subject, size_t position, pcre2_match_data* match,
               uint32_t options) const {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(),
                       position, options, match, context_);
  }

  pcre2_code* code_ = nullptr;
  pcre2_match_context* context_ = nullptr;
};

PreTokenizer::PreTokenizer(const PreTokenizerRow& row) {
  stages_.reserve(row.stages.size());
  for (const char* pattern : row.stages) stages_.emplace_back(pattern);
}
PreTokenizer::~PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  if (text.empty()) return pieces;
  std::string copy;
  const std::string_view subject = subject_of(text, copy);
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  HOB_CHECK(match != nullptr);
  std::vector<size_t> ends = {text.size()}, finer;
  for (const Regex& stage : stages_) {
    finer.clear();
    size_t begin = 0;
    for (const size_t end : ends) {
      stage.cut(subject.substr(begin, end - begin), begin, match.get(), finer);
      begin = end;
    }
    std::swap(ends, finer);
  }
  pieces.reserve(ends.size());
  size_t begin = 0;
  for (const size_t end : ends) {
    pieces.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

}  // namespace hob::text
