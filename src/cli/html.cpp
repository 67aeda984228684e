// hob html: the text of an HTML page, with the flags and the output of simonw's strip-tags 0.6.
#include <memory>

#include "cli/command.h"
#include "cli/path_argument.h"
#include "cli/repeatable.h"
#include "os/file.h"
#include "text/html.h"

namespace hob::cli {
namespace {

struct HtmlFlags {
  text::HtmlOptions options;
  std::string input;
};

Result<> print_text(Io& io, const HtmlFlags& flags) {
  const bool from_stream = flags.input.empty() || flags.input == "-";
  HOB_TRY(const std::string page, from_stream ? read_input(io) : os::read_file(flags.input));
  HOB_TRY(const std::string text, text::strip_tags(page, flags.options));
  io.show(text + "\n");
  return {};
}

}  // namespace

Action define_html(CLI::App& app, Io& io) {
  auto flags = std::make_shared<HtmlFlags>();
  app.add_option("SELECTOR", flags->options.selectors,
                 "CSS selectors of the parts to show (default: the whole page)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_repeatable(app, "-r,--remove", flags->options.removes,
                 "Leave out what this CSS selector chooses; repeatable")
      ->option_text("SELECTOR");
  app.add_option("-i,--input", flags->input, "Read this file (default: standard input)")
      ->option_text("FILE")
      ->check(path_argument({.dash = true, .folder = true}));
  app.add_flag("-m,--minify", flags->options.minify, "Fold white space and drop blank lines");
  add_repeatable(app, "-t,--keep-tag", flags->options.keep_tags,
                 "Keep this tag; hs, metadata, structure, tables and lists are several; repeatable")
      ->option_text("TAG");
  app.add_flag("--all-attrs", flags->options.all_attrs, "Keep all attributes of the kept tags");
  app.add_flag("--first", flags->options.first, "Only the first element that is chosen");
  return [flags, &io] { return print_text(io, *flags); };
}

}  // namespace hob::cli
