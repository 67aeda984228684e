// Characters come one at a time: cleaned, decomposed, stripped and lowered, they make words, and a
// word becomes pieces as soon as it ends.
#include "text/wordpiece.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "text/utf8.h"

namespace hob::text {
namespace {

constexpr size_t kMostPieces = 10'000'000;  // more than any vocabulary has
constexpr size_t kMostPieceBytes = 1024;

// ---- characters ----

// What Hugging Face's tables, some older and some newer than utf8proc's, see differently. kPlain:
// neither a mark nor a control character nor punctuation; kLower: `lower` is its small letter.
enum class Seen : uint8_t { kPlain, kPunctuation, kMark, kLower };
struct SeenRange {
  uint32_t first, last;
  Seen as;
  uint32_t lower;
};
constexpr SeenRange kSeen[] = {
#include "text/wordpiece_unicode.inc"
};

const SeenRange* seen(uint32_t c) {
  const auto* found = std::ranges::lower_bound(kSeen, c, {}, &SeenRange::last);
  return found != std::end(kSeen) && found->first <= c ? found : nullptr;
}

bool is_space(uint32_t c) {  // Unicode's White_Space
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool is_chinese(uint32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b81f) ||
         (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0x2f800 && c <= 0x2fa1f);
}

utf8proc_category_t category(uint32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_control(uint32_t c) {
  if (c == '\t' || c == '\n' || c == '\r' || seen(c)) return false;
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_CO || kind == UTF8PROC_CATEGORY_CS;
}

bool is_mark(uint32_t c) {
  if (const auto* row = seen(c)) return row->as == Seen::kMark;
  return category(c) == UTF8PROC_CATEGORY_MN;
}

bool is_punctuation(uint32_t c) {
  if (c < 0x80)
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
  if (const auto* row = seen(c)) return row->as == Seen::kPunctuation;
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

uint32_t lowered(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (const auto* row = seen(c)) return row->as == Seen::kLower ? row->lower : c;
  return static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

// use(c) for each character of c's canonical decomposition, all the way down.
template <class Use>
void decompose(uint32_t c, const Use& use) {
  utf8proc_int32_t parts[32];
  int boundary = 0;
  const auto count = c < 0x80 || seen(c)
                         ? 0
                         : utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts,
                                                   std::size(parts), UTF8PROC_DECOMPOSE, &boundary);
  if (count <= 0 || count > static_cast<utf8proc_ssize_t>(std::size(parts))) return use(c);
  for (utf8proc_ssize_t i = 0; i < count; ++i) use(static_cast<uint32_t>(parts[i]));
}

// ---- tokenizer.json ----

using nlohmann::json;

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const json* value, std::string_view fallback) {
  return value && value->is_string() ? value->get<std::string>() : std::string(fallback);
}

std::string type_of(const json* part) {
  return part ? text_of(member(*part, "type"), "") : "none";
}

// Whether the post-processor puts the control tokens around a text, and nothing else.
bool encloses(const json* processor, const WordPieceRules& rules) {
  const std::string type = type_of(processor);
  if (type == "BertProcessing") {  // {"cls": ["[CLS]", 101], "sep": ["[SEP]", 102]}
    const auto is = [&](const char* name, const std::string& token) {
      const json* pair = member(*processor, name);
      return pair && pair->is_array() && !pair->empty() && pair->front() == token;
    };
    return is("cls", rules.begin) && is("sep", rules.end);
  }
  const json* single = type == "TemplateProcessing" ? member(*processor, "single") : nullptr;
  if (!single || !single->is_array() || single->size() != 3) return false;
  const auto is = [&](size_t at, const char* kind, const std::string& id) {
    const json* piece = member((*single)[at], kind);
    return piece && text_of(member(*piece, "id"), "") == id;
  };
  return is(0, "SpecialToken", rules.begin) && is(1, "Sequence", "A") &&
         is(2, "SpecialToken", rules.end);
}

bool flag_of(const json& object, const char* name, bool fallback) {
  const json* value = member(object, name);
  return value && value->is_boolean() ? value->get<bool>() : fallback;
}

}  // namespace

Result<WordPiece> WordPiece::from_vocabulary(std::string text, const WordPieceRules& rules,
                                             const std::string& name) {
  WordPiece made;
  made.rules_ = rules;
  made.text_ = std::make_unique<const std::string>(std::move(text));
  std::vector<std::string_view> pieces;
  std::string_view rest = *made.text_;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    pieces.push_back(line);
    if (pieces.size() > kMostPieces)
      return fail(ErrorKind::kCorrupt, "{}: more than {} pieces", name, kMostPieces);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  HOB_TRY_VOID(made.index(std::move(pieces), name));
  return made;
}

Result<WordPiece> WordPiece::from_json(std::string_view text, const std::string& name) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const json* model = member(root, "model");
  const json* vocabulary = model ? member(*model, "vocab") : nullptr;
  if (!vocabulary || !vocabulary->is_object())
    return fail(ErrorKind::kCorrupt, "{}: not a tokenizer.json with a vocabulary", name);
  if (const std::string type = text_of(member(*model, "type"), "WordPiece"); type != "WordPiece")
    return fail(ErrorKind::kUnsupported, "{}: a tokenizer of type '{}', not WordPiece", name, type);
  if (const std::string type = type_of(member(root, "pre_tokenizer")); type != "BertPreTokenizer") {
    return fail(ErrorKind::kUnsupported, "{}: a pre-tokenizer of type '{}', not BertPreTokenizer",
                name, type);
  }
  WordPieceRules rules;
  if (const json* processor = member(root, "post_processor"); !encloses(processor, rules)) {
    return fail(ErrorKind::kUnsupported,
                "{}: a post-processor of type '{}' that does not make {} TEXT {}", name,
                type_of(processor), rules.begin, rules.end);
  }
  const json* normalizer = member(root, "normalizer");
  if (normalizer) {
    if (text_of(member(*normalizer, "type"), "") != "BertNormalizer")
      return fail(ErrorKind::kUnsupported, "{}: a normalizer other than BertNormalizer", name);
    rules.clean = flag_of(*normalizer, "clean_text", true);
    rules.space_chinese = flag_of(*normalizer, "handle_chinese_chars", true);
    rules.lowercase = flag_of(*normalizer, "lowercase", true);
    rules.strip_accents = flag_of(*normalizer, "strip_accents", rules.lowercase);
  } else {
    rules = {.lowercase = false, .strip_accents = false, .space_chinese = false, .clean = false};
  }
  rules.prefix = text_of(member(*model, "continuing_subword_prefix"), "##");
  rules.unknown = text_of(member(*model, "unk_token"), "[UNK]");
  const json* most = member(*model, "max_input_chars_per_word");
  if (most && most->is_number_unsigned()) rules.most_chars = most->get<size_t>();

