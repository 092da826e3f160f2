// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// The exit codes of verify beside those of every command: 0 intact, 1 internal error,
// 2 unreadable.
const exitAltered = 3

func (p *program) verifyCommand() *cobra.Command {
	var key, tsaCert string
	var witnesses []string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify PACKAGE", Short: "Verify an evidence package, offline",
		Long: "Verifies that an evidence package is what the log of its server sealed: every file,\n" +
			"every entry of the log about it, and the log up to a signed checkpoint. It needs the\n" +
			"package and the log's public key, and nothing else: no server, no network.\n\n" +
			"The public key is on the server's page about the log. Take it from somebody whom you\n" +
			"trust to have noted it, not from the package.\n\n" +
			"Exits with 0 when the package is intact, 3 when something was altered, is missing or\n" +
			"was added (each is named), 2 when it cannot be read, 1 on an internal error.",
		Example: "  seaworthy verify --key log.pub audit-2026.zip\n" +
			"  seaworthy verify --key 'seaworthy.example+1f2e3d4c+AbCd…' --witness witness.pub audit-2026.zip",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("verify takes one package, %d were given", len(args))}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			trust, err := trusted(key, witnesses, tsaCert)
			if err != nil {
				return err
			}
			return p.verify(args[0], asJSON, trust)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the log's public key, or a file that holds it (required)")
	cmd.Flags().StringArrayVar(&witnesses, "witness", nil, "public key of a witness, or a file that holds it; it must have cosigned the log (repeatable)")
	cmd.Flags().StringVar(&tsaCert, "tsa-cert", "", "file with the certificate of a timestamp authority, or of who vouches for it (PEM); the log must have its timestamp")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// trusted reads what a package is verified with.
func trusted(key string, witnesses []string, tsaCert string) (vault.Trust, error) {
	var t vault.Trust
	var err error
	if t.Key, err = verifierKey(key); err != nil {
		return t, err
	}
	for _, w := range witnesses {
		v, err := verifierKey(w)
		if err != nil {
			return t, err
		}
		t.Witnesses = append(t.Witnesses, v)
	}
	if tsaCert == "" {
		return t, nil
	}
	roots, err := certificates(tsaCert)
	if err != nil {
		return t, err
	}
	t.Timestamp = func(token, signed []byte) (time.Time, error) { return timestamp.Check(token, signed, roots) }
	return t, nil
}

// certificates reads those by which timestamps are believed.
func certificates(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, seaworthy.Invalid("the certificate of the timestamp authority cannot be read: %v", err)
	}
	return timestamp.Roots(data)
}

// verifierKey reads a public key: itself, or the first line of a file. Keys of witnesses
// are of the kind that signs with a time.
func verifierKey(key string) (note.Verifier, error) {
	if key == "" {
		return nil, usageError{errors.New("verify needs the log's public key: --key KEY or --key FILE")}
	}
	text := key
	if !strings.Contains(key, "+") || fileExists(key) {
		data, err := os.ReadFile(key)
		if err != nil {
			return nil, seaworthy.Invalid("the key %s is neither a public key nor a file that can be read: %v", key, err)
		}
		text, _, _ = strings.Cut(string(data), "\n")
	}
	v, err := tlog.ParseKey(strings.TrimSpace(text))
	if err != nil {
		return nil, seaworthy.Invalid("the key %s is no public key of a log or a witness (name+hash+base64): %v", key, err)
	}
	return v, nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (p *program) verify(path string, asJSON bool, trust vault.Trust) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return seaworthy.Invalid("the package cannot be opened: %v", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return seaworthy.Invalid("%s is no file", path)
	}
	result, err := vault.Verify(f, info.Size(), trust)
	if err != nil {
		return err
	}
	if !result.Intact() {
		p.exit = exitAltered
	}
	if asJSON {
		e := json.NewEncoder(p.out)
		e.SetIndent("", "  ")
		return e.Encode(result)
	}
	return p.tellVerified(path, result)
}

// tellVerified prints the result for people.
func (p *program) tellVerified(path string, r vault.Verified) error {
	var b strings.Builder
	for _, problem := range r.Problems {
		fmt.Fprintf(&b, "ALTERED  %s\n", shown(problem))
	}
	if !r.Intact() {
		fmt.Fprintf(&b, "\n%s is not what was sealed: %s.\n", path, counted(len(r.Problems), "problem"))
		_, err := p.out.Write([]byte(b.String()))
		return err
	}
	fmt.Fprintf(&b, "%s is intact.\n\n", path)
	fmt.Fprintf(&b, "  package    %s, sealed %s\n", shown(r.Name), r.SealedAt)
	fmt.Fprintf(&b, "  files      %d, each with the digest that was sealed\n", r.Files)
	fmt.Fprintf(&b, "  entries    %d of the log's %d speak of what is in it; all are in the log\n", r.Entries, r.LogSize)
	fmt.Fprintf(&b, "  seal       entry %d of the log, of %s with SHA-256 %s\n", r.Seal, vault.SumsFile, r.Sums)
	fmt.Fprintf(&b, "  log        %s, up to a checkpoint signed with its key\n", shown(r.Origin))
	for _, w := range r.Witnesses {
		fmt.Fprintf(&b, "  witness    cosigned by %s up to entry %d\n", shown(w.Name), w.Size-1)
	}
	if len(r.Witnesses) == 0 {
		b.WriteString("  witnesses  none asked for; a log that was rewritten whole before it was sealed would not be noticed\n")
	}
	if r.Timestamp != "" {
		fmt.Fprintf(&b, "  timestamp  the authority saw the checkpoint at %s\n", r.Timestamp)
	}
	if len(r.Seen) > 0 && r.Seen[0].Size < r.LogSize {
		fmt.Fprintf(&b, "  since      %s: by then it had seen the first %d entries, and later %s\n", r.Seen[0].At, r.Seen[0].Size, counted(len(r.Seen)-1, "more head"))
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(&b, "  left out   the bytes of %s of evidence are not in it, as the package says\n", counted(r.LeftOut, "piece"))
	}
	if r.Example != "" {
		fmt.Fprintf(&b, "  EXAMPLE    %s\n", shown(r.Example))
	}
	if r.Partial != "" {
		fmt.Fprintf(&b, "  partial    %s\n", shown(r.Partial))
	}
	b.WriteString("\nThis shows that nothing was changed since it was collected, not that the source told the truth.\n")
	_, err := p.out.Write([]byte(b.String()))
	return err
}
