#include "cli/fences.h"

#include <md4c.h>

#include <cstdint>
#include <vector>

namespace hob::cli {
namespace {

// A last line for the parser alone. It ends up inside a block that nothing closes, and only there.
constexpr std::string_view kEnd = "\n\x01the text ends here\x01\n";

struct Collector {
  std::vector<std::string> blocks;
  bool inside = false;
};

int enter(MD_BLOCKTYPE type, void* detail, void* user) {
  auto& collector = *static_cast<Collector*>(user);
  if (type != MD_BLOCK_CODE) return 0;
  collector.inside = static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->fence_char != 0;
  if (collector.inside) collector.blocks.emplace_back();
  return 0;
}

int leave(MD_BLOCKTYPE, void*, void* user) {
  static_cast<Collector*>(user)->inside = false;
  return 0;
}

int ignore_span(MD_SPANTYPE, void*, void*) { return 0; }

int add_text(MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* user) {
  auto& collector = *static_cast<Collector*>(user);
  if (!collector.inside) return 0;
  std::string& block = collector.blocks.back();
  type == MD_TEXT_NULLCHAR ? block.append("\xef\xbf\xbd") : block.append(text, size);
  return 0;
}

}  // namespace

std::optional<std::string> fenced_block(std::string_view text, WhichBlock which) {
  const std::string whole = std::string(text) + std::string(kEnd);
  if (whole.size() > UINT32_MAX) return std::nullopt;
  MD_PARSER parser{};
  parser.flags = MD_DIALECT_COMMONMARK;
  parser.enter_block = enter;
  parser.leave_block = leave;
  parser.enter_span = ignore_span;
  parser.leave_span = ignore_span;
  parser.text = add_text;
  Collector collector;
  md_parse(whole.data(), static_cast<MD_SIZE>(whole.size()), &parser, &collector);
  auto& blocks = collector.blocks;
  if (!blocks.empty() && blocks.back().find(kEnd.substr(1)) != std::string::npos) blocks.pop_back();
  if (blocks.empty()) return std::nullopt;
  return which == WhichBlock::kFirst ? blocks.front() : blocks.back();
}

}  // namespace hob::cli
