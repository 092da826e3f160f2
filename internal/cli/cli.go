// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of Seaworthy: a file for each command. It wires the
// parts together and turns errors into exit codes: 0 clean, 1 internal error, 2 usage
// error or input that could not be read, 3 findings at or above the threshold.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// program is what every command shares.
type program struct {
	in       io.Reader
	out, err io.Writer
	exit     int // of a command that ran without error
}

// Main runs the program with its arguments and gives its exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{in: in, out: out, err: errOut}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return p.exit
	}
	fmt.Fprintln(errOut, "seaworthy: "+err.Error())
	var known *seaworthy.Error
	var usage usageError
	switch {
	case errors.As(err, &usage), errors.As(err, &known) && known.Kind != seaworthy.KindInternal:
		return scan.ExitInput
	case errors.Is(err, context.Canceled):
		return scan.ExitInput
	}
	return scan.ExitInternal
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "seaworthy",
		Short: "Keep a company that runs on Kubernetes ready for its SOC 2 audit",
		Long: "Seaworthy checks manifests, charts, kustomizations and live clusters, and shows\n" +
			"what the result says about SOC 2.\n\nStart with: seaworthy scan PATH",
		SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q; 'seaworthy --help' lists them", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; '%s --help' lists the flags", err, cmd.CommandPath())}
	})
	root.AddCommand(p.scanCommand(), p.checksCommand(), p.configCommand(), p.versionCommand())
	return root
}

// Version is the module version that the binary was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, "seaworthy "+Version())
			return err
		},
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no argument (%q)", cmd.CommandPath(), args[0])}
	}
	return nil
}
