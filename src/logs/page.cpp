#include "logs/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "store/json_text.h"

namespace hob::logs {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --text: #1f2328; --dim: #656d76; --back: #fff; --mine: #f3f5f7;
  --line: #d8dee4; --code: #f6f8fa; --mark: #b35900; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --dim: #8d96a0; --back: #0d1117;
  --mine: #161b22; --line: #30363d; --code: #161b22; --mark: #f0883e; } }
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1.25rem 4rem; color: var(--text);
  background: var(--back); font: 16px/1.6 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
.facts, .who { color: var(--dim); font-size: .85rem; }
.facts { margin: 0 0 2rem; padding-bottom: 1rem; border-bottom: 1px solid var(--line); }
article { margin: 1.5rem 0; }
.prompt { background: var(--mine); border-radius: .6rem; padding: .75rem 1rem; }
.who { margin: 0 0 .35rem; font-weight: 600; }
.who time { float: right; font-weight: 400; }
.body > :first-child { margin-top: 0; } .body > :last-child { margin-bottom: 0; }
.body h1, .body h2, .body h3, .body h4 { font-size: 1.1rem; margin: 1.2em 0 .4em; }
pre, code { font: .875rem/1.5 ui-monospace, monospace; background: var(--code);
  border-radius: .35rem; }
code { padding: .1em .3em; }
pre { padding: .75rem 1rem; overflow-x: auto; border: 1px solid var(--line); }
pre code { padding: 0; background: none; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; }
blockquote { margin: 1em 0; padding: 0 1em; color: var(--dim);
  border-left: .25em solid var(--line); }
img { max-width: 100%; border-radius: .35rem; } a { color: inherit; }
details { margin: .5rem 0; color: var(--dim); } summary { cursor: pointer; }
.plain { white-space: pre-wrap; } .ending { color: var(--mark); font-size: .85rem; }
)css";

std::string folded(std::string_view title, const std::string& inside) {
  return fmt::format("<details><summary>{}</summary>{}</details>\n", html_escaped(title), inside);
}

std::string plain(std::string_view text) {
  return fmt::format("<div class=\"plain\">{}</div>\n", html_escaped(text));
}

std::string code(std::string_view text) {
  return fmt::format("<pre><code>{}</code></pre>\n", html_escaped(text));
}

void add_attachments(std::string& out, const Transcript& transcript,
                     const store::LoggedTurn& turn) {
  for (const auto& attachment : turn.attachments) {
    const auto image = transcript.images.find(attachment.id);
    if (image == transcript.images.end()) {
      out += fmt::format("<p class=\"who\">{}</p>\n", html_escaped(attachment_line(attachment)));
    } else {
      out += fmt::format("<p><img alt=\"\" src=\"data:{};base64,{}\"></p>\n", *attachment.type,
                         base64(image->second));
    }
  }
}

void add_results(std::string& out, const store::LoggedTurn& turn, bool server_executed) {
  for (const auto& result : turn.tool_results) {
    if (result.server_executed != server_executed) continue;
    out += folded("Result of " + result.name, code(result.output));
  }
}

void add_turn(std::string& out, const Transcript& transcript, const store::LoggedTurn& turn) {
  out += fmt::format(
      "<article class=\"prompt\" id=\"{0}\">\n<p class=\"who\">Prompt<time>{1} UTC</time></p>\n",
      html_escaped(turn.id), html_escaped(minute_of(turn.datetime_utc)));
  for (const auto& fragment : turn.prompt_fragments)
    out += folded("Fragment " + fragment.hash.substr(0, 12), code(fragment.content));
  add_attachments(out, transcript, turn);
  add_results(out, turn, false);
  if (turn.prompt && !turn.prompt->empty()) out += plain(*turn.prompt);
  out += fmt::format("</article>\n<article class=\"reply\">\n<p class=\"who\">{}</p>\n",
                     html_escaped(turn.model));
  if (turn.reasoning && !turn.reasoning->empty())
    out += folded("Reasoning", plain(*turn.reasoning));
  for (const auto& call : turn.tool_calls)
    out += folded("Calls " + call.name, code(store::indented_json(call.arguments)));
  add_results(out, turn, true);
  if (turn.response && !turn.response->empty())
    out += fmt::format("<div class=\"body\">\n{}</div>\n", html_of_markdown(*turn.response));
  if (const std::string ending = ending_of(turn); !ending.empty())
    out += fmt::format("<p class=\"ending\">{}</p>\n", html_escaped(ending));
  out += "</article>\n";
}

}  // namespace

bool is_shown_image(const store::LoggedAttachment& attachment) {
  constexpr std::array<std::string_view, 4> kTypes = {"image/png", "image/jpeg", "image/gif",
                                                      "image/webp"};
  return attachment.content_length > 0 && attachment.type &&
         std::find(kTypes.begin(), kTypes.end(), *attachment.type) != kTypes.end();
}

std::string html_page(const Transcript& transcript) {
  const std::string title = html_escaped(title_of(transcript));
  const auto& turns = transcript.turns;
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"und\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      title, kStyle);
  if (!turns.empty()) {
    out += fmt::format("<p class=\"facts\">Conversation {}, {} turn{}, {} UTC</p>\n",
                       html_escaped(turns.front().conversation_id.value_or("")), turns.size(),
                       turns.size() == 1 ? "" : "s",
                       html_escaped(minute_of(turns.front().datetime_utc)));
  }
  store::Text system;
  for (const auto& turn : turns) {
    if (turn.system != system && turn.system) {
      std::string inside = plain(*turn.system);
      for (const auto& fragment : turn.system_fragments)
        inside += folded("Fragment " + fragment.hash.substr(0, 12), code(fragment.content));
      out += folded("System prompt", inside);
    }
    system = turn.system;
    add_turn(out, transcript, turn);
  }
  return out + "</body>\n</html>\n";
}

}  // namespace hob::logs
