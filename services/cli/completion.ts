/** `ringway completion`: what a shell needs to complete verbs, sub-verbs and flags. */
import { parseFlags, UsageError } from "../runtime/flags.ts";
import type { Verb } from "./verb.ts";

const shells = ["bash", "zsh"] as const;

/** @param verbs by name, `completion` itself left out */
export function completionVerb(verbs: Readonly<Record<string, Verb>>): Verb {
  return {
    summary: "bash | zsh: print a completion script; source <(ringway completion bash)",
    usage: "bash|zsh",
    flags: {},
    async run(argv) {
      const [shell] = parseFlags({}, argv, 1)._;
      if (!shells.some((known) => known === shell)) throw new UsageError(`usage: ringway completion ${shells.join("|")}`);
      process.stdout.write(`${shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : ""}${script({ ...verbs, completion: this })}\n`);
      return 0;
    },
  };
}

function script(verbs: Readonly<Record<string, Verb>>): string {
  const cases = Object.entries(verbs).map(([name, { usage = "", flags }]) => {
    const subVerbs = /^[a-z]+(\|[a-z]+)+/.exec(usage)?.[0].split("|") ?? [];
    return `    ${name}) words="${[...subVerbs, ...Object.keys(flags).map((flag) => `--${flag}`), "--help"].join(" ")}" ;;`;
  });
  return `_ringway() {
  local words="${Object.keys(verbs).join(" ")} --help"
  if [ "$COMP_CWORD" -gt 1 ]; then case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) words="" ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ringway ringway`;
}
