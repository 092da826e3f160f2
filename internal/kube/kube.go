// SPDX-License-Identifier: Apache-2.0

// Package kube reads a live cluster: what it is, and its objects page by page, each in the
// form in which manifests are judged too.
//
// It only gets and lists, with the rights that [ClusterRole] names. What could not be
// listed is in the [Result] with the reason, so that nobody takes it for absent. Values of
// Secrets are never kept, and are not even asked for unless [Options] says so.
package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // kubeconfigs with auth-provider: oidc
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/seaworthy-dev/seaworthy"
)

// Options says which cluster to read, as whom, and what.
type Options struct {
	// Kubeconfig is a file; empty: KUBECONFIG, else ~/.kube/config, else the service
	// account of the pod in which the program runs.
	Kubeconfig string
	// Context of the kubeconfig; empty: its current one.
	Context string
	// As and AsGroups impersonate another user.
	As       string
	AsGroups []string
	// Timeout bounds one request; 0 means [DefaultTimeout].
	Timeout time.Duration
	// QPS and Burst bound the requests per second; 0 means [DefaultQPS] and twice that.
	QPS   float32
	Burst int
	// Namespaces limits the objects to these namespaces; empty: all. Objects outside
	// namespaces are then read as far as the rights go.
	Namespaces []string
	// Secrets lists Secrets too. The API server then sends their values, which are dropped
	// on arrival; only the names of their keys are kept.
	Secrets bool
	// UserAgent names the program to the API server.
	UserAgent string
}

// The defaults of [Options].
const (
	DefaultTimeout = time.Minute
	DefaultQPS     = 50
)

// Cluster is a live cluster. It is safe for concurrent use.
type Cluster struct {
	name       string // of the context
	host       string
	timeout    time.Duration
	namespaces []string
	secrets    bool
	rest       *rest.RESTClient
	watches    *rest.RESTClient // the same without a limit on how long an answer takes
	discovery  *discovery.DiscoveryClient
}

// Open reads the kubeconfig; nothing is asked of the cluster yet.
func Open(o Options) (*Cluster, error) {
	config, name, err := load(o)
	if err != nil {
		return nil, err
	}
	return New(config, name, o)
}

// New reads the cluster of a client configuration, whose name is shown in the report.
func New(config *rest.Config, name string, o Options) (*Cluster, error) {
	config = rest.CopyConfig(config)
	config.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	config.QPS = cmp.Or(o.QPS, DefaultQPS)
	config.Burst = cmp.Or(o.Burst, int(2*config.QPS))
	config.UserAgent = cmp.Or(o.UserAgent, "seaworthy")
	config.WarningHandler = rest.NoWarnings{}
	config.ContentType, config.AcceptContentTypes = "", ""
	if o.As != "" || len(o.AsGroups) > 0 {
		config.Impersonate = rest.ImpersonationConfig{UserName: o.As, Groups: o.AsGroups}
	}
	if config.Impersonate.UserName == "" && len(config.Impersonate.Groups) > 0 {
		return nil, seaworthy.Invalid("a group to act as needs a user to act as")
	}
	for _, n := range o.Namespaces {
		if problems := validation.IsDNS1123Label(n); len(problems) > 0 {
			return nil, seaworthy.Invalid("namespace %q: %s", n, problems[0])
		}
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, invalid("read the client configuration of "+name, err)
	}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	raw, err := rest.UnversionedRESTClientForConfigAndClient(config, client)
	if err != nil {
		return nil, invalid("read the client configuration of "+name, err)
	}
	lasting := *client
	lasting.Timeout = 0
	watches, err := rest.UnversionedRESTClientForConfigAndClient(config, &lasting)
	if err != nil {
		return nil, invalid("read the client configuration of "+name, err)
	}
	disco, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, invalid("read the client configuration of "+name, err)
	}
	host := config.Host
	if u, err := url.Parse(host); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return &Cluster{
		name: cmp.Or(name, host), host: host, timeout: config.Timeout,
		namespaces: o.Namespaces, secrets: o.Secrets, rest: raw, watches: watches, discovery: disco,
	}, nil
}

// load finds the client configuration as kubectl does.
func load(o Options) (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if o.Kubeconfig != "" {
		if _, err := os.Stat(o.Kubeconfig); err != nil {
			return nil, "", invalid("read the kubeconfig", err)
		}
		rules.ExplicitPath = o.Kubeconfig
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, "", invalid("read the kubeconfig", err)
	}
	name := cmp.Or(o.Context, raw.CurrentContext)
	if _, ok := raw.Contexts[name]; !ok && o.Context != "" {
		return nil, "", seaworthy.Invalid("the kubeconfig has no context %q", o.Context)
	}
	config, err := loader.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err) || errors.Is(err, rest.ErrNotInCluster):
		return nil, "", seaworthy.Invalid("no cluster: there is no kubeconfig (--kubeconfig, KUBECONFIG or ~/.kube/config), and this is no pod")
	case err != nil:
		return nil, "", invalid("read the kubeconfig", err)
	case name == "":
		name = "in-cluster"
	}
	return config, name, nil
}

func invalid(doing string, err error) error {
	return &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: doing, Err: err}
}

// told turns an error of the API server into one that users are shown.
func told(doing string, err error) error {
	kind := seaworthy.KindUnavailable
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		kind = seaworthy.KindForbidden
	}
	return &seaworthy.Error{Kind: kind, Message: doing, Err: err}
}

// reason says in a few words why something could not be had.
func (c *Cluster) reason(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case apierrors.IsForbidden(err):
		return "forbidden: " + err.Error()
	case apierrors.IsUnauthorized(err):
		return "not logged in: " + err.Error()
	case apierrors.IsNotFound(err):
		return "not served: " + err.Error()
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s: %v", c.timeout, err)
	case apierrors.IsServiceUnavailable(err):
		return "unavailable: " + err.Error()
	}
	return err.Error()
}
