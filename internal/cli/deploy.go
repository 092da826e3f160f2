// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
)

func (p *program) deployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "deploy", Short: "Register deployments, against which changes of clusters are held", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.deployRecordCommand(), p.deployApproveCommand())
	return cmd
}

// deployOptions say what a pipeline claims.
type deployOptions struct {
	server, tokenFile, cluster string
	namespaces, images         []string
	ticket, pull, commit       string
	repository, identity       string
	lasts                      time.Duration
}

func (p *program) deployRecordCommand() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use: "record --server URL --cluster NAME", Short: "Register that a pipeline is about to change a cluster",
		Long: "Tells the server that changes of a cluster, from now on and for a while, belong to a ticket,\n" +
			"a pull request or a commit. A change that fits shows as claimed; it is verified once the\n" +
			"git host confirms that somebody else approved it. A change that nothing covers is out of\n" +
			"band. What is registered only after the change shows as late.\n\n" +
			"Name images with their digests: a tag can be moved, so a tag covers only the same tag.\n" +
			"In the pipelines of GitHub, GitLab and others, commit and repository are taken from what\n" +
			"they say of themselves.",
		Example: "  SEAWORTHY_TOKEN=… seaworthy deploy record --server https://seaworthy.example.com --cluster production \\\n" +
			"    --namespace shop --image registry.example.com/cart@sha256:… --ticket SHOP-123 --pr https://git.example.com/shop/pull/7",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return p.recordDeployment(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "", "the server's address (required)")
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with an API token (default: the environment variable "+tokenVariable+")")
	f.StringVar(&o.cluster, "cluster", "", "the cluster's `name` or id (required)")
	f.StringSliceVar(&o.namespaces, "namespace", nil, "`namespace` that changes (repeatable)")
	f.StringSliceVar(&o.images, "image", nil, "`image` that is deployed, with its digest (repeatable)")
	f.StringVar(&o.ticket, "ticket", "", "the ticket: its key or address")
	f.StringVar(&o.pull, "pr", "", "the `address` of the pull request")
	f.StringVar(&o.commit, "commit", "", "the commit (default: what the pipeline says)")
	f.StringVar(&o.repository, "repository", "", "the repository (default: what the pipeline says)")
	f.StringVar(&o.identity, "identity", "", "the user by which the cluster knows the pipeline; then nobody else's changes are covered")
	f.DurationVar(&o.lasts, "for", 30*time.Minute, "how long the deployment takes at most, a day at the longest")
	return cmd
}

func (o *deployOptions) validate() error {
	o.commit, o.repository = fromPipeline(o.commit, o.repository)
	switch {
	case o.server == "":
		return usageError{errors.New("deploy record needs the server's address: --server URL")}
	case o.cluster == "":
		return usageError{errors.New("deploy record needs a cluster: --cluster NAME")}
	case len(o.namespaces)+len(o.images) == 0:
		return usageError{errors.New("deploy record needs what changes: --namespace or --image; a deployment of everything would cover for anything")}
	case o.ticket == "" && o.pull == "" && o.commit == "":
		return usageError{errors.New("deploy record needs a reason: --ticket, --pr or --commit")}
	case o.lasts <= 0 || o.lasts > 24*time.Hour:
		return usageError{fmt.Errorf("--for must be more than nothing and a day at most, not %s", o.lasts)}
	case o.tokenFile == "" && os.Getenv(tokenVariable) == "":
		return usageError{fmt.Errorf("deploy record needs an API token: --token-file FILE or the environment variable %s", tokenVariable)}
	}
	return nil
}

// recordDeployment registers the deployment. The time is the server's: a pipeline's clock
// may be wrong.
func (p *program) recordDeployment(ctx context.Context, o deployOptions) error {
	c, err := clientOf(o.server, o.tokenFile)
	if err != nil {
		return err
	}
	body := map[string]any{"lasts": o.lasts}
	for name, list := range map[string][]string{"namespaces": o.namespaces, "images": o.images} {
		if len(list) > 0 {
			body[name] = list
		}
	}
	for name, value := range map[string]string{"ticket": o.ticket, "pullRequest": o.pull, "commit": o.commit, "repository": o.repository, "identity": o.identity} {
		if value != "" {
			body[name] = value
		}
	}
	var d seaworthy.Deployment
	if err := c.Send(ctx, http.MethodPost, "/api/v1/sources/"+url.PathEscape(o.cluster)+"/deployments", body, &d); err != nil {
		var answer *client.Error
		if errors.As(err, &answer) {
			return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the deployment was not registered at " + o.server, Err: err}
		}
		return fmt.Errorf("register the deployment: %w", err)
	}
	fmt.Fprintf(p.out, "deployment %s: changes of %s until %s are held against it\n", d.ID, o.cluster, d.Until.Local().Format(time.DateTime))
	return nil
}

// fromPipeline gives what was said of a commit and its repository, or what the pipelines of
// GitHub, GitLab, Jenkins and Bitbucket say of themselves.
func fromPipeline(commit, repository string) (string, string) {
	return cmp.Or(commit, os.Getenv("GITHUB_SHA"), os.Getenv("CI_COMMIT_SHA"), os.Getenv("GIT_COMMIT"), os.Getenv("BITBUCKET_COMMIT")),
		cmp.Or(repository, os.Getenv("GITHUB_REPOSITORY"), os.Getenv("CI_PROJECT_PATH"), os.Getenv("GIT_URL"), os.Getenv("BITBUCKET_REPO_FULL_NAME"))
}

// clientOf makes a client of a server with the token that a command is given.
func clientOf(server, tokenFile string) (*client.Client, error) {
	token, err := (&uploadOptions{tokenFile: tokenFile}).token()
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: server, Token: token, Agent: "seaworthy/" + Version()})
}
