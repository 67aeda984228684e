// hob completion: scripts for the Tab key. They hold no table of their own: each asks this program,
// in a few milliseconds, so that commands, flags and values are always those that there are.
#include <memory>

#include "cli/command.h"
#include "cli/complete.h"

namespace hob::cli {
namespace {

constexpr const char* kBash = R"sh(# hob completion bash: put this into ~/.bashrc
#   eval "$(hob completion bash)"
_hob() {
  local line files= word=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) files=1 ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <("${COMP_WORDS[0]}" __complete line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  [[ $files ]] || return 0
  # Readline's own file names come only where there is nothing else.
  if (( ! ${#COMPREPLY[@]} )); then
    compopt -o default 2>/dev/null
    return
  fi
  [[ $word == [=:] ]] && word=
  while IFS= read -r line; do
    [[ -d $line ]] && line+=/
    COMPREPLY+=("$(printf %q "$line")")
  done < <(compgen -f -- "$word")
}
complete -o nosort -F _hob hob 2>/dev/null || complete -F _hob hob
)sh";

constexpr const char* kZsh = R"sh(#compdef hob
# hob completion zsh: put this into ~/.zshrc, after compinit
#   eval "$(hob completion zsh)"
_hob() {
  local line files=
  local -a described plain typed=("${(@Q)words[2,CURRENT]}")
  for line in "${(@f)$(_call_program values $words[1] __complete words ${(@q)typed} 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      files=1
    elif [[ $line == *$'\t'?* ]]; then
      described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    elif [[ -n $line ]]; then
      plain+=("${${line%%$'\t'*}//:/\\:}")
    fi
  done
  (( $#described )) && _describe -V values described
  (( $#plain )) && _describe -V values plain
  [[ -n $files ]] && _files
  (( $#described + $#plain + $#files ))
}
(( $+functions[compdef] )) && compdef _hob hob
)sh";

constexpr const char* kFish = R"sh(# hob completion fish: put this into ~/.config/fish/config.fish
#   hob completion fish | source
function __hob_complete
  set -l words (commandline -opc)
  set -l program $words[1]
  set -e words[1]
  for line in ($program __complete words $words (commandline -ct) 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c hob -e
complete -c hob -f -a '(__hob_complete)'
)sh";

struct Script {
  const char* shell;
  const char* text;
};
constexpr Script kScripts[] = {{"bash", kBash}, {"zsh", kZsh}, {"fish", kFish}};

Result<> print_script(Io& io, const std::string& shell) {
  for (const Script& script : kScripts) {
    if (shell == script.shell) {
      io.write(script.text);
      return {};
    }
  }
  return fail(ErrorKind::kInvalid, "'{}' is none of bash, zsh, fish", shell);
}

}  // namespace

Action define_completion(CLI::App& app, Io& io) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required();
  return [shell, &io] { return print_script(io, *shell); };
}

// hob __complete line LINE, hob __complete words WORD...; not in the table of commands, for no
// person types it.
void run_complete(const std::vector<std::string>& arguments, Io& io) {
  if (arguments.size() < 2) return;
  const bool for_bash = arguments[0] == "line";
  const std::vector<std::string> words =
      for_bash ? words_of_line(arguments[1])
               : std::vector<std::string>(arguments.begin() + 1, arguments.end());
  io.write(completion_lines(complete(words), words.back(), for_bash));
}

}  // namespace hob::cli
