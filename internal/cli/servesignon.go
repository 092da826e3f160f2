// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy"
)

// signOnOptions are the settings of single sign-on that need a second look.
type signOnOptions struct {
	secretFile, defaultRole string
	roles, teams            []string
}

// signOnPrefix begins the name of each of these flags.
const signOnPrefix = "oidc-"

func (o *serveOptions) signOnFlags(f *pflag.FlagSet) {
	c := &o.SignOn
	f.StringVar(&c.Issuer, "oidc-issuer", "", "`URL` of the provider of single sign-on (OpenID Connect), as it names itself")
	f.StringVar(&c.ClientID, "oidc-client-id", "", "`ID` under which the provider knows this server")
	f.StringVar(&o.signOn.secretFile, "oidc-client-secret-file", "", "`FILE` with the secret of that client; without one it is a public client")
	f.StringVar(&c.Name, "oidc-name", "", "`NAME` of the provider on the button. Default: its host")
	f.StringSliceVar(&c.Scopes, "oidc-scopes", nil, "`SCOPES` to ask for beside openid. Default: profile, email, and groups where the provider has it")
	f.StringVar(&c.GroupsClaim, "oidc-groups-claim", "groups", "`CLAIM` that lists the groups of a person")
	f.StringArrayVar(&o.signOn.roles, "oidc-role", nil, "`GROUP=ROLE`: the role of the members of a group, at each sign-in; the most powerful counts (repeatable)")
	f.StringVar(&o.signOn.defaultRole, "oidc-default-role", "", "`ROLE` of people in no such group. Default: they do not come in")
	f.StringArrayVar(&o.signOn.teams, "oidc-team", nil, "`GROUP=TEAM`: the team of the members of a group, by its name or id, at each sign-in (repeatable)")
	f.BoolVar(&c.LinkVerified, "oidc-link-email", false, "Let a verified address find the account that has it")
	f.BoolVar(&c.AssumeVerified, "oidc-trust-email", false, "Take all addresses of the provider as verified, for one that does not say, such as Entra ID")
	f.BoolVar(&c.TrustSecondFactor, "oidc-trust-second-factor", false, "Ask for no second factor of this server: the provider does")
	f.BoolVar(&o.SignOnOnly, "oidc-only", false, "Leave passwords and passkeys to owners and auditors; a verified address then finds its account")
}

// signOnConfig turns what the command line says of single sign-on into what a server needs.
func (o *serveOptions) signOnConfig(f *pflag.FlagSet) (err error) {
	c := &o.SignOn
	if c.Issuer == "" {
		f.Visit(func(flag *pflag.Flag) {
			if err == nil && strings.HasPrefix(flag.Name, signOnPrefix) {
				err = usageError{errors.New("--" + flag.Name + " needs --oidc-issuer")}
			}
		})
		return err
	}
	if o.signOn.secretFile != "" {
		data, err := os.ReadFile(o.signOn.secretFile)
		if err != nil {
			return seaworthy.Invalid("read --oidc-client-secret-file: %v", err)
		}
		if c.ClientSecret = strings.TrimSpace(string(data)); c.ClientSecret == "" {
			return seaworthy.Invalid("--oidc-client-secret-file %s is empty", o.signOn.secretFile)
		}
	}
	roles, err := pairs("--oidc-role", "ROLE", o.signOn.roles)
	if err != nil {
		return err
	}
	for group, role := range roles {
		if c.Roles == nil {
			c.Roles = map[string]seaworthy.Role{}
		}
		c.Roles[group] = seaworthy.Role(role)
	}
	if c.Teams, err = pairs("--oidc-team", "TEAM", o.signOn.teams); err != nil {
		return err
	}
	c.DefaultRole = seaworthy.Role(o.signOn.defaultRole)
	c.Create = len(c.Roles) > 0 || c.DefaultRole != ""
	c.LinkVerified = c.LinkVerified || o.SignOnOnly // or nobody could link an account that owners made
	return nil
}

// pairs reads GROUP=WHAT. The last sign of equality divides, for groups of a directory may
// have names such as cn=security,ou=groups.
func pairs(flag, what string, list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for _, text := range list {
		at := strings.LastIndex(text, "=")
		if at <= 0 || at == len(text)-1 {
			return nil, usageError{errors.New(flag + " " + text + " is not GROUP=" + what)}
		}
		group := text[:at]
		if _, twice := out[group]; twice {
			return nil, usageError{errors.New(flag + " names the group " + group + " twice")}
		}
		out[group] = text[at+1:]
	}
	return out, nil
}
