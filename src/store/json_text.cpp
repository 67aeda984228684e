#include "store/json_text.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace hob::store {
namespace {

using nlohmann::ordered_json;

struct Form {
  const char *comma, *colon;
  bool ascii = true, sorted = false;
};

std::string string_text(const ordered_json& value, bool ascii) {
  return value.dump(-1, ' ', ascii, ordered_json::error_handler_t::replace);
}

// Python writes a whole double as "1.0" and a tiny or huge one with two digits of exponent, and so
// does nlohmann; they part at the exponent from which on each uses one.
std::string double_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

void write(std::string& out, const ordered_json& value, const Form& form) {
  if (value.is_object()) {
    std::vector<ordered_json::const_iterator> members;
    for (auto it = value.begin(); it != value.end(); ++it) members.push_back(it);
    if (form.sorted) {
      std::sort(members.begin(), members.end(),
                [](const auto& a, const auto& b) { return a.key() < b.key(); });
    }
    out += '{';
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += form.comma;
      out += string_text(members[i].key(), form.ascii);
      out += form.colon;
      write(out, members[i].value(), form);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += form.comma;
      write(out, value[i], form);
    }
    out += ']';
  } else if (value.is_number_float()) {
    out += double_text(value.get<double>());
  } else {
    out += string_text(value, form.ascii);
  }
}

std::string text_in(const ordered_json& value, const Form& form) {
  std::string out;
  write(out, value, form);
  return out;
}

template <size_t Size>
std::string hexadecimal(const unsigned char (&digest)[Size]) {
  std::string text(2 * Size + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), digest, Size);
  text.pop_back();
  return text;
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::string json_text(const ordered_json& value) { return text_in(value, {", ", ": "}); }
std::string compact_json(const ordered_json& value) { return text_in(value, {",", ":"}); }
std::string canonical_json(const ordered_json& value) {
  return text_in(value, {",", ":", false, true});
}
std::string indented_json(const ordered_json& value) {
  return value.dump(2, ' ', true, ordered_json::error_handler_t::replace);
}

std::string blake2b_16(std::string_view bytes) {
  unsigned char digest[16];
  crypto_generichash(digest, sizeof digest, raw(bytes), bytes.size(), nullptr, 0);
  return hexadecimal(digest);
}

std::string sha256(std::string_view bytes) {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, raw(bytes), bytes.size());
  return hexadecimal(digest);
}

}  // namespace hob::store
