// SPDX-License-Identifier: Apache-2.0

// Package openid runs a real provider of OpenID Connect for tests of single sign-on.
//
// The provider is the module test/identityprovider, which `make identityprovider` builds.
// A test without it is skipped, unless SEAWORTHY_REQUIRE_IDENTITYPROVIDER is set: then it
// fails.
package openid

import (
	"bufio"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/test/beside"
)

// Provider is what is built.
var Provider = beside.Program{
	Name: "identity provider", Module: "identityprovider", Package: ".", Binary: "identityprovider",
	Sources: []string{"go.mod", "go.sum", "main.go"}, Without: "no sign-on was tried against a real provider",
}

// Setup is what a provider knows.
type Setup struct {
	ClientID, ClientSecret, RedirectURI string
	People                              []Person
	// Sparse leaves all but the subject to user information.
	Sparse bool
}

// Person is somebody who can sign in at the provider.
type Person struct {
	Subject, Email, Name, Password string
	Verified                       bool
	Groups                         []string
}

// Start runs a provider until the test ends, and gives its issuer.
func Start(t testing.TB, s Setup) string {
	t.Helper()
	cmd := exec.Command(Provider.Need(t))
	cmd.Stderr = t.Output()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatalf("start the identity provider: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close() // it stops when its input ends
		if err := cmd.Wait(); err != nil {
			t.Errorf("stop the identity provider: %v", err)
		}
	})
	if err := json.NewEncoder(in).Encode(s); err != nil {
		t.Fatalf("set up the identity provider: %v", err)
	}
	issuer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("wait for the identity provider: %v", err)
	}
	return strings.TrimSpace(issuer)
}
