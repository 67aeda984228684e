// Fragments: pieces of text that go before a prompt or into the system prompt, named by where they
// come from and stored once by the SHA-256 of their text.
//
// A name is resolved in this order: an http(s) URL; "-", standard input; "prefix:argument", a
// loader (loaders.h), unless a file has exactly that name; an alias or a hash in the database; a
// file. Text is UTF-8; line endings in files and standard input become "\n", as llm reads them, so
// that the hashes agree.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/ledger.h"

namespace hob::prompts {

// `source` is a URL, "-", an absolute path, "dir:..."; empty: not known.
using Fragment = store::FragmentText;

// What resolving needs from its surroundings.
struct FragmentContext {
  store::Database* database = nullptr;                  // null: no aliases and hashes
  std::function<Result<std::string>()> standard_input;  // for "-"
  std::function<void(std::string_view)> note;           // what a loader left out; may be null
  std::function<bool()> goes_on;  // asked while a URL is fetched; null: it does
};

// Errors name the fragment.
Result<std::vector<Fragment>> resolve_fragments(const std::vector<std::string>& names,
                                                const FragmentContext& context);

// By alias or hash; nothing where the database has neither.
Result<std::optional<Fragment>> find_fragment(store::Database& database, const std::string& name);

// Letters, digits, "_" and "-": what an alias may consist of.
bool is_fragment_alias(std::string_view alias);
Result<> set_fragment_alias(store::Database& database, const std::string& alias,
                            const Fragment& fragment);
// Removes the alias and never the text; one that does not exist is no error.
Result<> remove_fragment_alias(store::Database& database, const std::string& alias);

struct StoredFragment {
  std::string hash, datetime_utc, source, content;
  bool has_source = false;
  std::vector<std::string> aliases;
};

// Oldest first. A query finds whole hashes and aliases, and parts of sources and texts in any case;
// all queries must match.
Result<std::vector<StoredFragment>> list_fragments(store::Database& database,
                                                   const std::vector<std::string>& queries,
                                                   bool only_with_alias);

bool is_url(std::string_view name);  // http(s)
// The text of an http(s) URL, at most three redirects away. Shared with templates. kCancelled where
// `goes_on` said no.
Result<std::string> fetch_text(const std::string& url, const std::function<bool()>& goes_on = {});
// A file's text; a folder, what is not UTF-8 and what is absent are errors that name it.
Result<std::string> read_text_file(const std::string& path);
// "word:" in front: letters, digits, "_" and "-", then a colon.
bool has_prefix(std::string_view name);

}  // namespace hob::prompts
