// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/witness"
)

func (p *program) witnessCommand() *cobra.Command {
	var url, key, dir, name string
	var every time.Duration
	var once bool
	cmd := &cobra.Command{
		Use: "witness --log URL --log-key KEY", Short: "Cosign a server's log from another machine",
		Long: "Watches the log of a Seaworthy server and cosigns its checkpoints, each only if it\n" +
			"contains everything that was there before. Run it where the server's administrators\n" +
			"have no rights: then not even they can rewrite history unseen.\n\n" +
			"At the first start it makes a key; give the public one, which it prints, to the\n" +
			"server's administrator (serve --witness). Its folder holds the key and the last\n" +
			"checkpoint that it saw.\n\n" +
			"Exits with 3 when the log was rewritten. A server that does not answer is tried again.",
		Example: "  seaworthy witness --log https://seaworthy.example/log --log-key log.pub",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := p.witness(url, key, dir, name)
			if err != nil {
				return err
			}
			return p.watch(cmd.Context(), w, every, once)
		},
	}
	cmd.Flags().StringVar(&url, "log", "", "where the log is served: the server's address followed by /log (required)")
	cmd.Flags().StringVar(&key, "log-key", "", "the log's public key, or a file that holds it (required)")
	cmd.Flags().StringVar(&dir, "dir", "seaworthy-witness", "the folder for the key and the state")
	cmd.Flags().StringVar(&name, "name", "", "the witness's name in its key, made at the first start (default: the machine's name)")
	cmd.Flags().DurationVar(&every, "every", time.Minute, "how often to look")
	cmd.Flags().BoolVar(&once, "once", false, "look once and end")
	return cmd
}

// witness opens or makes the witness in a folder.
func (p *program) witness(url, key, dir, name string) (*witness.Witness, error) {
	if url == "" || key == "" {
		return nil, usageError{errors.New("witness needs --log URL and --log-key KEY")}
	}
	log, err := verifierKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, seaworthy.Invalid("the witness's folder cannot be made: %v", err)
	}
	private, err := p.witnessKey(filepath.Join(dir, "witness.key"), name)
	if err != nil {
		return nil, err
	}
	signer, err := tlog.ParseCosigner(private, time.Now)
	if err != nil {
		return nil, seaworthy.Invalid("%s: %v", filepath.Join(dir, "witness.key"), err)
	}
	return witness.New(witness.Config{
		URL: url, LogKey: log, Signer: signer, State: filepath.Join(dir, "last-checkpoint"),
		Client: &http.Client{Timeout: 30 * time.Second},
	}), nil
}

// witnessKey reads the private key, or makes one and prints the public one.
func (p *program) witnessKey(path, name string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", seaworthy.Invalid("the witness's key cannot be read: %v", err)
	}
	if name == "" {
		if name, err = os.Hostname(); err != nil {
			return "", seaworthy.Invalid("the machine has no name; give one with --name")
		}
	}
	private, public, err := tlog.GenerateCosigner(name)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, []byte(private+"\n"), 0o600); err != nil {
		return "", seaworthy.Invalid("the witness's key cannot be kept: %v", err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "witness.pub"), []byte(public+"\n"), 0o644); err != nil {
		return "", seaworthy.Invalid("the witness's public key cannot be kept: %v", err)
	}
	_, err = fmt.Fprintf(p.out, "This witness's public key, for serve --witness and verify --witness:\n%s\n", public)
	return private, err
}

// watch cosigns until the context ends or the log was rewritten.
func (p *program) watch(ctx context.Context, w *witness.Witness, every time.Duration, once bool) error {
	if every < time.Second {
		return usageError{errors.New("--every must be at least a second")}
	}
	size := int64(-1)
	for {
		head, err := w.Cosign(ctx)
		var rewritten *witness.RewrittenError
		switch {
		case errors.As(err, &rewritten):
			p.exit = exitAltered
			p.warn("%v", err)
			return nil
		case ctx.Err() != nil:
			return nil
		case err != nil && once:
			return err
		case err != nil:
			p.warn("%v; trying again in %s", err, every)
		case head.Size != size:
			size = head.Size
			fmt.Fprintf(p.out, "cosigned %d entries of %s, root %s\n", head.Size, shown(head.Origin), head.Root)
		}
		if once {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}
