// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/agent"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/footprint"
)

// agentOptions are what the command line says of an agent; the rest is in the settings.
type agentOptions struct {
	agent.Config
	configFile          string
	kubeconfig, context string
	serverCA            string
	enrolmentFile       string
	listen, health      string
	logFormat, logLevel string
}

func (p *program) agentCommand() *cobra.Command {
	var o agentOptions
	cmd := &cobra.Command{
		Use: "agent", Short: "Watch a cluster from inside, for a server", Args: noArgs,
		Long: "Agent watches the cluster in which it runs: it keeps the findings at the server current,\n" +
			"records who changes what, answers the admission webhook, and tells people by itself of\n" +
			"what cannot wait. It is installed by its Helm chart; see docs/agent.md.\n\n" +
			"It enrols itself with a token that works once, which the server's pages give out, and\n" +
			"has a key of its own from then on, in a Secret of its namespace.",
		Example: "  seaworthy agent --server https://seaworthy.example.com --enrolment-file token\n" +
			"  seaworthy agent --config seaworthy.yaml --server https://seaworthy.example.com --spool /var/lib/seaworthy",
		RunE: func(cmd *cobra.Command, _ []string) error { return p.agent(cmd.Context(), &o) },
	}
	o.flags(cmd.Flags())
	cmd.AddCommand(p.agentManifestsCommand())
	return cmd
}

func (o *agentOptions) flags(f *pflag.FlagSet) {
	host, err := os.Hostname()
	if err != nil {
		host = "agent"
	}
	f.StringVar(&o.configFile, "config", "", "Configuration `FILE`; its block agent is for this command. Default: seaworthy.yaml here or above")
	f.StringVar(&o.Server, "server", os.Getenv("SEAWORTHY_SERVER"), "`URL` of the server. Default: SEAWORTHY_SERVER")
	f.StringVar(&o.serverCA, "server-ca", "", "`FILE` with who signed the server's certificate (PEM). Default: those that the system trusts")
	f.StringVar(&o.enrolmentFile, "enrolment-file", "", "`FILE` with the token that works once; it is read where the agent has no key that the server knows")
	f.StringVar(&o.Spool, "spool", "seaworthy-agent", "`FOLDER` of this replica alone, for what the server has not taken yet")
	f.Int64Var(&o.Limit, "spool-limit", 1<<30, "`BYTES` that may wait for the server in each of two streams")
	f.StringVar(&o.Name, "name", "seaworthy-agent", "`NAME` of the agent's own objects: Service, Lease, Secrets, webhook configuration")
	f.StringVar(&o.Namespace, "namespace", cmp.Or(os.Getenv("POD_NAMESPACE"), "seaworthy"), "Namespace of these objects. Default: POD_NAMESPACE, else seaworthy")
	f.StringVar(&o.Replica, "replica", cmp.Or(os.Getenv("POD_NAME"), host), "`NAME` of this replica. Default: POD_NAME, else the name of the host")
	f.StringVar(&o.listen, "listen", ":8443", "`ADDRESS` where the API server asks the webhook and sends audit events, over TLS")
	f.StringVar(&o.health, "metrics-listen", ":9090", "`ADDRESS` of /metrics, /healthz and /readyz")
	f.StringVar(&o.URL, "webhook-url", "", "`URL` at which the API server reaches --listen, for an agent outside of its cluster. Default: the Service")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "Path of the kubeconfig. Default: KUBECONFIG, else ~/.kube/config, else the pod's own")
	f.StringVar(&o.context, "context", "", "Context of the kubeconfig")
	f.StringVar(&o.logFormat, "log-format", "text", "`FORMAT` of the log on standard error: text or json")
	f.StringVar(&o.logLevel, "log-level", "info", "`LEVEL`: debug, info, warn or error")
}

// agent runs until it is told to end.
func (p *program) agent(ctx context.Context, o *agentOptions) (err error) {
	cfg, err := loadConfig(o.configFile, nil)
	if err != nil {
		return err
	}
	cfg.Cluster.Kubeconfig, cfg.Cluster.Context = cmp.Or(o.kubeconfig, cfg.Cluster.Kubeconfig), cmp.Or(o.context, cfg.Cluster.Context)
	if err := o.complete(p, cfg); err != nil {
		return err
	}
	if o.Listener, err = net.Listen("tcp", o.listen); err != nil {
		return seaworthy.Invalid("listen for the API server: %v", err)
	}
	defer func() { _ = o.Listener.Close() }()
	if o.Health, err = net.Listen("tcp", o.health); err != nil {
		return seaworthy.Invalid("listen for metrics: %v", err)
	}
	defer func() { _ = o.Health.Close() }()
	if err := o.cluster(ctx, cfg); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	limitMemory()
	a, err := agent.New(o.Config)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		beside.Go(func() { footprint.Collect(ctx, heapGrowth, heapLeast, a.Observed) })
	}
	if err := footprint.Shrink(); err != nil { // what only the start needed
		o.Log.Debug("pages of the program's file stay mapped", "error", err)
	}
	return a.Run(ctx)
}

