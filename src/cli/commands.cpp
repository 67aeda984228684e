// The table of commands. A new command is a file with its define function and a row here.
#include "cli/command.h"

namespace hob::cli {
namespace {

constexpr Command kCommands[] = {
    {"prompt", "Ask a model (the default command)",
     "Text piped in comes first, then one space, then PROMPT. The reply streams to standard "
     "output.",
     "hob 'Three names for a pet crow'\n"
     "hob -m qwen -s 'Answer in French' 'What is the capital of Italy?'\n"
     "cat notes.txt | hob 'Summarise this in one sentence'\n"
     "hob -o temperature 0 -n 100 --seed 7 'A haiku about rain'\n"
     "hob --schema 'name, legs int, tame bool' 'Invent a beast'\n"
     "hob --regex '(yes|no)' 'Is Rome in Italy?'\n"
     "hob --json --logprobs 3 -n 5 'The sky is'",
     define_prompt},
    {"chat", "Talk with a model in the terminal",
     "Ctrl-C stops the reply, Ctrl-D leaves. A line ending in a backslash goes on; !help lists the "
     "commands.",
     "hob chat\n"
     "hob chat -m qwen -s 'You review C++ code'\n"
     "hob chat -o temperature 0.2 --context 4096",
     define_chat},
    {"models list", "List the models on this machine",
     "Those of hob, and what Hugging Face's tools, Ollama and LM Studio have fetched. 'hob models' is "
     "short for it.",
     "hob models\n"
     "hob models qwen\n"
     "hob models --json",
     define_models},
    {"pull", "Fetch a model from the Hugging Face hub",
     "Without FILE: the repository's only GGUF file, or of several the one in Q4_K_M. An "
     "interrupted\n"
     "download goes on where it stopped. HF_ENDPOINT names another hub, HF_TOKEN says who asks.",
     "hob pull unsloth/SmolLM2-135M-Instruct-GGUF:Q8_0\n"
     "hob pull Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF\n"
     "hob pull org/name:model-q6_k.gguf --parallel 2",
     define_pull},
    {"inspect", "Show what a model file is and what it needs", "",
     "hob inspect smollm2\n"
     "hob inspect model.gguf --tensors\n"
     "hob inspect model.gguf --template\n"
     "hob inspect model.gguf --json",
     define_inspect},
    {"tokens", "Count, list, decode or cut by tokens",
     "TEXT is an argument or standard input. It is taken as plain text: nothing in it becomes a "
     "control token.",
     "hob tokens 'How many is this?'\n"
     "hob tokens -m qwen --ids < notes.txt\n"
     "hob tokens --decode '504 5575 198'\n"
     "hob tokens --truncate 1000 < long.txt",
     define_tokens},
    {"template render", "Show the exact text a chat template makes",
     "The conversation is read from standard input: [{\"role\", \"content\"}, ...], or an object "
     "with\n"
     "\"messages\" and further variables of the template such as \"tools\".",
     "hob template render < conversation.json\n"
     "hob template render -m qwen --no-generation-prompt < conversation.json\n"
     "hob template render -m chatml.jinja < conversation.json",
     define_template_render},
    {"logs list", "Show logged prompts and their replies",
     "As Markdown, oldest first. The newest three, or all of a conversation; -n says otherwise.",
     "hob logs\n"
     "hob logs -n 10 -s\n"
     "hob logs -c -u\n"
     "hob logs -q 'capital NEAR italy' -l\n"
     "hob logs -r -x > script.py\n"
     "hob logs --since 7d --json -n 0\n"
     "hob logs --schema 'name, age int' --data-array",
     define_logs_list},
    {"logs conversations", "List conversations, the one used last first", "",
     "hob logs conversations\n"
     "hob logs conversations --since yesterday --json",
     define_logs_conversations},
    {"logs export", "Write a conversation as a page or as Markdown", "",
     "hob logs export --html -o talk.html\n"
     "hob logs export --cid 01k2bq0a0w8ahydqrs3sv7zk9d --md",
     define_logs_export},
    {"logs import", "Take over the logs of llm or of another hob",
     "Importing the same file again adds only what is new in it. The file is only read.",
     "hob logs import ~/.config/io.datasette.llm/logs.db", define_logs_import},
    {"logs delete", "Delete turns for good",
     "Messages and attachments that other turns contain as well stay until the last of them goes.",
     "hob logs delete 01k2bq0a0w8ahydqrs3sv7zk9d\n"
     "hob logs delete --cid 01k2bpzz9y3m6c5n0w8kq2v4xr --yes",
     define_logs_delete},
    {"schemas list", "List the schemas that turns were held to", "",
     "hob schemas\n"
     "hob schemas -q name --full",
     define_schemas_list},
    {"schemas show", "Show a stored schema", "",
     "hob schemas show 848bffbc260a905ad40888a4518f40ef", define_schemas_show},
    {"schemas dsl", "Show the JSON schema that fields in the short notation make",
     "A field is a name, then int, float, bool or str (the default), then a colon and a "
     "description.",
     "hob schemas dsl 'name, age int, bio: one short sentence'\n"
     "hob schemas dsl --multi 'title, year int'",
     define_schemas_dsl},
    {"perplexity", "Measure how well a model predicts a text",
     "The text is cut into chunks of --context tokens; in each, the second half is predicted from "
     "what\n"
     "stands before it. Lower is better; +/- is one standard error. --logits and --against say what\n"
     "a quantised file lost: NMSE of logits, KL divergence, how often the likeliest token is the same.",
     "hob perplexity wiki.txt\n"
     "hob perplexity -m qwen --context 512 --chunks 40 wiki.txt\n"
     "hob perplexity --json wiki.txt\n"
     "hob perplexity -m exact.gguf --kv f32 --chunks 10 --logits exact.logits wiki.txt\n"
     "hob perplexity -m small.gguf --chunks 10 --against exact.logits wiki.txt",
     define_perplexity},
    {"bench", "Measure tokens per second, and how near this machine's limits that is",
     "ppN is a prompt of N tokens run at once, tgN the generation of N tokens one by one, tgNxS "
     "that "
     "of S\n"
     "sequences together; @D means after D tokens of context.",
     "hob bench\n"
     "hob bench -m qwen --prompt 512 --generate 128 --threads 2\n"
     "hob bench --prompt 0 --generate 64 --depth 4096 --json\n"
     "hob bench --prompt 0 --sequences 8\n"
     "hob bench --limits",
     define_bench},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

void define_common(CLI::App& app) {
  app.set_help_flag("-h,--help", "Show this help and exit");
  app.allow_extras();  // run() names them, with a suggestion
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

const Command* find_command(std::string_view name) {
  for (const Command& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace hob::cli
