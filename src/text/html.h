// The readable text of an HTML page, or of the parts that CSS selectors choose; done by rust/
// (html5ever, scraper). Pages are untrusted: what of them could cost time or memory without end is
// bounded there, and what passes a bound is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::text {

struct HtmlOptions {
  std::vector<std::string> selectors;  // none: the whole page
  std::vector<std::string> removes;    // selectors of what goes away first
  std::vector<std::string> keep_tags;  // tags that stay tags; "hs", "tables"... are several at once
  bool minify = false;                 // fold white space, drop blank lines
  bool first = false;                  // only the first match
  bool all_attrs = false;              // kept tags keep all attributes
};

// `page` may be in any encoding that it declares.
Result<std::string> strip_tags(std::string_view page, const HtmlOptions& options);

}  // namespace hob::text
