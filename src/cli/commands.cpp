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
     "hob -o temperature 0 --tokens 100 --seed 7 'A haiku about rain'\n"
     "hob --schema 'name, legs int, tame bool' 'Invent a beast'\n"
     "hob --regex '(yes|no)' 'Is Rome in Italy?'\n"
     "hob --json --logprobs 3 --tokens 5 'The sky is'",
     define_prompt},
    {"chat", "Talk with a model in the terminal",
     "Ctrl-C stops the reply, Ctrl-D leaves. A line ending in a backslash goes on; !help lists the "
     "commands.\n"
     "Lines may also come from a pipe; there the first error ends the chat.",
     "hob chat\n"
     "hob chat -m qwen -s 'You review C++ code'\n"
     "hob chat -o temperature 0.2 --context 4096",
     define_chat},
    {"logs status", "Say whether turns are recorded, and how many there are", "", "hob logs status",
     define_logs_status},
    {"logs path", "Print the path of the ledger, an SQLite database", "",
     "hob logs path\n"
     "sqlite3 \"$(hob logs path)\" 'select model, count(*) from turns group by model'",
     define_logs_path},
    {"logs on", "Record turns from now on", "", "hob logs on", define_logs_on},
    {"logs off", "Record no turns from now on, but where --log asks for it", "", "hob logs off",
     define_logs_off},
    {"logs backup", "Copy the ledger to a new file, whole and compact", "",
     "hob logs backup /tmp/logs-backup.db", define_logs_backup},
    {"replay", "Do recorded replies again and compare them token by token",
     "A reply of the engine's is a function of what its record holds; the number of threads and\n"
     "the instruction set make no difference. What differs is shown with its probability and with\n"
     "all that the record says and that is another way now.",
     "hob replay 01k9v3m6d5r8x2c4b7n1p0q9zt\n"
     "hob replay --all\n"
     "hob replay --all --threads 1",
     define_replay},
    {"models list", "List the models on this machine",
     "Those of hob, and what Hugging Face's tools, Ollama and LM Studio have fetched. "
     "'hob models' is short for it.",
     "hob models\n"
     "hob models qwen\n"
     "hob models --json",
     define_models},
    {"models default", "Show or set the model that answers when none is named",
     "$HOB_MODEL stands before it, and so do -m, -q and a template's model.",
     "hob models default\n"
     "hob models default qwen",
     define_models_default},
    {"models options list", "List the saved default options of all models", "",
     "hob models options\n"
     "hob models options list",
     define_models_options_list},
    {"models options show", "Show the saved default options of a model", "",
     "hob models options show smollm2", define_models_options_show},
    {"models options set", "Save a default option for a model",
     "It stands wherever -o does not say otherwise.",
     "hob models options set smollm2 temperature 0.2", define_models_options_set},
    {"models options clear", "Remove saved default options of a model", "",
     "hob models options clear smollm2 temperature\n"
     "hob models options clear smollm2",
     define_models_options_clear},
    {"aliases list", "List the other names of models",
     "hob's own, and those in llm's aliases.json that hob has no entry for.",
     "hob aliases\n"
     "hob aliases list --json",
     define_aliases_list},
    {"aliases set", "Give a model another name", "",
     "hob aliases set small smollm2\n"
     "hob aliases set small -q smol -q 135m",
     define_aliases_set},
    {"aliases remove", "Remove such a name", "", "hob aliases remove small", define_aliases_remove},
    {"aliases path", "Show where aliases.json lies", "", "hob aliases path", define_aliases_path},
    {"templates list", "List the prompt templates",
     "hob's own, and those in llm's folder that hob has none of the name for.", "hob templates",
     define_templates_list},
    {"templates show", "Show a prompt template", "",
     "hob templates show review\n"
     "hob templates show git:~/prompts@v1:review",
     define_templates_show},
    {"templates edit", "Edit a prompt template in $EDITOR",
     "One that only llm has is copied to hob's folder first.", "hob templates edit review",
     define_templates_edit},
    {"templates path", "Show the folder of the templates", "", "hob templates path",
     define_templates_path},
    {"templates loaders", "List what prefix:name loads templates from", "", "hob templates loaders",
     define_templates_loaders},
    {"fragments list", "List the stored fragments",
     "A fragment is stored when a prompt uses it or when it gets an alias.",
     "hob fragments\n"
     "hob fragments list -q manual --json\n"
     "hob fragments list --aliases",
     define_fragments_list},
    {"fragments set", "Give a fragment an alias", "",
     "hob fragments set manual ./manual.md\n"
     "hob fragments set spec https://example.org/spec.txt",
     define_fragments_set},
    {"fragments show", "Show a fragment's text", "", "hob fragments show manual",
     define_fragments_show},
    {"fragments remove", "Remove a fragment's alias", "The text stays, under its hash.",
     "hob fragments remove manual", define_fragments_remove},
    {"fragments loaders", "List what prefix:argument loads fragments from", "",
     "hob fragments loaders", define_fragments_loaders},
    {"files", "Put files and folders into one text for a prompt",
     "Flags and output are those of files-to-prompt. Paths on standard input count as well.",
     "hob files src README.md\n"
     "hob files src -e .cpp -e .h --ignore '*_test.cpp' --cxml\n"
     "git ls-files -z | hob files -0 --markdown --budget 8000\n"
     "hob files docs | hob -s 'What is missing here?'",
     define_files},
    {"html", "Take the text out of an HTML page",
     "Flags and output are those of strip-tags. The page comes from standard input or --input.",
     "curl -s https://example.org | hob html -m\n"
     "hob html -i page.html article --remove .advert --first\n"
     "hob html -i page.html -t hs -t a main",
     define_html},
    {"cmd", "Suggest a shell command, to be run on Enter",
     "The command stands on the line to be edited; it runs when a person at a terminal presses "
     "Enter.\n"
     "Without a terminal it is only printed. What was run is in the ledger with its exit status.",
     "hob cmd undo the last git commit\n"
     "hob cmd -m qwen 'the five largest files below here'\n"
     "hob cmd 'count the lines of all C++ files' > suggestion.txt",
     define_cmd},
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
    {"embed", "Make the vector of a text, to print or to keep in a collection",
     "The vector of all-MiniLM-L6-v2 has 384 numbers and length 1; ./hob fetches the model (91 MB) "
     "when\n"
     "it is first needed. What a collection has already is not embedded again.",
     "hob embed -c 'hello world'\n"
     "cat notes.txt | hob embed -f hex\n"
     "hob embed phrases hound -c 'my happy hound' --store\n"
     "hob embed phrases readme -i README.md --metadata '{\"kind\": \"file\"}'",
     define_embed},
    {"embed-multi", "Keep the vectors of many texts in a collection",
     "Rows come from a file (CSV, TSV, JSON, JSON lines), from a SQL query, or are files. What is "
     "there\n"
     "already is skipped, so an interrupted command goes on where it stopped.",
     "hob embed-multi quotations quotations.csv --store\n"
     "cat rows.json | hob embed-multi rows -\n"
     "hob embed-multi docs --files docs '**/*.md' --store\n"
     "hob embed-multi posts --attach blog blog.db --sql 'select id, title, body from blog.posts'",
     define_embed_multi},
    {"similar", "Find the items of a collection nearest to a text or to an item",
     "By the cosine of the angle between the vectors, exactly. "
     "Collections of 20,000 items and more get\n"
     "an index beside the database when they are first searched.",
     "hob similar phrases -c 'dog'\n"
     "hob similar phrases hound -n 3\n"
     "hob similar docs -c 'how is memory mapped?' --prefix guide --plain",
     define_similar},
    {"collections list", "List the collections of vectors", "'hob collections' is short for it.",
     "hob collections\n"
     "hob collections list --json",
     define_collections_list},
    {"collections path", "Show where the collections are kept", "", "hob collections path",
     define_collections_path},
    {"collections delete", "Delete a collection and its vectors", "",
     "hob collections delete phrases", define_collections_delete},
    {"embed-models list", "List the models that make vectors",
     "'hob embed-models' is short for it.",
     "hob embed-models\n"
     "hob embed-models list -q mini",
     define_embed_models_list},
    {"embed-models default", "Show or set the model that makes vectors where none is named", "",
     "hob embed-models default\n"
     "hob embed-models default all-MiniLM-L6-v2\n"
     "hob embed-models default --remove-default",
     define_embed_models_default},
    {"batch", "Ask a model once per row of a file",
     "PROMPT has the row's columns as $name. What was answered before is not asked again, so that a "
     "run\n"
     "that was interrupted goes on where it was.",
     "hob batch words.csv 'Translate $word into French' --output translated.csv\n"
     "hob batch rows.jsonl -t summary -m smollm2 --jobs 8 --output out.jsonl\n"
     "cat rows.jsonl | hob batch - 'Is this spam? $text' --regex '(yes|no)' --column spam",
     define_batch},
    {"cost list", "Show what the turns on record cost",
     "At the price stored with each turn, or that of its day. "
     "Local models cost energy and no money; turns\n"
     "whose price nobody knows are counted and never taken for free. `hob cost` does the same.",
     "hob cost\n"
     "hob cost --by day --since 7d\n"
     "hob cost --by tag --since 2026-01-01 --until 2026-01-31 --json",
     define_cost_list},
    {"cost estimate", "Estimate what many requests would cost, line by line",
     "Several -m are compared side by side, local ones by time and energy as their turns on record "
     "tell.",
     "hob cost estimate --items 68000 --input 260 --output 100 -m gemini-1.5-flash-8b\n"
     "hob cost estimate --items 1000 --input 800 --output 200 -m gpt-4o-mini -m smollm2\n"
     "hob cost estimate --items 50 --input 2000 --output 500 -m o3 --on 2025-05-01",
     define_cost_estimate},
    {"energy list", "Show the energy and CO2e of the turns on record",
     "Measured by RAPL where the machine counts and lets it be read, else estimated from processor "
     "time.\n"
     "`hob energy` does the same.",
     "hob energy\n"
     "hob energy --by day --since 30d\n"
     "hob energy --json",
     define_energy_list},
    {"energy set", "Say what this machine draws and where its electricity comes from",
     "Kept in energy.json among the settings.",
     "hob energy set --grid DE\n"
     "hob energy set --watts 7.5\n"
     "hob energy set --grid 25 --grid-name 'our roof'",
     define_energy_set},
    {"prices list", "List the prices of hosted models", "`hob prices` does the same.",
     "hob prices\n"
     "hob prices -q flash\n"
     "hob prices --vendor mistral --on 2024-12-01 --json",
     define_prices_list},
    {"prices show", "Show all prices a model has had, and where they were published", "",
     "hob prices show gpt-4o\n"
     "hob prices show claude-3-5-sonnet-20241022",
     define_prices_show},
    {"prices update", "Take newer prices from a file or URL in the format of llm-prices",
     "Nothing is fetched unless you ask. A file with anything wrong in it changes nothing.",
     "hob prices update https://www.llm-prices.com/current-v1.json\n"
     "hob prices update historical-v1.json",
     define_prices_update},
    {"completion", "Print a script that lets a shell's Tab key complete hob's command lines",
     "Commands, flags, models, templates, aliases, collections and conversations, "
     "as they are at that moment.",
     "eval \"$(hob completion bash)\"\n"
     "eval \"$(hob completion zsh)\"\n"
     "hob completion fish | source",
     define_completion},
    {"perplexity", "Measure how well a model predicts a text",
     "The text is cut into chunks of --context tokens; "
     "in each, the second half is predicted from what\n"
     "stands before it. Lower is better; +/- is one standard error. "
     "--logits and --against say what\n"
     "a quantised file lost: NMSE of logits, KL divergence, "
     "how often the likeliest token is the same.",
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
