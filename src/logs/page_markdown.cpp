// Markdown to HTML over md4c's parser: blocks and spans as they come, every text escaped.
#include <fmt/format.h>
#include <md4c.h>

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "logs/page.h"
#include "text/utf8.h"

namespace hob::logs {
namespace {

struct Renderer {
  std::string out;
  int image_depth = 0;         // inside an image's text, which has no markup
  std::vector<bool> links;     // of open spans: whether an <a> was written
};

std::string_view view(const MD_ATTRIBUTE& attribute) {
  return attribute.text ? std::string_view(attribute.text, attribute.size) : std::string_view();
}

// Relative addresses lead nowhere from a page on its own, and other schemes may run something.
bool is_safe_address(std::string_view address) {
  const std::string lower = ascii_lower(address.substr(0, 8));
  return lower.starts_with("http://") || lower.starts_with("https://") ||
         lower.starts_with("mailto:");
}

const char* tag_of(MD_BLOCKTYPE type) {
  switch (type) {
    case MD_BLOCK_QUOTE:
      return "blockquote";
    case MD_BLOCK_UL:
      return "ul";
    case MD_BLOCK_LI:
      return "li";
    case MD_BLOCK_P:
      return "p";
    case MD_BLOCK_TABLE:
      return "table";
    case MD_BLOCK_THEAD:
      return "thead";
    case MD_BLOCK_TBODY:
      return "tbody";
    case MD_BLOCK_TR:
      return "tr";
    case MD_BLOCK_TH:
      return "th";
    case MD_BLOCK_TD:
      return "td";
    default:
      return nullptr;
  }
}

const char* tag_of(MD_SPANTYPE type) {
  switch (type) {
    case MD_SPAN_EM:
      return "em";
    case MD_SPAN_STRONG:
      return "strong";
    case MD_SPAN_CODE:
      return "code";
    case MD_SPAN_DEL:
      return "del";
    default:
      return nullptr;
  }
}

int enter_block(MD_BLOCKTYPE type, void* detail, void* user) {
  auto& out = static_cast<Renderer*>(user)->out;
  if (type == MD_BLOCK_H) {
    out += fmt::format("<h{}>", static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
  } else if (type == MD_BLOCK_OL) {
    out += fmt::format("<ol start=\"{}\">\n", static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start);
  } else if (type == MD_BLOCK_HR) {
    out += "<hr>\n";
  } else if (type == MD_BLOCK_CODE) {
    out += "<pre><code>";
  } else if (const char* tag = tag_of(type)) {
    out += fmt::format("<{}>", tag);
  }
  return 0;
}

int leave_block(MD_BLOCKTYPE type, void* detail, void* user) {
  auto& out = static_cast<Renderer*>(user)->out;
  if (type == MD_BLOCK_H) {
    out += fmt::format("</h{}>\n", static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
  } else if (type == MD_BLOCK_OL) {
    out += "</ol>\n";
  } else if (type == MD_BLOCK_CODE) {
    out += "</code></pre>\n";
  } else if (const char* tag = tag_of(type)) {
    out += fmt::format("</{}>\n", tag);
  }
  return 0;
}

// md4c takes "&name;", "&#digits;" and "&#xdigits;" as one. Names are the browser's to know, but
// those of characters that must not work unseen.
std::string entity(std::string_view text) {
  if (text == "&lrm;") text = "&#x200E;";
  if (text == "&rlm;") text = "&#x200F;";
  if (!text.starts_with("&#")) return std::string(text);
  const bool hexadecimal = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  char32_t code_point = 0;
  for (const char c : text.substr(hexadecimal ? 3 : 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) break;
    code_point = code_point * (hexadecimal ? 16 : 10) + static_cast<char32_t>(digit);
  }
  constexpr char32_t kLast = 0x10FFFF;
  if (code_point == 0 || code_point > kLast || (code_point >= 0xD800 && code_point < 0xE000))
    return "\xEF\xBF\xBD";
  std::string utf8;
  text::append_utf8(utf8, code_point);
  return html_escaped(utf8);
}

// What md4c says of a link's address, in pieces, as HTML.
std::string attribute_text(const MD_ATTRIBUTE& attribute) {
  std::string out;
  for (size_t i = 0; attribute.text && attribute.substr_offsets[i] < attribute.size; ++i) {
    const auto begin = attribute.substr_offsets[i], end = attribute.substr_offsets[i + 1];
    const std::string_view piece(attribute.text + begin, end - begin);
    out += attribute.substr_types[i] == MD_TEXT_ENTITY ? entity(piece) : html_escaped(piece);
  }
  return out;
}

int enter_span(MD_SPANTYPE type, void* detail, void* user) {
  auto& renderer = *static_cast<Renderer*>(user);
  MD_ATTRIBUTE attribute{};
  if (type == MD_SPAN_A) attribute = static_cast<MD_SPAN_A_DETAIL*>(detail)->href;
  if (type == MD_SPAN_IMG) attribute = static_cast<MD_SPAN_IMG_DETAIL*>(detail)->src;
  if (type == MD_SPAN_A || type == MD_SPAN_IMG) {
    // An image is a link in other words: nothing is fetched.
    const bool linked = renderer.image_depth == 0 && is_safe_address(view(attribute)) &&
                        std::find(renderer.links.begin(), renderer.links.end(), true) ==
                            renderer.links.end();
    if (linked)
      renderer.out += fmt::format("<a rel=\"noreferrer noopener\" href=\"{}\">",
                                  attribute_text(attribute));
    renderer.links.push_back(linked);
    renderer.image_depth += type == MD_SPAN_IMG;
  } else if (const char* tag = tag_of(type); tag && renderer.image_depth == 0) {
    renderer.out += fmt::format("<{}>", tag);
  }
  return 0;
}

int leave_span(MD_SPANTYPE type, void*, void* user) {
  auto& renderer = *static_cast<Renderer*>(user);
  if (type == MD_SPAN_A || type == MD_SPAN_IMG) {
    if (renderer.links.back()) renderer.out += "</a>";
    renderer.links.pop_back();
    renderer.image_depth -= type == MD_SPAN_IMG;
  } else if (const char* tag = tag_of(type); tag && renderer.image_depth == 0) {
    renderer.out += fmt::format("</{}>", tag);
  }
  return 0;
}

int add_text(MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* user) {
  auto& renderer = *static_cast<Renderer*>(user);
  const std::string_view shown(text, size);
  if (type == MD_TEXT_BR && renderer.image_depth == 0) {
    renderer.out += "<br>\n";
  } else if (type == MD_TEXT_BR || type == MD_TEXT_SOFTBR) {
    renderer.out += '\n';
  } else if (type == MD_TEXT_NULLCHAR) {
    renderer.out += "\xEF\xBF\xBD";
  } else if (type == MD_TEXT_ENTITY) {
    renderer.out += entity(shown);
  } else {
    renderer.out += html_escaped(shown);
  }
  return 0;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const text::Utf8Sequence next = text::next_utf8(text);
    const char32_t c = next.code_point;
    if (next.head != text::Utf8Head::kWhole) {
      out += "\xEF\xBF\xBD";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if (c < 0x20 && c != '\n' && c != '\t' && c != '\r') {
      out += '^';
      out += static_cast<char>(c ^ 0x40);
    } else if ((c >= 0x7F && c < 0xA0) || text::is_bidi_control(c)) {
      out += fmt::format("&lt;U+{:04X}&gt;", static_cast<uint32_t>(c));
    } else {
      out += text.substr(0, static_cast<size_t>(next.length));
    }
    text.remove_prefix(static_cast<size_t>(next.length));
  }
  return out;
}

std::string html_of_markdown(std::string_view markdown) {
  constexpr size_t kMostBytes = 1u << 30;  // md4c counts in 32 bits
  Renderer renderer;
  MD_PARSER parser{};
  parser.flags = MD_DIALECT_GITHUB | MD_FLAG_NOHTML;
  parser.enter_block = enter_block;
  parser.leave_block = leave_block;
  parser.enter_span = enter_span;
  parser.leave_span = leave_span;
  parser.text = add_text;
  const bool parsed = markdown.size() < kMostBytes &&
                      md_parse(markdown.data(), static_cast<MD_SIZE>(markdown.size()), &parser,
                               &renderer) == 0;
  if (!parsed) return fmt::format("<pre>{}</pre>\n", html_escaped(markdown));
  return std::move(renderer.out);
}

}  // namespace hob::logs
