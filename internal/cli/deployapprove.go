// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
)

// approveOptions are the git host's word on a commit.
type approveOptions struct {
	server, tokenFile    string
	commit, pull         string
	repository, refusal  string
	author, mergedBy, at string
	approvers            []string
	mergedAt             time.Time
}

func (p *program) deployApproveCommand() *cobra.Command {
	var o approveOptions
	cmd := &cobra.Command{
		Use: "approve --server URL --commit ID", Short: "Say, as the git host, who approved a commit",
		Long: "Tells the server who wrote, approved and merged a commit. Deployments that name the commit,\n" +
			"before or after, become verified when somebody other than the author approved it; else they\n" +
			"are contradicted, and what they changed is out of band.\n\n" +
			"It needs a token of the role git-host. That token is worth as much as an approval: keep it\n" +
			"where only the git host's own jobs on a protected branch can read it, never where what is\n" +
			"deployed is built. Give people by their e-mail addresses, so that who approved what they then\n" +
			"did themselves is noticed.",
		Example: "  SEAWORTHY_TOKEN=… seaworthy deploy approve --server https://seaworthy.example.com --commit $SHA \\\n" +
			"    --pr https://git.example.com/shop/pull/7 --author bob@example.com --approver carol@example.com --merged-at 2026-11-22T10:00:00Z",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return p.approveDeployment(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "", "the server's address (required)")
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with an API token (default: the environment variable "+tokenVariable+")")
	f.StringVar(&o.commit, "commit", "", "the `id` of the commit that the merge made, in full (default: what the pipeline says)")
	f.StringVar(&o.pull, "pr", "", "the `address` of the pull request")
	f.StringVar(&o.repository, "repository", "", "the repository (default: what the pipeline says)")
	f.StringVar(&o.author, "author", "", "who wrote it")
	f.StringArrayVar(&o.approvers, "approver", nil, "`who` approved it (repeatable)")
	f.StringVar(&o.mergedBy, "merged-by", "", "who merged it")
	f.StringVar(&o.at, "merged-at", "", "when it was merged, as in 2026-11-22T10:00:00Z")
	f.StringVar(&o.refusal, "refuse", "", "why it is no approval, in `words`")
	return cmd
}

func (o *approveOptions) validate() (err error) {
	o.commit, o.repository = fromPipeline(o.commit, o.repository)
	switch {
	case o.server == "":
		return usageError{errors.New("deploy approve needs the server's address: --server URL")}
	case o.commit == "":
		return usageError{errors.New("deploy approve needs the commit: --commit ID")}
	case o.refusal == "" && o.author == "":
		return usageError{errors.New("deploy approve needs the author: --author WHO; who approved alone can only be told with it")}
	case o.tokenFile == "" && os.Getenv(tokenVariable) == "":
		return usageError{fmt.Errorf("deploy approve needs an API token: --token-file FILE or the environment variable %s", tokenVariable)}
	}
	if o.at != "" {
		if o.mergedAt, err = time.Parse(time.RFC3339, o.at); err != nil {
			return usageError{fmt.Errorf("--merged-at %q is no time such as 2026-11-22T10:00:00Z", o.at)}
		}
	}
	return nil
}

// approveDeployment sends the word, and says what it came to: a word that is no approval
// was taken all the same.
func (p *program) approveDeployment(ctx context.Context, o approveOptions) error {
	c, err := clientOf(o.server, o.tokenFile)
	if err != nil {
		return err
	}
	body := map[string]any{"commit": o.commit}
	for name, value := range map[string]string{
		"pullRequest": o.pull, "repository": o.repository, "author": o.author, "mergedBy": o.mergedBy, "refusal": o.refusal,
	} {
		if value != "" {
			body[name] = value
		}
	}
	if len(o.approvers) > 0 {
		body["approvers"] = o.approvers
	}
	if !o.mergedAt.IsZero() {
		body["mergedAt"] = o.mergedAt
	}
	var said struct {
		seaworthy.Confirmation
		Deployments int `json:"deployments"`
	}
	if err := c.Send(ctx, http.MethodPost, "/api/v1/approvals", body, &said); err != nil {
		var answer *client.Error
		if errors.As(err, &answer) {
			return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the approval was not taken by " + o.server, Err: err}
		}
		return fmt.Errorf("send the approval: %w", err)
	}
	if said.Refusal != "" {
		fmt.Fprintf(p.out, "commit %.12s is not approved: %s; %d deployments name it\n", said.Commit, said.Refusal, said.Deployments)
		return nil
	}
	fmt.Fprintf(p.out, "commit %.12s is approved; %d deployments name it\n", said.Commit, said.Deployments)
	return nil
}
