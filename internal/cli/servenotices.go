// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"net"
	"net/mail"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy"
)

// noticeOptions are the settings of notices that need a second look.
type noticeOptions struct {
	host, passwordFile, tls string
	allow                   []string
}

// smtpPrefix begins the name of each flag of e-mail.
const smtpPrefix = "smtp-"

func (o *serveOptions) noticeFlags(f *pflag.FlagSet) {
	m := &o.Mail
	f.StringVar(&o.notices.host, "smtp-host", "", "`HOST[:PORT]` of the mail server through which notices go. Default: no e-mail")
	f.StringVar(&m.Username, "smtp-user", "", "`NAME` to sign in with there; without one nobody signs in")
	f.StringVar(&o.notices.passwordFile, "smtp-password-file", "", "`FILE` with the password")
	f.StringVar(&m.From, "smtp-from", "", "`ADDRESS` that notices come from")
	f.StringVar(&o.notices.tls, "smtp-tls", "starttls", "`HOW` the connection is kept secret: starttls, implicit (port 465), or none, for a relay on the same machine")
	f.StringSliceVar(&o.notices.allow, "allow-outgoing", nil, "`NETWORKS` inside of which addresses that people set may be, such as 10.1.0.0/16: the server's own network is closed to them (repeatable)")
}

// noticeConfig turns what the command line says of notices into what a server needs.
func (o *serveOptions) noticeConfig(f *pflag.FlagSet) error {
	for _, text := range o.notices.allow {
		prefix, err := network(text)
		if err != nil {
			return err
		}
		o.Outgoing.Allow = append(o.Outgoing.Allow, prefix)
	}
	if o.notices.host == "" {
		return lonely(f, smtpPrefix, "smtp-host")
	}
	m := &o.Mail
	switch o.notices.tls {
	case "starttls":
	case "implicit":
		m.Implicit, m.Port = true, 465
	case "none":
		m.Plain, m.Port = true, 25
	default:
		return usageError{errors.New("--smtp-tls must be starttls, implicit or none")}
	}
	if err := o.mailHost(); err != nil {
		return err
	}
	if from, err := mail.ParseAddress(m.From); err != nil {
		return usageError{errors.New("--smtp-host needs --smtp-from with the address that notices come from, such as seaworthy@example.com")}
	} else if m.From = from.Address; from.Name != "" {
		m.From = from.String()
	}
	return o.mailPassword()
}

// mailHost reads HOST or HOST:PORT.
func (o *serveOptions) mailHost() error {
	m := &o.Mail
	m.Host = o.notices.host
	if host, port, err := net.SplitHostPort(o.notices.host); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return usageError{errors.New("--smtp-host " + o.notices.host + " has no port from 1 to 65535")}
		}
		m.Host, m.Port = host, int(n)
	}
	m.Port = cmp.Or(m.Port, 587)
	if m.Host == "" {
		return usageError{errors.New("--smtp-host names no host")}
	}
	return nil
}

func (o *serveOptions) mailPassword() error {
	m := &o.Mail
	switch {
	case (m.Username == "") != (o.notices.passwordFile == ""):
		return usageError{errors.New("--smtp-user and --smtp-password-file go together")}
	case m.Username == "":
		return nil
	case m.Plain:
		return usageError{errors.New("--smtp-tls none would send the password in the clear; leave out --smtp-user, or use starttls or implicit")}
	}
	data, err := os.ReadFile(o.notices.passwordFile)
	if err != nil {
		return seaworthy.Invalid("read --smtp-password-file: %v", err)
	}
	if m.Password = strings.TrimSpace(string(data)); m.Password == "" {
		return seaworthy.Invalid("--smtp-password-file %s is empty", o.notices.passwordFile)
	}
	return nil
}

// lonely refuses flags of a prefix that mean nothing without another.
func lonely(f *pflag.FlagSet, prefix, needed string) (err error) {
	f.Visit(func(flag *pflag.Flag) {
		if err == nil && strings.HasPrefix(flag.Name, prefix) {
			err = usageError{errors.New("--" + flag.Name + " needs --" + needed)}
		}
	})
	return err
}

// network reads an address or a range of addresses that people may set.
func network(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	at, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, usageError{errors.New("--allow-outgoing " + text + " is neither an address nor a range such as 10.1.0.0/16")}
	}
	return netip.PrefixFrom(at, at.BitLen()), nil
}
