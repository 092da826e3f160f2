// SPDX-License-Identifier: Apache-2.0

// Command build puts the object storage of the tests into the cache and prints where.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/seaworthy-dev/seaworthy/test/s3"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	path, err := s3.Build(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}