  WordPiece made;
  made.rules_ = rules;
  const size_t count = vocabulary->size();
  std::vector<std::pair<size_t, size_t>> places(count, {0, std::string::npos});  // in the text
  std::string joined;
  for (const auto& [piece, id] : vocabulary->items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= count ||
        places[id.get<size_t>()].second != std::string::npos) {
      return fail(ErrorKind::kCorrupt, "{}: the vocabulary's numbers are not 0 to {}", name,
                  count - 1);
    }
    places[id.get<size_t>()] = {joined.size(), piece.size()};
    joined += piece;
  }
  made.text_ = std::make_unique<const std::string>(std::move(joined));
  std::vector<std::string_view> pieces;
  for (const auto& [at, length] : places)
    pieces.push_back(std::string_view(*made.text_).substr(at, length));
  HOB_TRY_VOID(made.index(std::move(pieces), name));
  return made;
}

Result<> WordPiece::index(std::vector<std::string_view> pieces, const std::string& name) {
  size_ = pieces.size();
  first_.reserve(size_);
  later_.reserve(size_);
  for (size_t id = 0; id < size_; ++id) {
    const std::string_view piece = pieces[id];
    if (piece.size() > kMostPieceBytes)
      return fail(ErrorKind::kCorrupt, "{}: piece {} is {} bytes long", name, id, piece.size());
    longest_ = std::max(longest_, piece.size());
    first_.insert_or_assign(piece, static_cast<int32_t>(id));
    if (piece.size() > rules_.prefix.size() && piece.starts_with(rules_.prefix))
      later_.insert_or_assign(piece.substr(rules_.prefix.size()), static_cast<int32_t>(id));
  }
  for (const auto& [control, id] : {std::pair{&rules_.unknown, &unknown_},
                                    {&rules_.begin, &begin_},
                                    {&rules_.end, &end_}}) {
    const auto found = first_.find(*control);
    if (found == first_.end())
      return fail(ErrorKind::kCorrupt, "{}: the vocabulary lacks '{}'", name, *control);
    *id = found->second;
  }
  return {};
}

void WordPiece::append_word(std::string_view word, size_t chars, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  if (chars <= rules_.most_chars) {
    while (!word.empty()) {
      const Pieces& pieces = ids.size() == before ? first_ : later_;
      size_t length = std::min(word.size(), longest_);
      auto found = pieces.end();
      for (; length > 0; --length) {
        const bool whole = length == word.size() || (word[length] & 0xc0) != 0x80;
        if (whole && (found = pieces.find(word.substr(0, length))) != pieces.end()) break;
      }
      if (length == 0) break;
      ids.push_back(found->second);
      word.remove_prefix(length);
    }
    if (word.empty()) return;
  }
  ids.resize(before);
  ids.push_back(unknown_);
}

WordPiece::Encoded WordPiece::encode(std::string_view text, size_t most) const {
  Encoded out{.ids = {begin_}};
  std::string word;
  size_t chars = 0;
  const auto end_word = [&] {
    if (chars > 0) append_word(word, chars, out.ids);
    word.clear();
    chars = 0;
  };
  const auto alone = [&](uint32_t c) {
    end_word();
    append_utf8(word, c);
    chars = 1;
    end_word();
  };
  const auto add = [&](uint32_t c) {
    if (rules_.strip_accents && is_mark(c)) return;
    if (rules_.lowercase) c = lowered(c);
    if (is_space(c)) return end_word();
    if (is_punctuation(c)) return alone(c);
    // A longer word is unknown whatever follows.
    if (chars++ <= rules_.most_chars) append_utf8(word, c);
  };
  // One more than fit, so that a cut is seen.
  while (!text.empty() && out.ids.size() + 1 <= most) {
    const Utf8Sequence next = next_utf8(text);
    text.remove_prefix(static_cast<size_t>(next.length));
    const uint32_t c = next.head == Utf8Head::kWhole ? next.code_point : 0xfffd;
    if (rules_.clean && (c == 0 || c == 0xfffd || is_control(c))) continue;
    if (is_space(c)) {
      end_word();
      continue;
    }
    const bool apart = rules_.space_chinese && is_chinese(c);
    if (apart) end_word();
    if (rules_.strip_accents) {
      decompose(c, add);
    } else {
      add(c);
    }
    if (apart) end_word();
  }
  end_word();
  out.cut = out.ids.size() + 1 > most;
  out.ids.resize(std::min(out.ids.size(), most - 1));
  out.ids.push_back(end_);
  return out;
}

}  // namespace hob::text