// By how many percent, and bytes at least, the heap of an agent may grow before the
// collector runs: three times as often as usual where much is held. GOGC wins.
const heapGrowth, heapLeast = 30, 20 << 20

// limitMemory has the collector run harder where the limit of the pod comes near.
// GOMEMLIMIT wins.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(400 << 20)
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if n, ok := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && ok == nil && n > 0 && n < 1<<40 {
			limit = n / 10 * 9
			break
		}
	}
	debug.SetMemoryLimit(limit)
}

// complete turns flags and settings into what an agent needs, but for the cluster.
func (o *agentOptions) complete(p *program, cfg *config.Config) (err error) {
	if o.Server == "" {
		return usageError{errors.New("--server is needed, such as https://seaworthy.example.com")}
	}
	if len(cfg.Cluster.Namespaces) > 0 {
		return seaworthy.Invalid("an agent watches whole clusters: cluster.namespaces is for scans")
	}
	if err := cfg.Validate(func(path, _ string) string { return path }); err != nil {
		return err
	}
	if o.Log, err = p.logger(o.logFormat, o.logLevel); err != nil {
		return err
	}
	if o.HTTP, err = trusting(o.serverCA); err != nil {
		return err
	}
	o.Version, o.Secrets, o.OwnSecrets, o.OpenReports = Version(), cfg.Cluster.Secrets, cfg.Agent.Secrets, cfg.Agent.Reports.OpenReports
	o.Enrolment = func() (string, error) { return secretFile("--enrolment-file", o.enrolmentFile) }
	if o.AuditLog = cfg.Agent.Audit.Log; cfg.Agent.Audit.TokenFile != "" {
		if o.AuditToken, err = secretFile("agent.audit.tokenFile", cfg.Agent.Audit.TokenFile); err != nil {
			return err
		}
		if len(o.AuditToken) < 16 {
			return seaworthy.Invalid("agent.audit.tokenFile: the token is shorter than 16 bytes")
		}
	}
	a := cfg.Agent.Admission
	if !a.Off {
		o.Admission = admissionConfig(a)
		if o.Admission.Signatures, err = signatures(a.Signatures); err != nil {
			return err
		}
		o.Files = agent.CertificateFiles{Certificate: a.Certificate, Key: a.Key, Authority: a.Authority}
	}
	if err := os.MkdirAll(o.Spool, 0o700); err != nil {
		return seaworthy.Invalid("make the folder of --spool: %v", err)
	}
	o.Notices, err = ownNotices(cfg.Agent.Notices)
	return err
}

// cluster waits for the API server to say what the cluster is.
func (o *agentOptions) cluster(ctx context.Context, cfg *config.Config) error {
	for {
		l, err := openCluster(ctx, cfg)
		if err == nil {
			o.Cluster, o.Source, o.Problems = l.cluster, l.source, l.problems
			if o.Scan, err = scanConfig(ctx, cfg); err != nil {
				return err
			}
			return nil
		}
		var known *seaworthy.Error
		if ctx.Err() != nil || !errors.As(err, &known) || known.Kind != seaworthy.KindUnavailable {
			return err
		}
		o.Log.Warn("the API server does not answer", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
}

// admissionConfig is what the settings say of the webhook.
func admissionConfig(a config.Admission) *admission.Config {
	out := &admission.Config{
		Default: admission.Mode(a.Mode), FailurePolicy: admissionregistration.FailurePolicyType(a.FailurePolicy), WholeUpdates: a.WholeUpdates,
		JudgeOwned: a.JudgeOwned, Controllers: a.Controllers,
	}
	for _, m := range a.Modes {
		out.Modes = append(out.Modes, admission.ModeIn{
			Checks: m.Checks, AtLeast: seaworthy.Severity(m.AtLeast), Clusters: m.Clusters, Environments: m.Environments,
			Namespaces: m.Namespaces, Labels: m.Labels, Mode: admission.Mode(m.Mode),
		})
	}
	return out
}

// trusting makes the HTTP client for the server.
func trusting(file string) (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 2 * time.Minute
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, seaworthy.Invalid("read --server-ca: %v", err)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, seaworthy.Invalid("--server-ca %s holds no certificate", file)
		}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// secretFile reads a secret of one line.
func secretFile(setting, file string) (string, error) {
	if file == "" {
		return "", seaworthy.Invalid("%s is needed", setting)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", seaworthy.Invalid("read %s: %v", setting, err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", seaworthy.Invalid("%s: %s is empty", setting, file)
	}
	return secret, nil
}
