// The alphabet ends at U+0143, so each of its characters is one or two bytes of UTF-8.
#include "text/byte_level.h"

#include "text/utf8.h"

namespace hob::text {
namespace {

constexpr auto kAlphabet = byte_level_alphabet();
constexpr size_t kAlphabetEnd = 0x144;

constexpr std::array<int16_t, kAlphabetEnd> bytes_by_code_point() {
  std::array<int16_t, kAlphabetEnd> bytes{};
  bytes.fill(-1);
  for (int byte = 0; byte < 256; ++byte) bytes[kAlphabet[byte]] = static_cast<int16_t>(byte);
  return bytes;
}
constexpr auto kByteOf = bytes_by_code_point();

}  // namespace

bool append_spelled_bytes(std::string& out, std::string_view spelling) {
  const size_t before = out.size();
  out.resize(before + spelling.size());  // at most one byte for each
  char* next = out.data() + before;
  for (size_t i = 0; i < spelling.size();) {
    const auto lead = static_cast<uint8_t>(spelling[i]);
    size_t code_point = lead;
    if (lead >= 0x80) {
      const bool two_bytes = lead >= 0xc2 && lead <= 0xc5 && i + 1 < spelling.size() &&
                             (static_cast<uint8_t>(spelling[i + 1]) & 0xc0) == 0x80;
      code_point = two_bytes ? (lead & 0x1fu) << 6 | (static_cast<uint8_t>(spelling[i + 1]) & 0x3fu)
                             : kAlphabetEnd;
    }
    if (code_point >= kAlphabetEnd || kByteOf[code_point] < 0) {
      out.resize(before);
      return false;
    }
    *next++ = static_cast<char>(kByteOf[code_point]);
    i += lead < 0x80 ? 1 : 2;
  }
  out.resize(static_cast<size_t>(next - out.data()));
  return true;
}

std::string spell_bytes(std::string_view bytes) {
  std::string spelling;
  for (const char byte : bytes) append_utf8(spelling, kAlphabet[static_cast<uint8_t>(byte)]);
  return spelling;
}

}  // namespace hob::text
