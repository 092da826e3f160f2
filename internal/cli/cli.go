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
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
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

// Run is the whole program, with the streams and arguments of its process.
func Run() int {
	errOut := os.Stderr
	// Libraries that print by themselves speak to nobody here: what matters of it is in
	// the report, and the rest would break the output of the terminal.
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
	log.SetOutput(io.Discard)
	return Main(os.Args[1:], os.Stdin, os.Stdout, errOut)
}

// Main runs the program with its arguments and gives its exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
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
	if ctx.Err() != nil {
		p.warn("interrupted; there is no whole report")
		return scan.ExitInput
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		p.warn("%s", line)
	}
	var known *seaworthy.Error
	var usage usageError
	if errors.As(err, &usage) || errors.As(err, &known) && known.Kind != seaworthy.KindInternal {
		return scan.ExitInput
	}
	return scan.ExitInternal
}

func (p *program) warn(format string, args ...any) {
	fmt.Fprintf(p.err, "seaworthy: "+format+"\n", args...)
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func (p *program) root() *cobra.Command {
	root := p.group(&cobra.Command{
		Use:   "seaworthy",
		Short: "Keep a company that runs on Kubernetes ready for its SOC 2 audit",
		Long: "Seaworthy checks manifests, charts, kustomizations and live clusters, and shows\n" +
			"what the result says about SOC 2.\n\nStart with: seaworthy scan PATH",
		SilenceUsage: true, SilenceErrors: true,
	}, p.scanCommand(), p.checksCommand(), p.serveCommand(), p.agentCommand(), p.backupCommand(), p.restoreCommand(), p.demoCommand(), p.deployCommand(), p.packageCommand(), p.verifyCommand(), p.witnessCommand(), p.configCommand(), p.completionCommand(), p.versionCommand())
	root.SetHelpFunc(p.help)
	root.SetFlagErrorFunc(flagError)
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
