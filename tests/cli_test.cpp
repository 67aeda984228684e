// The command line as a function: arguments and input in, output, errors and exit status out.
// Nothing here needs a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/model_flags.h"
#include "cli/run.h"
#include "cli/table.h"
#include "tests/support/temp_folder.h"

namespace hob::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Outcome {
  int status = -1;
  std::string out, err;
};

std::string contents(FILE* file) {
  std::rewind(file);
  std::string text;
  for (int c; (c = std::getc(file)) != EOF;) text.push_back(static_cast<char>(c));
  return text;
}

Outcome hob(std::vector<std::string> arguments, const std::string& input = "",
            bool terminal = false) {
  Io io;
  io.in = std::tmpfile();
  io.out = std::tmpfile();
  io.err = std::tmpfile();
  io.in_terminal = io.err_terminal = terminal;
  std::fwrite(input.data(), 1, input.size(), io.in);
  std::rewind(io.in);
  Outcome outcome;
  outcome.status = run(std::move(arguments), io);
  outcome.out = contents(io.out);
  outcome.err = contents(io.err);
  for (FILE* file : {io.in, io.out, io.err}) std::fclose(file);
  return outcome;
}

// No models anywhere: what needs one fails with one line.
class CliTest : public test::FolderTest {
 protected:
  CliTest() {
    ::setenv("HOB_HOME", folder_.c_str(), 1);
    ::setenv("HOME", folder_.c_str(), 1);  // nor other programs' models
    for (const char* name : {"HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "OLLAMA_MODELS"})
      ::unsetenv(name);
    ::unsetenv("HOB_MODEL");
    ::unsetenv("HOB_MODELS");
  }
  ~CliTest() override { ::unsetenv("HOB_HOME"); }
};

TEST_F(CliTest, Version) {
  const auto result = hob({"--version"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "hob, version " HOB_VERSION "\n");
}

TEST_F(CliTest, EveryCommandHasHelpWithExamplesThatParse) {
  for (const Command& command : commands()) {
    const std::string name(command.name);
    std::vector<std::string> arguments;
    std::istringstream words(name);
    for (std::string word; words >> word;) arguments.push_back(word);
    for (const char* flag : {"-h", "--help"}) {
      auto with_flag = arguments;
      with_flag.push_back(flag);
      const auto result = hob(with_flag);
      EXPECT_EQ(result.status, 0) << name;
      EXPECT_THAT(result.out, StartsWith("Usage: hob " + name));
      EXPECT_THAT(result.out, HasSubstr("\nExamples:\n  "));
      EXPECT_THAT(result.err, IsEmpty());
    }
    EXPECT_THAT(std::string(command.examples), HasSubstr("hob "));
    EXPECT_THAT(hob({"--help"}).out, HasSubstr(std::string(command.summary)));
  }
}

TEST_F(CliTest, HelpLinesFitAndEndClean) {
  std::istringstream lines(command_reference());
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 120u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

// One source: HOB_UPDATE_DOCS=1 writes the page instead of comparing it.
TEST_F(CliTest, CommandReferenceIsTheHelp) {
  const std::string path = HOB_SOURCE_DIR "/docs/commands.md";
  if (std::getenv("HOB_UPDATE_DOCS")) std::ofstream(path) << command_reference();
  std::ifstream file(path);
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), command_reference()) << "run this test with HOB_UPDATE_DOCS=1";
}

// In the guide, or in a page of its own beside it.
TEST_F(CliTest, GuideMentionsEveryCommandAndFlag) {
  std::stringstream guide;
  for (const auto& page : fs::directory_iterator(HOB_SOURCE_DIR "/docs")) {
    if (page.path().extension() == ".md" && page.path().filename() != "commands.md")
      guide << std::ifstream(page.path()).rdbuf();
  }
  for (const Command& command : commands()) {
    EXPECT_THAT(guide.str(), HasSubstr("hob " + std::string(command.name)));
    CLI::App app;
    Io io;
    define_common(app);
    command.define(app, io);
    for (const std::string& flag : flag_names(app)) {
      if (!flag.starts_with("--") || flag == "--help") continue;
      EXPECT_THAT(guide.str(), HasSubstr(flag)) << command.name;
    }
  }
}

TEST_F(CliTest, WrongCommandLinesAreExplained) {
  auto result = hob({"chat", "--modle", "x"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err,
              HasSubstr("Usage: hob chat [OPTIONS]\nTry 'hob chat --help' for help.\n\n"));
  EXPECT_THAT(result.err, HasSubstr("Error: No such option: --modle Did you mean --model?\n"));
  EXPECT_THAT(result.out, IsEmpty());

  EXPECT_THAT(hob({"--temprature", "1", "hi"}).err,
              HasSubstr("Did you mean -o temperature VALUE?"));
  EXPECT_THAT(hob({"--draft", "4", "hi"}).err, HasSubstr("Did you mean -o draft VALUE?"));
  EXPECT_THAT(hob({"template", "rendr"}).err,
              HasSubstr("No such command 'rendr'. Did you mean render?"));
  EXPECT_EQ(hob({"template", "rendr"}).status, 2);
  EXPECT_EQ(hob({"hi", "there"}).status, 2);
  EXPECT_THAT(hob({"hi", "there"}).err, HasSubstr("Got unexpected extra argument (there)"));
  EXPECT_EQ(hob({"--kv", "q4", "hi"}).status, 2);
  EXPECT_EQ(hob({"--threads", "x", "hi"}).status, 2);
  EXPECT_EQ(hob({"--model"}).status, 2);
  EXPECT_THAT(hob({"--", "-x", "-n"}).err, HasSubstr("Got unexpected extra argument (-n)"));
  EXPECT_THAT(hob({"help", "modles"}).err,
              HasSubstr("No such command 'modles'. Did you mean models?"));
  EXPECT_EQ(hob({"help", "modles"}).status, 2);
  EXPECT_EQ(hob({"perplexity"}).status, 2);
}

TEST_F(CliTest, NumbersAreWholeDecimalAndInRange) {
  for (const char* text : {"-1", "0x10", "1e3", "1.5", "", " 1", "99999999999999999999"}) {
    for (const auto& arguments :
         std::vector<std::vector<std::string>>{{"--tokens", text, "hi"},
                                               {"--seed", text, "hi"},
                                               {"tokens", "--truncate", text},
                                               {"bench", "--depth", text}}) {
      EXPECT_EQ(hob(arguments).status, 2) << arguments[0] << " '" << text << "'";
    }
  }
  EXPECT_THAT(hob({"--tokens", "-1", "hi"}).err,
              HasSubstr("'-1' is not a whole number from 0 to "));
}

TEST_F(CliTest, FailuresAreOneLineAndStatusOne) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"hi"},
                                             {"-m", "nosuch", "hi"},
                                             {"-o", "temprature", "1", "hi"},
                                             {"-o", "top_k", "x", "hi"},
                                             {"-o", "draft", "9", "hi"},
                                             {"inspect", "nosuch.gguf"},
                                             {"tokens", "-m", "/", "text"},
                                             {"perplexity", "nosuch.txt"},
                                             {"chat"},
                                             {"template", "render", "-m", "nosuch.jinja"},
                                             {"bench", "--prompt", "0", "--generate", "0"},
                                             {"--raw", "-s", "be brief", "hi"},
                                             {"tokens", "--ids", "--decode", "1"}}) {
    const auto result = hob(arguments);
    EXPECT_EQ(result.status, 1) << arguments[0];
    EXPECT_THAT(result.err, StartsWith("Error: ")) << arguments[0];
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST_F(CliTest, ErrorsCarryNoEscapeSequences) {
  const auto result = hob({"-m", "evil\x1b[31m\nname", "hi"});
  EXPECT_THAT(result.err, HasSubstr("evil^[[31m name"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
}

TEST_F(CliTest, BareCallPrintsHelpOnATerminalOnly) {
  EXPECT_THAT(hob({}, "", true).out, StartsWith("Usage: hob"));
  const auto piped = hob({}, "");
  EXPECT_EQ(piped.status, 1);
  EXPECT_THAT(piped.err, HasSubstr("there is no prompt"));
}

TEST_F(CliTest, FirstWordThatIsNoCommandIsAPrompt) {
  EXPECT_THAT(hob({"modles"}).err,
              HasSubstr("default model"));  // it went as far as to look for one
  EXPECT_THAT(hob({"modles"}, "", true).err, HasSubstr("did you mean 'hob models'?"));
  EXPECT_THAT(hob({"prompt", "models"}).err, HasSubstr("default model"));
  EXPECT_THAT(hob({"--", "--help"}).err, HasSubstr("default model"));
  EXPECT_THAT(hob({"help", "chat"}).out, StartsWith("Usage: hob chat"));
  EXPECT_THAT(hob({"template"}).out, HasSubstr("template render"));
}

TEST_F(CliTest, FlagsTakeNoValue) {
  EXPECT_THAT(hob({"models", "--json=yes"}).err,
              HasSubstr("Option '--json' does not take a value."));
  EXPECT_EQ(hob({"models", "--json=yes"}).status, 2);
  EXPECT_EQ(hob({"models", "--json", "--json"}).status, 0);
  EXPECT_THAT(hob({"-s", "--no-stream=x", "-m", "nosuch", "hi"}).err, HasSubstr("nosuch"));
}

// `hob models -q x` is `hob models list -q x`: for every group that has a list.
TEST_F(CliTest, AGroupRunsItsListAlsoWithFlags) {
  EXPECT_EQ(hob({"models", "--json", "-q", "none"}).out, "[]\n");
  EXPECT_EQ(hob({"models", "list", "--json", "-q", "none"}).out, "[]\n");
  EXPECT_THAT(hob({"models", "--jsn"}).err,
              HasSubstr("Try 'hob models list --help' for help.\n\n"
                        "Error: No such option: --jsn Did you mean --json?"));
  // Like "conversations", which is a member of the group, and yet a flag of its list.
  EXPECT_THAT(hob({"logs", "--conversation"}).err, HasSubstr("hob logs list --help"));
  EXPECT_THAT(hob({"models", "--help"}).out, HasSubstr("\nCommands:\n  models list"));
  EXPECT_THAT(hob({"models", "list", "--help"}).out, StartsWith("Usage: hob models list"));
  EXPECT_EQ(hob({"template", "--json"}).status, 2);  // a group without a list
}

TEST_F(CliTest, ModelsWithoutAny) {
  EXPECT_EQ(hob({"models"}).out, "Echo: echo\nDefault: smollm2-135m-instruct-q4_1\n");
  EXPECT_THAT(hob({"models"}).err, HasSubstr("No model files in"));
}

TEST_F(CliTest, ModelsAndInspectOfAFile) {
  fs::create_directories(folder_ / "models");
  fs::copy_file(HOB_SOURCE_DIR "/tests/data/gguf_small.gguf", folder_ / "models/small.gguf");
  write("models/broken.gguf", "GGUFnot really");
  const auto models = nlohmann::json::parse(hob({"models", "--json", "--long"}).out);
  ASSERT_EQ(models.size(), 3u);  // and echo
  EXPECT_EQ(models[0]["model_id"], "broken");
  EXPECT_THAT(models[0]["error"].get<std::string>(), HasSubstr("broken.gguf"));
  EXPECT_EQ(models[1]["model_id"], "small");
  EXPECT_THAT(hob({"models"}).out, StartsWith("Local: broken\nLocal: small\nEcho: echo\n"));
  EXPECT_THAT(hob({"models", "--long"}).out, HasSubstr("small.gguf"));
  EXPECT_EQ(nlohmann::json::parse(hob({"models", "smal", "--json"}).out).size(), 1u);

  const auto shown = hob({"inspect", "small", "--tensors"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("Metadata:"));
  EXPECT_THAT(shown.out, HasSubstr("TENSOR"));
  const auto json = nlohmann::json::parse(hob({"inspect", "small", "--json", "--tensors"}).out);
  EXPECT_EQ(json["tensors"].size(), json["types"].empty() ? 0 : json["tensors"].size());
  EXPECT_TRUE(json["metadata"].is_object());
  EXPECT_EQ(hob({"inspect", "broken"}).status, 1);
}

TEST_F(CliTest, TemplateOfAFile) {
  const std::string file =
      write("plain.jinja",
            "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{{ extra }}"
            "{% if add_generation_prompt %}>{% endif %}");
  const auto render = [&](const std::string& input, std::vector<std::string> flags = {}) {
    std::vector<std::string> arguments = {"template", "render", "-m", file};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return hob(arguments, input);
  };
  EXPECT_EQ(render(R"([{"role":"user","content":"hi"}])").out, "[user] hi\n>");
  EXPECT_EQ(render(R"({"messages":[],"extra":"x"})", {"--no-generation-prompt"}).out, "x");
  EXPECT_THAT(render("[{").err, HasSubstr("not valid JSON"));
  EXPECT_THAT(render("{}").err, HasSubstr("expected a list of messages"));
  EXPECT_THAT(render("3").err, HasSubstr("expected a list of messages"));
}

// Flags after CLI11 has read them.
struct Parsed {
  EngineFlags engine;
  ReplyFlags reply;
  std::string text;
};
Parsed parse(std::vector<std::string> arguments) {
  Parsed out;
  CLI::App app;
  define_common(app);
  app.add_option("PROMPT", out.text, "");
  out.engine.declare(app);
  out.reply.declare(app);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(std::move(arguments));
  return out;
}

TEST(Flags, ReadAsClickReadsThem) {
  auto parsed = parse({"-o", "temperature", "0", "What is it?", "-mone", "--model=two", "-o",
                       "top_k", "-1", "--tokens", "5"});
  EXPECT_EQ(parsed.text, "What is it?");
  EXPECT_EQ(parsed.engine.model, "two");  // the last one wins
  ASSERT_EQ(parsed.reply.options.size(), 2u);
  EXPECT_EQ(parsed.reply.options[0], std::make_pair(std::string("temperature"), std::string("0")));
  EXPECT_EQ(parsed.reply.options[1].second, "-1");
  EXPECT_EQ(parsed.reply.tokens, 5u);
  EXPECT_EQ(parse({"--tokens", "010"}).reply.tokens, 10u);  // no octal
  parsed = parse({"--stop", "---", "--stop", "[a,b]", "--", "-s"});
  EXPECT_EQ(parsed.reply.stop, (std::vector<std::string>{"---", "[a,b]"}));
  EXPECT_EQ(parsed.text, "-s");
}

TEST(Flags, PromptsArriveUnchanged) {
  for (const char* text :
       {"[1,2]", "{}", "%%", "a,b", "\"quoted\"", "- item", "x=y", "#", "\xF0\x9F\x98\x80", "-5"}) {
    EXPECT_EQ(parse({text}).text, text);
    EXPECT_EQ(parse({"-s", text, "p"}).reply.system, text);
  }
}

TEST(Flags, BecomeOptionsOfAModel) {
  const auto texts = parse({"-o", "temperature", "0.5", "--seed", "18446744073709551615", "-o",
                            "max_tokens", "9", "-o", "stop", "END"})
                         .reply.option_texts();
  const auto options = chat::check_options("any local model", texts);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ((*options)["temperature"], 0.5);
  EXPECT_EQ((*options)["seed"], UINT64_MAX);
  EXPECT_EQ((*options)["max_tokens"], 9u);
  EXPECT_EQ((*options)["stop"], "END");
  EXPECT_TRUE(parse({}).reply.option_texts().empty());
}

TEST(Format, NumbersForPeople) {
  EXPECT_EQ(bytes_text(999), "999 bytes");
  EXPECT_EQ(bytes_text(98'400'000), "98.4 MB");
  EXPECT_EQ(bytes_text(999'960'000), "1.0 GB");
  EXPECT_EQ(count_text(134'515'008), "134.5 M");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(12), "12");
  EXPECT_EQ(seconds_text(65.2), "1 min 5 s");
  EXPECT_EQ(table_text({{"A"}, {"N", true}}, {{"x\n", "1"}, {"yy", "10"}}),
            "A    N\nx    1\nyy  10\n");
}

TEST_F(CliTest, SchemasOfFields) {
  EXPECT_EQ(hob({"schemas", "dsl", "a int"}).out,
            "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"a\": {\n"
            "      \"type\": \"integer\"\n    }\n  },\n  \"required\": [\n    \"a\"\n  ]\n}\n");
  EXPECT_THAT(hob({"schemas", "dsl", "a", "--multi"}).out, HasSubstr("\"items\": {"));
  EXPECT_THAT(hob({"schemas", "dsl", ":x"}).err, HasSubstr("without a name"));
  EXPECT_EQ(hob({"schemas", "dsl"}).status, 2);
}

TEST_F(CliTest, WrongConstraintsAreErrorsBeforeAModelIsLookedFor) {
  EXPECT_THAT(hob({"--schema", "nothing-here", "x"}).err,
              HasSubstr("Invalid schema: 'nothing-here'"));
  EXPECT_THAT(hob({"--schema", "t:person", "x"}).err, HasSubstr("Invalid template: person"));
  EXPECT_THAT(hob({"--schema", "a,b", "--regex", "x", "x"}).err, HasSubstr("one of --schema"));
  const std::string broken = write("broken.json", "{");
  EXPECT_THAT(hob({"--schema", broken, "x"}).err, HasSubstr(broken + ": not JSON"));
}

TEST_F(CliTest, PullNeedsARepository) {
  EXPECT_EQ(hob({"pull"}).status, 2);
  EXPECT_THAT(hob({"pull", "nonsense"}).err, HasSubstr("'nonsense' is no repository"));
}

}  // namespace
}  // namespace hob::cli
