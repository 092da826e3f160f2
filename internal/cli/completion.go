// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// completionCommand stands in the place of cobra's own, which answers a shell that it does
// not know with help and success.
func (p *program) completionCommand() *cobra.Command {
	shells := []string{"bash", "fish", "powershell", "zsh"}
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print the script by which a shell completes commands", ValidArgs: shells,
		Long: "Completion prints the script that lets a shell complete commands, flags and the ids of\n" +
			"checks. SHELL is bash, fish, powershell or zsh.",
		Example: "  source <(seaworthy completion bash)\n" +
			"  seaworthy completion zsh > \"${fpath[1]}/_seaworthy\"\n" +
			"  seaworthy completion fish > ~/.config/fish/completions/seaworthy.fish",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("name one shell: %s", strings.Join(shells, ", "))}
			}
			if !slices.Contains(shells, args[0]) {
				return usageError{fmt.Errorf("there is no completion for %q%s", args[0], suggestion(args[0], shells, "; there are "+strings.Join(shells, ", ")))}
			}
			return completion(cmd.Root(), args[0], p.out)
		},
	}
}

func completion(root *cobra.Command, shell string, out io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "fish":
		return root.GenFishCompletion(out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(out)
	}
	return root.GenZshCompletion(out)
}
