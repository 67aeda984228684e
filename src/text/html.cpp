#include "text/html.h"

#include <nlohmann/json.hpp>

#include "hob_rust.h"
#include "text/utf8.h"

namespace hob::text {

Result<std::string> strip_tags(std::string_view page, const HtmlOptions& options) {
  for (const auto* list : {&options.selectors, &options.removes, &options.keep_tags}) {
    for (const std::string& one : *list) {
      if (!is_utf8(one)) return fail(ErrorKind::kInvalid, "a selector or a tag is not UTF-8 text");
    }
  }
  const std::string json = nlohmann::json({{"selectors", options.selectors},
                                           {"removes", options.removes},
                                           {"keep_tags", options.keep_tags},
                                           {"minify", options.minify},
                                           {"first", options.first},
                                           {"all_attrs", options.all_attrs}})
                               .dump();
  hob_text text{nullptr, 0};
  const bool ok = hob_html_strip(page.data(), page.size(), json.data(), json.size(), &text);
  std::string out(text.data, text.size);
  hob_text_free(text);
  if (!ok) return fail(ErrorKind::kInvalid, "{}", out);
  return out;
}

}  // namespace hob::text
