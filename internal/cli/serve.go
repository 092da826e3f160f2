// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// serveOptions are the settings of a server, as the command line has them.
type serveOptions struct {
	server.Config
	witnesses, proxies   []string
	controls, frameworks []string
	logFormat, logLevel  string
	databaseFile         string
	signOn               signOnOptions
	notices              noticeOptions
	tsaCert              string
}

func (p *program) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server: web pages, API, evidence", Args: noArgs,
		Long: "Serve runs the server: the web pages, the API that scans and agents report to, and the\n" +
			"vault of evidence. On an empty machine it needs nothing: it makes a data folder with a\n" +
			"SQLite database, the blobs of evidence and two keys, and prints the link by which the\n" +
			"first owner makes an account.\n\n" +
			"Keep a copy of the key that signs the log (log.key) apart from backups of the data:\n" +
			"who has both can rewrite history, and without the key the log cannot go on.",
		Example: "  seaworthy serve\n" +
			"  seaworthy serve --listen :8443 --tls-cert cert.pem --tls-key key.pem --base-url https://seaworthy.example.com\n" +
			"  seaworthy serve --database-file /run/secrets/database --storage s3://storage.example.com/evidence",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.signOnConfig(cmd.Flags()); err != nil {
				return err
			}
			if err := o.noticeConfig(cmd.Flags()); err != nil {
				return err
			}
			return p.serve(cmd.Context(), &o)
		},
	}
	o.dataFlags(cmd.Flags())
	o.serveFlags(cmd.Flags())
	o.signOnFlags(cmd.Flags())
	o.noticeFlags(cmd.Flags())
	return cmd
}

// dataFlags say where the data is; backup and restore take them too.
func (o *serveOptions) dataFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Data, "data", dataFolder(), "Data `FOLDER`: SQLite database, blobs and keys")
	f.StringVar(&o.Database, "database", os.Getenv("SEAWORTHY_DATABASE"), "PostgreSQL `URL`: postgres://user:password@host:5432/name. Default: SQLite in the data folder")
	f.StringVar(&o.databaseFile, "database-file", "", "`FILE` that holds the PostgreSQL URL, which keeps its password off the command line")
	f.StringVar(&o.Storage, "storage", "", "Storage of blobs: s3://`HOST/BUCKET`[/PREFIX][?region=REGION]. Default: the data folder")
	f.StringVar(&o.LogKey, "log-key", "", "`FILE` with the key that signs the log. Default: log.key in the data folder, made at the first start")
	f.StringVar(&o.SecretKey, "secret-key", "", "`FILE` with the key that seals secrets at rest. Default: secret.key in the data folder, made at the first start")
}

func (o *serveOptions) serveFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on")
	f.StringVar(&o.MetricsListen, "metrics-listen", "", "`ADDRESS` that serves metrics without a token")
	f.StringVar(&o.BaseURL, "base-url", "", "`URL` at which browsers reach the server. Default: that of --listen")
	f.StringVar(&o.TLSCert, "tls-cert", "", "Certificate `FILE` (PEM)")
	f.StringVar(&o.TLSKey, "tls-key", "", "`FILE` with the certificate's key (PEM)")
	f.StringSliceVar(&o.proxies, "trusted-proxy", nil, "`ADDRESSES` of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8 (repeatable)")
	f.StringArrayVar(&o.witnesses, "witness", nil, "Public `KEY` of a witness that may cosign the log, or a file that holds it (repeatable)")
	f.StringVar(&o.Timestamps.URL, "tsa-url", "", "`URL` of a timestamp authority (RFC 3161) that sees the head of the log once an hour")
	f.StringVar(&o.tsaCert, "tsa-cert", "", "`FILE` with the authority's certificate, or of who vouches for it (PEM): no other's timestamp is kept")
	f.BoolVar(&o.PrivateLog, "private-log", false, "Serve the log's tiles only to who may read the log")
	f.BoolVar(&o.RequireSecondFactor, "require-second-factor", false, "Let nobody in without a second factor")
	f.DurationVar(&o.SessionLifetime, "session-lifetime", 7*24*time.Hour, "How long people stay signed in at most; groups of single sign-on are read anew at each sign-in")
	f.StringSliceVar(&o.controls, "controls", nil, "`FOLDERS` with controls of your own")
	f.StringSliceVar(&o.frameworks, "frameworks", nil, "`FOLDERS` with frameworks of your own")
	f.StringVar(&o.logFormat, "log-format", "text", "`FORMAT` of the server's own log on standard error: text or json")
	f.StringVar(&o.logLevel, "log-level", "info", "`LEVEL`: debug, info, warn or error")
	f.DurationVar(&o.Wait, "wait", 30*time.Second, "How long to wait at the start for a database that does not answer")
}

