// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seaworthy-dev/seaworthy/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"seaworthy": func() { os.Exit(cli.Run()) },
	})
}

// Each file of testdata/script is a story: what somebody has, does and sees.
//
//	exits CODE seaworthy ARG…   runs the program and wants exactly this exit code
//	pack PACKAGE KEYFILE        makes an evidence package and the public key of its log
//	tamper FILE OFFSET          changes one byte
//	serve FOLDER FLAG…          starts a server; $SERVER and $LINK say where it is
//	unserve                     stops it
//	signup ROLE                 makes the first owner, and $SEAWORTHY_TOKEN of the role
//	http METHOD PATH [BODY]     asks the server; status, headers and body are its output
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "pack": pack, "tamper": tamper, "serve": serve, "unserve": unserve, "signup": signup, "http": get,
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Setup: func(e *testscript.Env) error {
			e.Values[processKey{}] = &process{}
			e.Setenv("NO_COLOR", "")
			e.Setenv("KUBECONFIG", "")
			e.Setenv("NOW", time.Now().UTC().Format(time.RFC3339))
			return nil
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
