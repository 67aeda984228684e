// The order of resolution, and the rows in the database.
#include "prompts/fragment.h"

#include <algorithm>
#include <filesystem>

#include "base/ascii.h"
#include "hub/http.h"
#include "os/file.h"
#include "prompts/loaders.h"
#include "text/python_text.h"
#include "text/utf8.h"

namespace hob::prompts {
namespace {

namespace fs = std::filesystem;
constexpr int kMostRedirects = 3;
constexpr size_t kMostFetchedBytes = 64 << 20;

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// The charset parameter of a Content-Type, in lower case; empty where there is none.
std::string charset_of(const hub::HttpReply& reply) {
  const auto header = reply.headers.find("content-type");
  if (header == reply.headers.end()) return {};
  const std::string type = ascii_lower(header->second);
  size_t at = type.find("charset=");
  if (at == type.npos) return {};
  std::string out = type.substr(at + 8, type.find(';', at) == type.npos
                                            ? type.npos
                                            : type.find(';', at) - at - 8);
  std::erase_if(out, [](char c) { return c == '"' || c == '\'' || c == ' '; });
  return out;
}

Result<std::string> decoded(const std::string& url, std::string body, const std::string& charset) {
  if (charset == "iso-8859-1" || charset == "latin-1" || charset == "latin1") {
    std::string out;
    for (const char c : body) text::append_utf8(out, static_cast<unsigned char>(c));
    return out;
  }
  if (!charset.empty() && charset != "utf-8" && charset != "utf8" && charset != "us-ascii" &&
      charset != "ascii") {
    return fail(ErrorKind::kUnsupported, "{}: its text is in the charset '{}', hob reads UTF-8",
                url, charset);
  }
  if (!text::is_utf8(body)) return fail(ErrorKind::kInvalid, "{}: it is not UTF-8 text", url);
  return body;
}

Result<std::vector<Fragment>> load_by_prefix(const std::string& name,
                                             const FragmentContext& context) {
  const size_t colon = name.find(':');
  const std::string prefix = name.substr(0, colon);
  const auto loaders = fragment_loaders();
  const auto loader = std::find_if(loaders.begin(), loaders.end(),
                                   [&](const FragmentLoader& l) { return l.prefix == prefix; });
  if (loader == loaders.end()) {
    return fail(ErrorKind::kNotFound, "Unknown fragment prefix: {}", prefix);
  }
  auto loaded = loader->load(name.substr(colon + 1), context.note);
  if (loaded) return loaded;
  return fail(loaded.error().kind, "Could not load fragment {}: {}", name, loaded.error().message);
}

Result<std::vector<Fragment>> resolve_one(const std::string& name, const FragmentContext& context) {
  using List = std::vector<Fragment>;
  if (is_url(name)) {
    HOB_TRY(std::string content, fetch_text(name, context.goes_on));
    return List{{std::move(content), name}};
  }
  if (name == "-") {
    if (!context.standard_input) {
      return fail(ErrorKind::kInvalid, "Fragment '-': standard input is not to be had here");
    }
    HOB_TRY(const std::string content, context.standard_input());
    if (!text::is_utf8(content)) {
      return fail(ErrorKind::kInvalid, "Fragment '-': standard input is not UTF-8 text");
    }
    return List{{text::with_plain_newlines(content), "-"}};
  }
  std::error_code ignored;
  if (has_prefix(name) && !fs::exists(name, ignored)) return load_by_prefix(name, context);
  if (context.database) {
    HOB_TRY(auto stored, find_fragment(*context.database, name));
    if (stored) return List{std::move(*stored)};
  }
  if (!fs::exists(name, ignored)) {
    return fail(ErrorKind::kNotFound, "Fragment '{}' not found", name);
  }
  HOB_TRY(std::string content, read_text_file(name));
  std::error_code error;
  const fs::path whole = fs::canonical(name, error);
  return List{{std::move(content), error ? name : whole.string()}};
}

}  // namespace

Result<std::vector<Fragment>> resolve_fragments(const std::vector<std::string>& names,
                                                const FragmentContext& context) {
  std::vector<Fragment> out;
  for (const std::string& name : names) {
    HOB_TRY(auto some, resolve_one(name, context));
    std::move(some.begin(), some.end(), std::back_inserter(out));
  }
  return out;
}

Result<std::optional<Fragment>> find_fragment(store::Database& database, const std::string& name) {
  return database.read([&](SQLite::Database& sql) -> Result<std::optional<Fragment>> {
    SQLite::Statement query(sql,
                            "select f.content, f.source from fragments f where f.id in ("
                            " select fragment_id from fragment_aliases where alias = ?1"
                            " union all select id from fragments where hash = ?1) limit 1");
    query.bind(1, name);
    if (!query.executeStep()) return std::optional<Fragment>();
    return std::optional<Fragment>(
        Fragment{query.getColumn(0).getString(), query.getColumn(1).getString()});
  });
}

bool is_fragment_alias(std::string_view alias) {
  return !alias.empty() && std::all_of(alias.begin(), alias.end(), in_word);
}

Result<> set_fragment_alias(store::Database& database, const std::string& alias,
                            const Fragment& fragment) {
  return database.write([&](SQLite::Database& sql) -> Result<> {
    const int64_t id = store::ensure_fragment(sql, fragment);
    SQLite::Statement insert(
        sql,
        "insert into fragment_aliases (alias, fragment_id) values (?, ?)"
        " on conflict(alias) do update set fragment_id = excluded.fragment_id");
    insert.bind(1, alias);
    insert.bind(2, id);
    insert.exec();
    return {};
  });
}

Result<> remove_fragment_alias(store::Database& database, const std::string& alias) {
  return database.write([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement statement(sql, "delete from fragment_aliases where alias = ?");
    statement.bind(1, alias);
    statement.exec();
    return {};
  });
}

Result<std::vector<StoredFragment>> list_fragments(store::Database& database,
                                                   const std::vector<std::string>& queries,
                                                   bool only_with_alias) {
  std::string condition = only_with_alias ? "a.alias is not null" : "true";
  for (size_t i = 0; i < queries.size(); ++i) {
    condition += fmt::format(
        " and (f.hash = ?{0} or a.alias = ?{0} or f.source like '%' || ?{0} || '%'"
        " or f.content like '%' || ?{0} || '%')",
        i + 1);
  }
  return database.read([&](SQLite::Database& sql) -> Result<std::vector<StoredFragment>> {
    SQLite::Statement query(
        sql, fmt::format("select f.id, f.hash, f.datetime_utc, f.source, f.content, a.alias"
                         " from fragments f left join fragment_aliases a on a.fragment_id = f.id"
                         " where {} order by f.datetime_utc, f.id, a.rowid",
                         condition));
    for (size_t i = 0; i < queries.size(); ++i) query.bind(static_cast<int>(i + 1), queries[i]);
    std::vector<StoredFragment> out;
    int64_t previous = -1;
    while (query.executeStep()) {
      const int64_t id = query.getColumn(0).getInt64();
      if (id != previous) {
        StoredFragment one;
        one.hash = query.getColumn(1).getString();
        one.datetime_utc = query.getColumn(2).getString();
        one.has_source = !query.getColumn(3).isNull();
        one.source = query.getColumn(3).getString();
        one.content = query.getColumn(4).getString();
        out.push_back(std::move(one));
      }
      previous = id;
      if (!query.getColumn(5).isNull())
        out.back().aliases.push_back(query.getColumn(5).getString());
    }
    return out;
  });
}

bool is_url(std::string_view name) {
  return name.starts_with("http://") || name.starts_with("https://");
}

Result<std::string> fetch_text(const std::string& url, const std::function<bool()>& goes_on) {
  std::string body;
  bool too_large = false;
  hub::HttpHandlers handlers;
  handlers.goes_on = goes_on;
  handlers.on_body = [&](std::string_view piece) {
    too_large = body.size() + piece.size() > kMostFetchedBytes;
    if (!too_large) body += piece;
    return !too_large;
  };
  const hub::HttpReply reply = hub::http_get({.url = url, .redirects = kMostRedirects}, handlers);
  if (too_large) {
    return fail(ErrorKind::kTooLarge, "{}: longer than the {} bytes that a text may have", url,
                kMostFetchedBytes);
  }
  if (reply.stopped) return fail(ErrorKind::kCancelled, "{}: stopped", url);
  if (!reply.problem.empty()) return fail(ErrorKind::kIo, "{}: {}", url, reply.problem);
  if (reply.status < 200 || reply.status >= 300) {
    return fail(ErrorKind::kNotFound, "{}: the server answered {}", url, reply.status);
  }
  return decoded(url, std::move(body), charset_of(reply));
}

Result<std::string> read_text_file(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return fail(ErrorKind::kInvalid, "{}: is a folder ('dir:{}' takes what is in it)", path, path);
  }
  HOB_TRY(const std::string bytes, os::read_file(path));
  for (std::string_view rest = bytes; !rest.empty();) {
    rest.remove_prefix(text::ascii_prefix(rest));
    if (rest.empty()) break;
    const text::Utf8Sequence next = text::next_utf8(rest);
    if (next.head != text::Utf8Head::kWhole) {
      return fail(ErrorKind::kInvalid, "{}: is not UTF-8 text at byte {}", path,
                  bytes.size() - rest.size());
    }
    rest.remove_prefix(static_cast<size_t>(next.length));
  }
  return text::with_plain_newlines(bytes);
}

bool has_prefix(std::string_view name) {
  const size_t colon = name.find(':');
  return colon != name.npos && colon > 0 &&
         std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(colon), in_word);
}

}  // namespace hob::prompts
