// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// tokenVariable holds an API token, so that it need not be on the command line.
const tokenVariable = "SEAWORTHY_TOKEN"

// uploadOptions say which server takes the report, and as whom.
type uploadOptions struct{ url, tokenFile string }

func (o *uploadOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.url, "upload", "", "Send the report to the server at this address, as one of the source that --source names")
	f.StringVar(&o.tokenFile, "token-file", "", "File with the API token for --upload. Default: the environment variable "+tokenVariable)
}

func (o *uploadOptions) validate() error {
	switch {
	case o.url == "" && o.tokenFile != "":
		return usageError{errors.New("--token-file goes with --upload")}
	case o.url == "":
		return nil
	case o.tokenFile == "" && os.Getenv(tokenVariable) == "":
		return usageError{fmt.Errorf("--upload needs an API token: --token-file FILE or the environment variable %s", tokenVariable)}
	}
	return nil
}

func (o *uploadOptions) token() (string, error) {
	if o.tokenFile == "" {
		return strings.TrimSpace(os.Getenv(tokenVariable)), nil
	}
	data, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", seaworthy.Invalid("read --token-file: %v", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// upload is a report that goes to a server once it is whole.
type upload struct {
	client *client.Client
	p      *program
	url    string
	file   *os.File // the report as JSON
	seen   scan.Inventory
}

// begin makes ready to send; nil when nothing is to be sent. Whatever can be wrong is
// found before the scan, not after it.
func (o *uploadOptions) begin(p *program) (*upload, error) {
	if o.url == "" {
		return nil, nil
	}
	token, err := o.token()
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{
		URL: o.url, Token: token, Agent: "seaworthy/" + Version(),
		Tell: func(err error, pause time.Duration) { p.warn("%v; trying again in %s", err, pause) },
	})
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "seaworthy-report-*.json")
	if err != nil {
		return nil, fmt.Errorf("keep the report until it is sent: %w", err)
	}
	return &upload{client: c, p: p, url: strings.TrimSuffix(o.url, "/"), file: f}, nil
}

// beside has the report written for the server too, with everything that was seen.
func (u *upload) beside(h output.Handler, in scan.Input) (output.Handler, scan.Input, error) {
	if u == nil {
		return h, in, nil
	}
	format, err := output.Named("json")
	if err != nil {
		return nil, in, err
	}
	return output.Tee(h, format.New(u.file, output.Options{Objects: u.seen.Objects})), u.seen.Watch(in), nil
}

// send sends the report until the server has it, and says where to look.
func (u *upload) send(ctx context.Context, source string) (err error) {
	if u == nil {
		return nil
	}
	if _, err := u.file.Seek(0, 0); err != nil {
		return fmt.Errorf("read the report that is to be sent: %w", err)
	}
	spooled, err := client.Spool("", u.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spooled.Close()) }()
	run, fresh, err := u.client.SendReport(ctx, source, spooled)
	if err != nil {
		var answer *client.Error
		if errors.As(err, &answer) {
			return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the report was not taken by " + u.url, Err: err}
		}
		return err
	}
	changes := fmt.Sprintf("%d opened, %d fixed, %d came back, %d unchanged", run.Opened, run.Fixed, run.Regressed, run.Unchanged)
	if !fresh {
		changes = "it was taken before"
	}
	u.p.warn("%s has the report of %s: %s\n  %s/sources/%s", u.url, source, changes, u.url, run.SourceID)
	return nil
}

// close forgets the report.
func (u *upload) close() error {
	if u == nil {
		return nil
	}
	return errors.Join(u.file.Close(), os.Remove(u.file.Name()))
}