// dataFolder is the default data folder: the one that is here, or the one that the XDG
// directories say, where they are set.
func dataFolder() string {
	const here = "seaworthy-data"
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" && filepath.IsAbs(dir) {
		if _, err := os.Stat(here); err != nil {
			return filepath.Join(dir, "seaworthy")
		}
	}
	return here
}

func (p *program) serve(ctx context.Context, o *serveOptions) error {
	if o.SessionLifetime < time.Minute {
		return usageError{errors.New("--session-lifetime must be a minute at least, such as 12h")}
	}
	if err := o.complete(p); err != nil {
		return err
	}
	l, err := server.Listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	if o.BaseURL == "" { // also when the port was chosen by the machine
		o.BaseURL = baseURL(l.Addr().String(), o.TLSCert != "")
	}
	s, err := server.Open(ctx, o.Config)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	err = s.Run(ctx, l)
	return errors.Join(err, s.Close())
}

// baseURL is where a browser on this machine reaches the address.
func baseURL(address string, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	at, err := netip.ParseAddrPort(address)
	if err == nil && at.Addr().IsUnspecified() {
		return scheme + "localhost:" + strconv.Itoa(int(at.Port()))
	}
	return scheme + address
}

// complete turns what the command line says into what a server needs.
func (o *serveOptions) complete(p *program) (err error) {
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return usageError{errors.New("--tls-cert and --tls-key go together")}
	}
	if err := o.database(); err != nil {
		return err
	}
	if o.Log, err = p.logger(o.logFormat, o.logLevel); err != nil {
		return err
	}
	for _, text := range o.proxies {
		prefix, err := proxyPrefix(text)
		if err != nil {
			return err
		}
		o.TrustedProxies = append(o.TrustedProxies, prefix)
	}
	for _, w := range o.witnesses {
		key, err := keyText(w)
		if err != nil {
			return err
		}
		o.Witnesses = append(o.Witnesses, key)
	}
	if err := o.timestamps(); err != nil {
		return err
	}
	o.Version, o.Out = Version(), p.out
	return o.catalogue()
}

// timestamps reads the certificates of the timestamp authority.
func (o *serveOptions) timestamps() (err error) {
	if o.tsaCert == "" {
		return nil
	}
	if o.Timestamps.URL == "" {
		return usageError{errors.New("--tsa-cert needs --tsa-url")}
	}
	o.Timestamps.Roots, err = certificates(o.tsaCert)
	return err
}

// database reads the URL of the database from its file.
func (o *serveOptions) database() error {
	if o.databaseFile == "" {
		return nil
	}
	data, err := os.ReadFile(o.databaseFile)
	if err != nil {
		return seaworthy.Invalid("read --database-file: %v", err)
	}
	o.Database = strings.TrimSpace(string(data))
	return nil
}

// catalogue loads checks, controls and frameworks, the built-in ones and the company's.
func (o *serveOptions) catalogue() (err error) {
	if o.Checks, err = scan.Builtin(); err != nil {
		return err
	}
	if o.Controls, err = controls.List(); err != nil {
		return err
	}
	for _, dir := range o.controls {
		if o.Controls, _, err = controls.Load(dir, o.Controls); err != nil {
			return err
		}
	}
	if o.Frameworks, err = frameworks.List(); err != nil {
		return err
	}
	for _, dir := range o.frameworks {
		if o.Frameworks, _, err = frameworks.Load(dir, o.Frameworks, o.Controls); err != nil {
			return err
		}
	}
	return nil
}

// logger writes the server's own log to standard error.
func (p *program) logger(format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError{errors.New("--log-level must be debug, info, warn or error")}
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(p.err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(p.err, options)), nil
	}
	return nil, usageError{errors.New("--log-format must be text or json")}
}

// proxyPrefix reads an address or a range of addresses.
func proxyPrefix(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	at, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, usageError{errors.New("--trusted-proxy " + text + " is neither an address nor a range such as 10.0.0.0/8")}
	}
	return netip.PrefixFrom(at, at.BitLen()), nil
}

// keyText gives a public key: itself, or the first line of a file.
func keyText(key string) (string, error) {
	if strings.Contains(key, "+") && !fileExists(key) {
		return key, nil
	}
	data, err := os.ReadFile(key)
	if err != nil {
		return "", seaworthy.Invalid("the key %s is neither a public key nor a file that can be read: %v", key, err)
	}
	text, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(text), nil
}
