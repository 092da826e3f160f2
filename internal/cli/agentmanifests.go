// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy/deploy/charts"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
)

// manifestsOptions say how the agent's chart is rendered.
type manifestsOptions struct {
	manifest.Options
	server, enrolment string
	bare              bool
}

func (p *program) agentManifestsCommand() *cobra.Command {
	var o manifestsOptions
	cmd := &cobra.Command{
		Use: "manifests --server URL", Short: "Print the manifests that install the agent", Args: noArgs,
		Long: "Manifests renders the chart of this program's agent, for clusters where neither Helm nor\n" +
			"Argo CD nor Flux installs it. What it prints is what the chart installs, with a namespace\n" +
			"before it. The token by which the agent enrols is not in it: make its Secret beside, with\n" +
			"the token that the server shows once.",
		Example: "  seaworthy agent manifests --server https://seaworthy.example.com | kubectl apply -f -\n" +
			"  kubectl -n seaworthy create secret generic seaworthy-enrolment --from-file=token=token.txt",
		RunE: func(*cobra.Command, []string) error {
			if o.server == "" {
				return usageError{errors.New("--server is needed, such as https://seaworthy.example.com")}
			}
			out, err := o.render()
			if err != nil {
				return err
			}
			_, err = p.out.Write(out)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "", "`URL` of the server")
	f.StringVar(&o.enrolment, "enrolment-secret", "seaworthy-enrolment", "`NAME` of the Secret that holds the token to enrol with, as token")
	f.StringVar(&o.ReleaseName, "name", "seaworthy-agent", "`NAME` of the agent's objects")
	f.StringVar(&o.Namespace, "namespace", "seaworthy", "`NAMESPACE` of the agent, and of nothing else")
	f.BoolVar(&o.bare, "no-namespace", false, "Leave out the namespace itself: it is there")
	f.StringSliceVar(&o.ValuesFiles, "values", nil, "`FILE` with values of the chart (repeatable)")
	f.StringArrayVar(&o.Set, "set", nil, "`KEY=VALUE` of the chart, as of helm --set (repeatable)")
	f.StringVar(&o.KubernetesVersion, "kubernetes-version", newestKubernetes, "`VERSION` of the cluster")
	return cmd
}

// render gives the manifests, and the namespace before them.
func (o *manifestsOptions) render() ([]byte, error) {
	chart, err := charts.Agent()
	if err != nil {
		return nil, err
	}
	o.Set = append([]string{"server.url=" + o.server, "enrolment.secretName=" + o.enrolment, "fullnameOverride=" + o.ReleaseName}, o.Set...)
	out, err := manifest.Template(chart, o.Options)
	if err != nil || o.bare {
		return out, err
	}
	level := "restricted"
	if bytes.Contains(out, []byte("hostNetwork: true")) || bytes.Contains(out, []byte("hostPath:")) {
		level = "privileged" // as was asked for; no lower profile has it
	}
	return append(fmt.Appendf(nil, ownNamespace, o.Namespace, level), out...), nil
}

const ownNamespace = `---
apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels:
    pod-security.kubernetes.io/enforce: %s
`
