// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// packageOptions say whose package is taken from where, and where it goes.
type packageOptions struct {
	server, tokenFile, program, file, asOf, key string
	without                                     client.PackageRequest
}

func (p *program) packageCommand() *cobra.Command {
	var o packageOptions
	cmd := &cobra.Command{
		Use: "package --server URL --program PROGRAM -o FILE", Short: "Take the evidence package of a program from a server, and verify it",
		Long: "Takes the evidence package of a program from a server: what its log says of the\n" +
			"program, the evidence, the frozen lists and samples, and the proof. The file is there\n" +
			"only once the package came whole and was verified, as 'seaworthy verify' does it; an\n" +
			"answer that breaks off leaves nothing.\n\n" +
			"Who made the package, and when, enters the log. Owners, compliance managers and the\n" +
			"auditor of the program may. It is verified with the key that you noted, or, without\n" +
			"--key, with the one that the server gives now.\n\n" +
			"Exits with 0 when the package was verified, 3 when it was altered, 2 when the server\n" +
			"does not give it, 1 on an internal error.",
		Example: "  SEAWORTHY_TOKEN=… seaworthy package --server https://seaworthy.example --program 'SOC 2 2026' -o audit-2026.zip\n" +
			"  seaworthy package --server https://seaworthy.example --as-of 2026-06-30T23:59:59Z --key log.pub -o june.zip",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return p.takePackage(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "", "the server's address (required)")
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with an API token (default: the environment variable "+tokenVariable+")")
	f.StringVar(&o.program, "program", "", "the program's name or id (default: the only one that the token sees)")
	f.StringVarP(&o.file, "output-file", "o", "", "the `file` to write, which must not be there yet (required)")
	f.StringVar(&o.asOf, "as-of", "", "leave out what the log took later than this `moment`, like 2026-06-30T23:59:59Z")
	f.StringVar(&o.key, "key", "", "the log's public key that you noted, or a file that holds it")
	f.BoolVar(&o.without.WithoutBytes, "without-bytes", false, "leave out the bytes of evidence; their digests stay")
	f.BoolVar(&o.without.WithoutLists, "without-lists", false, "leave out the frozen lists and the samples")
	f.BoolVar(&o.without.WithoutSamples, "without-samples", false, "leave out the samples")
	return cmd
}

func (o *packageOptions) validate() error {
	switch {
	case o.server == "":
		return usageError{errors.New("package needs the server's address: --server URL")}
	case o.file == "":
		return usageError{errors.New("package needs a file to write: -o FILE")}
	case o.tokenFile == "" && os.Getenv(tokenVariable) == "":
		return usageError{fmt.Errorf("package needs an API token: --token-file FILE or the environment variable %s", tokenVariable)}
	}
	if o.asOf != "" {
		at, err := time.Parse(time.RFC3339, o.asOf)
		if err != nil {
			return usageError{fmt.Errorf("--as-of must be like 2026-06-30T23:59:59Z, not %q", o.asOf)}
		}
		o.without.AsOf = at
	}
	if _, err := os.Lstat(o.file); !errors.Is(err, fs.ErrNotExist) {
		return seaworthy.Invalid("%s is there already; packages are not overwritten", o.file)
	}
	return nil
}

// takePackage takes and verifies a package, and only then gives it its name.
func (p *program) takePackage(ctx context.Context, o packageOptions) (err error) {
	token, err := (&uploadOptions{tokenFile: o.tokenFile}).token()
	if err != nil {
		return err
	}
	c, err := client.New(client.Config{
		URL: o.server, Token: token, Agent: "seaworthy/" + Version(),
		Tell: func(err error, pause time.Duration) { p.warn("%v; trying again in %s", err, pause) },
	})
	if err != nil {
		return err
	}
	trust, err := o.trust(ctx, c)
	if err != nil {
		return refusedPackage(o.server, err)
	}
	program, err := programOf(ctx, c, o.program)
	if err != nil {
		return refusedPackage(o.server, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(o.file), "."+filepath.Base(o.file)+".*")
	if err != nil {
		return seaworthy.Invalid("the package cannot be written: %v", err)
	}
	defer func() {
		if gone := os.Remove(temp.Name()); !errors.Is(gone, fs.ErrNotExist) { // it has its name
			err = errors.Join(err, gone)
		}
	}()
	result, err := download(ctx, c, program, o.without, temp, trust)
	if err != nil {
		return refusedPackage(o.server, errors.Join(err, temp.Close()))
	}
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write the package: %w", err)
	}
	if !result.Intact() {
		p.exit = exitAltered
		return p.tellVerified("what "+o.server+" gave", result)
	}
	if err := os.Link(temp.Name(), o.file); err != nil { // unlike a rename, it overwrites nothing
		if errors.Is(err, fs.ErrExist) {
			return seaworthy.Invalid("%s is there already; packages are not overwritten", o.file)
		}
		if err := os.Rename(temp.Name(), o.file); err != nil { // where there are no hard links
			return seaworthy.Invalid("the package cannot be written: %v", err)
		}
	}
	if err := p.tellVerified(o.file, result); err != nil || o.key != "" {
		return err
	}
	p.warn("it was verified with the key that the server gives now; compare it with the one that you noted, and give that with --key:\n  %s", trust.key)
	return nil
}

// trustedKey is what a package is verified with, and the key as text.
type trustedKey struct {
	vault.Trust
	key string
}

// trust is the key that somebody noted, or the server's.
func (o *packageOptions) trust(ctx context.Context, c *client.Client) (t trustedKey, err error) {
	if t.key = o.key; o.key == "" {
		var keys struct{ Log string }
		if err := c.Get(ctx, "/api/v1/log/key", nil, &keys); err != nil {
			return t, err
		}
		t.key = keys.Log
	}
	t.Key, err = verifierKey(t.key)
	return t, err
}

// programOf gives the id of a program by its name or id, or of the only one.
func programOf(ctx context.Context, c *client.Client, asked string) (string, error) {
	var names []string
	var id string
	for q := (url.Values{}); ; {
		var page struct {
			Items []seaworthy.Program
			Next  string
		}
		if err := c.Get(ctx, "/api/v1/programs", q, &page); err != nil {
			return "", err
		}
		for _, one := range page.Items {
			if one.ID == asked {
				return one.ID, nil
			}
			if one.Name == asked || asked == "" {
				if id != "" {
					return "", seaworthy.Invalid("there are several programs to choose from; give the id of one with --program")
				}
				id = one.ID
			}
			names = append(names, fmt.Sprintf("%s (%s)", one.Name, one.ID))
		}
		if page.Next == "" {
			break
		}
		q.Set("cursor", page.Next)
	}
	switch {
	case id != "":
		return id, nil
	case len(names) == 0:
		return "", seaworthy.NotFound("the token sees no program")
	}
	return "", seaworthy.NotFound("there is no program %q; there are %s", asked, strings.Join(names, ", "))
}

// download takes a package into a file and verifies it.
func download(ctx context.Context, c *client.Client, program string, r client.PackageRequest, to *os.File, trust trustedKey) (vault.Verified, error) {
	body, err := c.Package(ctx, program, r)
	if err != nil {
		return vault.Verified{}, err
	}
	size, err := io.Copy(to, body)
	if err := errors.Join(err, body.Close()); err != nil {
		return vault.Verified{}, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the package did not come whole", Err: err}
	}
	return vault.Verify(to, size, trust.Trust)
}

// refusedPackage says what of an error the server said.
func refusedPackage(server string, err error) error {
	var answer *client.Error
	if errors.As(err, &answer) {
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the package is not given by " + server, Err: err}
	}
	return err
}
