// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/demo"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// demoKey is the file in the data folder with the key that signs the log.
const demoKey = "log.key"

func (p *program) demoCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use: "demo", Short: "Run a server that is filled with an example", Args: noArgs,
		Long: "Demo runs a server like 'seaworthy serve', filled with half a year of an example company:\n" +
			"its manifests are really scanned as they looked at each time, and what people decided is\n" +
			"replayed. Everything in it is made up, and every page says so.\n\n" +
			"The data is gone when the demo ends, unless --data names a folder for it.",
		Example: "  seaworthy demo\n  seaworthy demo --data demo-data --listen 127.0.0.1:9000",
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Data, "data", "", "`FOLDER` to keep the example in. Default: one that goes with the demo")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on")
	f.StringVar(&o.BaseURL, "base-url", "", "`URL` at which browsers reach the server. Default: that of --listen")
	f.StringVar(&o.logFormat, "log-format", "text", "`FORMAT` of the server's own log on standard error: text or json")
	f.StringVar(&o.logLevel, "log-level", "warn", "`LEVEL`: debug, info, warn or error")
	return cmd
}

func (p *program) demo(ctx context.Context, o *serveOptions) (err error) {
	if o.Data == "" {
		if o.Data, err = os.MkdirTemp("", "seaworthy-demo-*"); err != nil {
			return fmt.Errorf("make a folder for the example: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Data)) }()
	}
	if err := o.complete(p); err != nil {
		return err
	}
	o.Example, o.Out, o.Receivers = true, io.Discard, demo.Receivers()
	l, err := server.Listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	if o.BaseURL == "" {
		o.BaseURL = baseURL(l.Addr().String(), false)
	}
	s, err := p.openDemo(ctx, o)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err = p.welcome(ctx, o, s); err == nil {
		err = runDemo(ctx, s, l)
	} else {
		err = errors.Join(err, l.Close())
	}
	return errors.Join(err, s.Close())
}

// runDemo serves, and keeps the agents of the example alive meanwhile.
func runDemo(ctx context.Context, s *server.Server, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	lived := make(chan error, 1)
	go func() { lived <- demo.Live(ctx, s.Store()) }()
	err := s.Run(ctx, l)
	stop()
	return errors.Join(err, <-lived)
}

// openDemo opens the server of the example, and fills it where it is empty.
func (p *program) openDemo(ctx context.Context, o *serveOptions) (_ *server.Server, err error) {
	now := time.Now()
	clock := demo.NewClock(now)
	_, err = os.Stat(filepath.Join(o.Data, demoKey))
	fresh := errors.Is(err, os.ErrNotExist)
	if fresh {
		o.Now = clock.Now
	}
	s, err := server.Open(ctx, o.Config)
	if err != nil {
		return nil, err
	}
	if fresh {
		err = p.fillDemo(ctx, o, s, now, clock)
	} else if state, failed := s.Store().Setting(ctx, demo.Filled); failed != nil || state == "" {
		err = errors.Join(failed, seaworthy.Invalid("the folder %s holds no whole example; remove it, or name another with --data", o.Data))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (p *program) fillDemo(ctx context.Context, o *serveOptions, s *server.Server, now time.Time, clock *demo.Clock) error {
	key, err := os.ReadFile(filepath.Join(o.Data, demoKey))
	if err != nil {
		return fmt.Errorf("read the log's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(key)))
	if err != nil {
		return fmt.Errorf("read the log's key: %w", err)
	}
	verifier, err := note.NewVerifier(s.LogKey())
	if err != nil {
		return fmt.Errorf("read the log's public key: %w", err)
	}
	bar := output.NewProgress(p.err, isTerminal(p.err), "living half a year")
	defer bar.Done()
	return demo.Fill(ctx, demo.Config{
		Store: s.Store(), Vault: s.Vault(), Auth: s.Auth(), Signer: signer, Verifier: verifier, Version: Version(), Now: now,
		Catalogue: audit.Catalogue{Controls: o.Controls, Frameworks: o.Frameworks, Checks: o.Checks},
		Tell:      func(done float64) { bar.Set(int(done*100), 100) },
	}, clock)
}

// welcome says where to go and how to get in.
func (p *program) welcome(ctx context.Context, o *serveOptions, s *server.Server) error {
	accounts, err := demo.Accounts(ctx, s.Store(), s.Auth())
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s\n\nOpen %s and sign in as one of these; the passwords hold until the next start.\n\n", demo.Notice, o.BaseURL)
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, a := range accounts {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", a.Role, a.Name, a.Email, a.Password)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprint(p.out, "\nCtrl-C ends the demo.\n")
	return err
}
