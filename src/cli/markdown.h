// Markdown on a terminal while it is being written.
//
// md4c reads whole documents, and a reply is none until it ends. So lines are sorted into blocks
// here, as they come; a paragraph flows up to the first delimiter that may still mean something,
// and md4c (markdown_inline.h) renders what is settled. Code flows as it comes; a table waits until
// it is whole, because its columns depend on all rows. Bold, italic, struck, code, links, headings,
// lists, quotes, rules, tables, fenced code.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/text_flow.h"

namespace hob::cli {

class MarkdownRenderer {
 public:
  using Write = TextFlow::Write;
  MarkdownRenderer(int width, Write write);

  // `text` must hold whole UTF-8 sequences. Control characters in it are made harmless.
  void push(std::string_view text);
  // Everything held back, and a newline at the end. The renderer is fresh afterwards.
  void finish();

 private:
  enum class Block { kNone, kText, kCode, kTable };
  void take_line(std::string_view line);
  void take_partial();
  void begin_line(std::string_view line);
  void begin_block(Block block);
  void begin_text(std::string_view prefix, std::string hanging, std::string_view content,
                  std::string_view base = {});
  void grow_text(std::string_view more);
  void end_text();
  void begin_code(std::string_view fence);
  void take_code(std::string_view line, bool whole);
  void write_code(std::string_view text, std::string_view style);
  void rule();
  void end_block();

  int width_;
  TextFlow flow_;
  Write write_;
  std::string line_;       // the unfinished line
  size_t line_taken_ = 0;  // bytes of it that the block already has
  Block block_ = Block::kNone;
  std::string source_;      // of the block
  std::string base_;        // style of the text block
  std::string shown_;       // what of its rendering has been written
  std::string fence_;       // what opened the code block
  bool one_line_ = false;   // the block ends with its line
  bool something_ = false;  // has been written since the start
  bool blank_ = false;      // an empty line is due before the next block
};

}  // namespace hob::cli
