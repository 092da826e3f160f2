// SPDX-License-Identifier: Apache-2.0

// Command build puts the binaries of the test control plane into the cache.
//
//	build          etcd and kube-apiserver
//	build cluster  these, and what a whole cluster needs
//	build dir      builds nothing, prints the folder
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver/binaries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	pins, err := binaries.Find()
	if err != nil {
		return err
	}
	what := ""
	if len(args) > 0 {
		what = args[0]
	}
	switch what {
	case "":
		return pins.Build(ctx, binaries.Server(), os.Stdout)
	case "cluster":
		return pins.Build(ctx, append(binaries.Server(), binaries.Cluster()...), os.Stdout)
	case "dir":
		dir, err := pins.Dir()
		if err == nil {
			fmt.Println(dir)
		}
		return err
	}
	return fmt.Errorf("unknown argument %q: want nothing, cluster or dir", what)
}
